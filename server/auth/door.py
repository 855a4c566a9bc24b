"""Which addresses the server may listen on."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from rag.errors import SettingsError
from rag.settings import Settings
from rag.store import Store
from server.auth.operator import sign_in_configured
from server.middleware import is_loopback

__all__ = ["require_sign_in"]


def require_sign_in(settings: Settings) -> None:
    """Raise SettingsError when the server would let in whom it does not know, or believe anybody."""
    server, auth = settings.server, settings.auth
    for address in auth.proxy.addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as error:
            raise SettingsError(
                f"Setting auth.proxy.addresses: {address} is no address or network.",
                "Write 10.0.0.5 or 10.0.0.0/24.",
            ) from error
    if auth.proxy.header and not auth.proxy.addresses:
        raise SettingsError(
            "auth.proxy.header is set, but auth.proxy.addresses names no proxy to believe.",
            "Name its address.",
        )
    if auth.oidc.issuer and not auth.oidc.client_id:
        raise SettingsError("auth.oidc.issuer is set, but auth.oidc.client_id is not.", "Set it.")
    issuer = urlsplit(auth.oidc.issuer)
    if auth.oidc.issuer and issuer.scheme != "https" and not is_loopback(issuer.hostname or ""):
        raise SettingsError(f"auth.oidc.issuer is {auth.oidc.issuer}: not https.", "Use its https address.")
    if is_loopback(server.host):
        return
    if server.open_on_loopback:
        raise SettingsError(
            f"server.host is {server.host}, but server.open_on_loopback lets in whoever comes.",
            "Set one of them back.",
        )
    if not _has_sign_in(settings):
        raise SettingsError(
            f"server.host is {server.host}, but there is no sign-in yet: this machine only.",
            "Add an account (`citewell user add NAME --role administrator`) or set auth.oidc or auth.proxy.",
        )
    if not server.allowed_hosts and not server.public_url:
        raise SettingsError(
            f"server.host is {server.host}, but server.public_url and server.allowed_hosts name no host.",
            "Name the host that people type, for example citewell.example.",
        )


def _has_sign_in(settings: Settings) -> bool:
    store = Store.open(settings)
    try:
        return sign_in_configured(settings, store)
    finally:
        store.close()
