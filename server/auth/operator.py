"""What the operator of the machine signs in with: a key in a file of the home, and a link for one use.

Whoever can read the home has everything already; so that is what the key's file asks of programs, as the
command line does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from rag.errors import StoreError
from rag.settings import Settings
from rag.store import Store
from server.auth.keys import Keys
from server.auth.people import People
from server.auth.principal import OPERATOR, Scope
from server.auth.sessions import Tickets

__all__ = ["HEADER_FILE", "LINK", "Welcome", "link_for", "operator_key", "sign_in_configured", "welcome"]

HEADER_FILE = "operator.header"  # curl -H @var/operator.header
LINK = "link"
LINK_S = 24 * 3600.0
_HEADER = "Authorization: Bearer "


def sign_in_configured(settings: Settings, store: Store) -> bool:
    """Whether people can sign in: an account, a provider or a proxy."""
    auth = settings.auth
    return bool(auth.oidc.issuer or auth.proxy.header) or People(store).any_local()


def operator_key(settings: Settings, store: Store) -> str:
    """The operator's key. Its file is made when it is missing or its key was revoked. Raises StoreError."""
    path, keys = settings.home / HEADER_FILE, Keys(store)
    try:
        text = path.read_text("utf-8").strip().removeprefix(_HEADER)
        if keys.holder(text) is not None:
            return text
    except (OSError, UnicodeDecodeError):
        pass
    _, text = keys.add(OPERATOR.id, f"operator, in {HEADER_FILE}", Scope)
    try:
        _write(path, f"{_HEADER}{text}\n")
    except OSError as error:
        raise StoreError(
            f"The operator's key cannot be kept in {path}: {error.strerror or error}.",
            "Free some disk space, or change the owner of the folder.",
        ) from error
    return text


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and for this user's eyes only from the first byte."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    os.replace(fresh, path)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a server that starts tells its operator: the key for programs, and a link for a browser, "" where
    people sign in otherwise.
    """

    key: str
    link: str


def welcome(settings: Settings, base: str) -> Welcome:
    """For a server that answers at ``base``. Raises StoreError."""
    store = Store.open(settings)
    try:
        known = sign_in_configured(settings, store)
        link = "" if known else link_for(OPERATOR.id, store, base)
        return Welcome(operator_key(settings, store), link)
    finally:
        store.close()


def link_for(person_id: str, store: Store, base: str) -> str:
    """An address under ``base`` that signs that person in, once, within a day."""
    token = Tickets(store).issue(LINK, LINK_S, person_id=person_id)
    return f"{base}/v1/session/link?{urlencode({'token': token})}"
