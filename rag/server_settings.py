"""The settings of the server and of those who use it, part of the tree in rag.settings."""

from __future__ import annotations

from pydantic import Field

from rag.source_settings import Section

__all__ = [
    "AuditSettings",
    "AuthSettings",
    "LimitSettings",
    "OidcSettings",
    "ProxySettings",
    "ServerSettings",
    "TraceSettings",
]


class ServerSettings(Section):
    """The HTTP API."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on; beyond this machine only with a sign-in and allowed_hosts.",
    )
    port: int = Field(8100, ge=1, le=65535, description="Port to listen on.")
    resume_s: float = Field(
        10, ge=0, description="Seconds that an answer in a conversation goes on when nobody listens to it."
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^/?#]+)?$",
        description="Address that people use, where that is another than host and port "
        "(https://citewell.example).",
    )
    allowed_hosts: list[str] = Field(
        [], description="Host names that it answers to beside this machine's own and that of public_url."
    )
    open_on_loopback: bool = Field(
        False,
        description="Until there is a sign-in, whoever is on this machine is its operator, without a key.",
    )
    metrics_on_loopback: bool = Field(
        False, description="Let programs on this machine read /metrics without a key."
    )


class OidcSettings(Section):
    """Sign-in at the organisation's OpenID Connect provider."""

    issuer: str = Field("", description="The provider's issuer (https://…); empty: no such sign-in.")
    name: str = Field("Single sign-on", description="What the button says.")
    client_id: str = Field("", description="The client that Citewell is registered as.")
    client_secret: str = Field("", description="That client's secret; empty for a public client.")
    scopes: str = Field("openid profile email", description="Scopes to ask for, with blanks.")
    groups_claim: str = Field("groups", description="Claim that lists a person's groups; empty: none does.")
    administrators: list[str] = Field([], description="Groups whose members are administrators.")
    editors: list[str] = Field([], description="Groups whose members are editors.")


class ProxySettings(Section):
    """Sign-in done by a proxy in front, which names the person in a header."""

    header: str = Field("", description="Header with the person's name (X-Forwarded-User); empty: no proxy.")
    addresses: list[str] = Field(
        [],
        description="Addresses or networks of the proxies that are believed; anybody else's header is not.",
    )
    email_header: str = Field("", description="Header with the e-mail address.")
    groups_header: str = Field("", description="Header with the groups, separated by commas.")
    administrators: list[str] = Field([], description="Groups whose members are administrators.")
    editors: list[str] = Field([], description="Groups whose members are editors.")


class AuthSettings(Section):
    """Who may use it. Accounts and API keys are made with `citewell user` and `citewell key`."""

    session_idle_h: float = Field(168, gt=0, description="Hours after which an unused session ends.")
    session_max_h: float = Field(720, gt=0, description="Hours after which any session ends.")
    password_chars: int = Field(10, ge=8, description="Characters of a new password at least.")
    oidc: OidcSettings = OidcSettings()
    proxy: ProxySettings = ProxySettings()


class LimitSettings(Section):
    """What one person, and all together, may ask of the server. The machine's operator is not counted."""

    answers_per_minute: int = Field(60, ge=0, description="Answers that a person may ask for; 0: any number.")
    requests_per_minute: int = Field(600, ge=0, description="Requests of a person; 0: any number.")
    sign_ins_per_minute: int = Field(
        10, ge=1, description="Failed sign-ins of one address, and with one name, before it has to wait."
    )
    answers_at_once: int = Field(
        128, ge=1, description="Answers that are worked on at the same time; beyond, 503 and Retry-After."
    )
    request_mb: float = Field(2, gt=0, description="Larger requests are refused, uploads aside, in MB.")


class AuditSettings(Section):
    """The record of every answer."""

    enabled: bool = Field(True, description="Record who was answered what, and from which quotes.")
    retention_days: float = Field(365, ge=0, description="Older records are removed; 0 keeps them for good.")


class TraceSettings(Section):
    """OpenTelemetry traces of answers: steps, times and verdicts, never texts."""

    endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Where spans are sent (OTLP over HTTP, http://collector:4318/v1/traces); empty: nowhere.",
    )
    service: str = Field("citewell", min_length=1, description="What this server is called in traces.")
