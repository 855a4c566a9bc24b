"""Sign-in at an OpenID Connect provider: authorization code flow with PKCE, state and nonce.

OpenID Connect Core 1.0, section 3.1; Discovery 1.0; RFC 7636. authlib speaks the protocol, joserfc checks the
signature; what the provider says is believed only when it is signed with a key that it publishes, for this
client and for this very sign-in.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from rag.errors import ProviderError, SignInError
from rag.server_settings import OidcSettings

__all__ = ["Provider", "Vouched"]

TIMEOUT_S = 10.0
KEPT_S = 3600.0
LEEWAY_S = 60
# those with a public key: with "none" or a shared secret, anybody or every client could sign
ALGORITHMS = tuple("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split())


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for. ``groups`` None: it does not say."""

    subject: str
    name: str
    email: str
    groups: list[str] | None


class Provider:
    """The provider that the settings name. What it publishes of itself is kept for an hour."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._read = 0.0

    async def begin(self, redirect_uri: str, state: str) -> tuple[str, dict[str, str]]:
        """Where to send the browser, and what ``finish`` needs to know again. Raises ProviderError."""
        kept = {
            "nonce": secrets.token_urlsafe(32),
            "verifier": secrets.token_urlsafe(48),
            "redirect_uri": redirect_uri,
        }
        async with self._client(redirect_uri) as client:
            metadata = await self._discover(client)
            url, _ = client.create_authorization_url(
                _endpoint(metadata, "authorization_endpoint"),
                state=state,
                nonce=kept["nonce"],
                code_verifier=kept["verifier"],
            )
        return str(url), kept

    async def finish(self, code: str, kept: Mapping[str, str]) -> Vouched:
        """Who came back with this code. Raises ProviderError, SignInError."""
        async with self._client(kept["redirect_uri"]) as client:
            metadata = await self._discover(client)
            try:
                token = await client.fetch_token(
                    _endpoint(metadata, "token_endpoint"), code=code, code_verifier=kept["verifier"]
                )
            except AuthlibBaseError as error:
                # its description may hold what was sent; its code is one of a few words
                raise SignInError(
                    f"{self._settings.name} refused this sign-in ({error.error}).", "Sign in again."
                ) from error
            except (httpx2.HTTPError, ValueError) as error:
                raise self._failed(error) from error
            claims = await self._verified(client, str(token.get("id_token", "")), kept["nonce"])
            if self._settings.groups_claim and self._settings.groups_claim not in claims:
                claims = {**await self._user_info(client, metadata, claims["sub"]), **claims}
        return self._vouched(claims)

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._settings.client_id,
            client_secret=self._settings.client_secret or None,
            scope=self._settings.scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )

    async def _discover(self, client: AsyncOAuth2Client) -> dict[str, Any]:
        if not self._metadata or time.monotonic() - self._read > KEPT_S:
            found = await self._get(client, get_well_known_url(self._settings.issuer, external=True))
            if found.get("issuer") != self._settings.issuer:
                raise ProviderError(
                    f"The provider calls itself {found.get('issuer')!r}, not {self._settings.issuer!r}.",
                    "Set auth.oidc.issuer to exactly what it calls itself.",
                )
            self._metadata, self._keys, self._read = found, None, time.monotonic()
        return self._metadata

    async def _get(self, client: AsyncOAuth2Client, url: str) -> dict[str, Any]:
        try:
            answered = await client.request("GET", url, withhold_token=True)
            answered.raise_for_status()
            found = answered.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._failed(error) from error
        if not isinstance(found, dict):
            raise self._failed(ValueError("not an object"))
        return found

    async def _key_set(self, client: AsyncOAuth2Client, *, anew: bool = False) -> KeySet:
        if self._keys is None or anew:
            published = await self._get(client, _endpoint(self._metadata, "jwks_uri"))
            try:
                self._keys = KeySet.import_key_set(published)  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError) as error:
                raise self._failed(error) from error
        return self._keys

    async def _verified(self, client: AsyncOAuth2Client, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token, if it is what it has to be. Raises SignInError."""
        try:
            try:
                read = jwt.decode(token, await self._key_set(client), algorithms=ALGORITHMS)
            except (InvalidKeyIdError, ValueError):
                # a key that was published since
                read = jwt.decode(token, await self._key_set(client, anew=True), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                read.claims,
                read.header,
                options={
                    "iss": {"essential": True, "value": self._settings.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                    "sub": {"essential": True},
                    "exp": {"essential": True},
                },
                params={"client_id": self._settings.client_id, "nonce": nonce},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError) as error:
            raise SignInError(
                f"What {self._settings.name} sent is not valid ({type(error).__name__}).", "Sign in again."
            ) from error
        return dict(claims)

    async def _user_info(
        self, client: AsyncOAuth2Client, metadata: Mapping[str, Any], subject: str
    ) -> dict[str, Any]:
        """What the provider tells beside the token; nothing where it is of another person."""
        url = metadata.get("userinfo_endpoint")
        if not url:
            return {}
        try:
            answered = await client.get(str(url))
            answered.raise_for_status()
            found = answered.json()
        except (httpx2.HTTPError, AuthlibBaseError, ValueError) as error:
            raise self._failed(error) from error
        return found if isinstance(found, dict) and found.get("sub") == subject else {}

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        def text(name: str) -> str:
            value = claims.get(name, "")
            return value if isinstance(value, str) else ""

        groups = claims.get(self._settings.groups_claim) if self._settings.groups_claim else None
        if isinstance(groups, str):
            groups = [groups]
        elif not isinstance(groups, list):
            groups = None
        subject = text("sub")
        return Vouched(
            # a subject is unique within its issuer only
            subject=f"{self._settings.issuer} {subject}",
            name=text("name") or text("preferred_username") or text("email") or subject,
            email=text("email"),
            groups=None if groups is None else [one for one in groups if isinstance(one, str)],
        )

    def _failed(self, error: Exception) -> ProviderError:
        return ProviderError(
            f"{self._settings.name} did not answer as a provider does ({type(error).__name__}).",
            "Try again; an administrator can check auth.oidc.issuer.",
        )


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    if name not in metadata:
        raise ProviderError(f"The provider does not tell its {name}.", "Check auth.oidc.issuer.")
    return str(metadata[name])
