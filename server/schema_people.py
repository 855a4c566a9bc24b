"""People, keys, sessions and the record of answers as they travel over HTTP and as ``--json`` prints them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from server.audit import Recorded
from server.auth.keys import Key
from server.auth.people import Person
from server.auth.principal import Principal, Role, Scope

__all__ = [
    "AuditOut",
    "ErasedOut",
    "GroupOut",
    "KeyIn",
    "KeyMade",
    "KeyOut",
    "OidcOut",
    "PersonChange",
    "PersonIn",
    "PersonOut",
    "RecordedOut",
    "SessionOut",
    "SignIn",
    "SignInOut",
    "UserOut",
    "key_out",
    "person_out",
    "recorded_out",
    "user_out",
]

_USER: dict[str, Any] = {
    "id": "5f0c9b1e22d4a7b3",
    "name": "Anna Kim",
    "email": "anna.kim@example.org",
    "role": "editor",
    "groups": ["staff"],
}
_PERSON: dict[str, Any] = {
    **_USER,
    "origin": "local",
    "disabled": False,
    "created": "2026-11-25T08:00:00Z",
    "seen": None,
}
_KEY: dict[str, Any] = {
    "id": "8d0e403127d4",
    "name": "intranet search",
    "owner": "Anna Kim",
    "owner_id": _USER["id"],
    "scopes": ["ask"],
    "created": "2026-11-25T08:00:00Z",
    "expires": "2027-11-25T08:00:00Z",
    "used": None,
}
_RECORDED: dict[str, Any] = {
    "id": 4711,
    "at": "2026-11-25T08:00:00Z",
    "user_id": _USER["id"],
    "name": "Anna Kim",
    "channel": "api",
    "question": "How long is the warranty?",
    "sentences": [
        {
            "text": "Two years.",
            "verdict": "supported",
            "score": 0.97,
            "quotes": [{"n": 1, "document": "9c1a", "start": 4120, "end": 4189, "sha256": "5e88…"}],
        }
    ],
    "verdict": "supported",
    "language": "en",
    "model": "qwen2.5-coder-1.5b-instruct",
    "revision": "main",
    "settings": "b1946ac9…",
    "usage": {"prompt_tokens": 251, "completion_tokens": 18},
    "ms": 2360.1,
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class SignIn(BaseModel):
    """Name and password of a local account."""

    model_config = _example({"name": "Anna Kim", "password": "a few unrelated words"})

    name: str = Field(min_length=1, max_length=256)
    password: SecretStr = Field(min_length=1, max_length=4096)


class UserOut(BaseModel):
    """Who is signed in."""

    model_config = _example(_USER)

    id: str
    name: str
    email: str
    role: Role
    groups: list[str]


class OidcOut(BaseModel):
    """Sign-in at a provider: GET /v1/session/oidc; ``name`` is what the button says."""

    name: str


class SignInOut(BaseModel):
    """How one can sign in here."""

    password: bool
    oidc: OidcOut | None
    proxy: bool


class SessionOut(BaseModel):
    """Who is signed in, if anybody. ``csrf`` goes into the header X-CSRF-Token of what changes something."""

    user: UserOut | None
    csrf: str
    sign_in: SignInOut
    version: str


class PersonOut(UserOut):
    """An account. ``origin``: local (with a password here), oidc or proxy."""

    model_config = _example(_PERSON)

    origin: str
    disabled: bool
    created: datetime
    seen: datetime | None


class PersonIn(BaseModel):
    """A new local account."""

    model_config = _example(
        {"name": "Anna Kim", "password": "a few unrelated words", "role": "reader", "groups": ["staff"]}
    )

    name: str
    password: SecretStr
    email: str = Field("", max_length=320)
    role: Role = Role.READER
    groups: list[str] = Field([], max_length=1000)


class PersonChange(BaseModel):
    """What to change of an account; what is left out stays."""

    model_config = _example({"role": "editor", "groups": ["staff", "board"]})

    name: str | None = None
    password: SecretStr | None = None
    email: str | None = Field(None, max_length=320)
    role: Role | None = None
    groups: list[str] | None = Field(None, max_length=1000)
    disabled: bool | None = None

    def values_given(self) -> dict[str, Any]:
        """By field what was given."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        found = {name: value for name, value in given.items() if value is not None}
        if self.password is not None:
            found["password"] = self.password.get_secret_value()
        return found


class GroupOut(BaseModel):
    """A group with how many people are in it."""

    model_config = _example({"name": "staff", "members": 12})

    name: str
    members: int


class KeyIn(BaseModel):
    """A new API key in one's own name."""

    model_config = _example({"name": "intranet search", "scopes": ["ask"], "expires": "2027-11-25T08:00:00Z"})

    name: str = Field(min_length=1, max_length=128)
    scopes: list[Scope] = Field(min_length=1, max_length=10)
    expires: AwareDatetime | None = None


class KeyOut(BaseModel):
    """A key, without its text."""

    model_config = _example(_KEY)

    id: str
    name: str
    owner: str
    owner_id: str
    scopes: list[Scope]
    created: datetime
    expires: datetime | None
    used: datetime | None


class KeyMade(KeyOut):
    """A new key with its text, which is told this once."""

    model_config = _example({**_KEY, "key": "cw_…"})

    key: str


class RecordedOut(BaseModel):
    """One answer in the record. An empty ``user_id``: erased."""

    model_config = _example(_RECORDED)

    id: int
    at: datetime
    user_id: str
    name: str
    channel: str
    question: str
    sentences: list[dict[str, Any]]
    verdict: str
    language: str
    model: str
    revision: str
    settings: str
    usage: dict[str, int]
    ms: float


class AuditOut(BaseModel):
    """Recorded answers, the newest first; ``next`` is the cursor of those that follow."""

    items: list[RecordedOut]
    next: str | None


class ErasedOut(BaseModel):
    """How many recorded answers no longer tell whose they were."""

    erased: int


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _time_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else _time(seconds)


def user_out(principal: Principal, email: str = "") -> UserOut:
    """Who is signed in."""
    return UserOut(
        id=principal.id,
        name=principal.name,
        email=email,
        role=principal.role,
        groups=sorted(principal.groups or ()),
    )


def person_out(person: Person) -> PersonOut:
    """An account as it is sent."""
    return PersonOut(
        id=person.id,
        name=person.name,
        email=person.email,
        role=person.role,
        groups=list(person.groups),
        origin=person.origin,
        disabled=person.disabled,
        created=_time(person.created),
        seen=_time_or_none(person.seen),
    )


def key_out(key: Key) -> KeyOut:
    """A key as it is sent."""
    return KeyOut(
        id=key.id,
        name=key.name,
        owner=key.owner,
        owner_id=key.person_id,
        scopes=list(key.scopes),
        created=_time(key.created),
        expires=_time_or_none(key.expires),
        used=_time_or_none(key.used),
    )


def recorded_out(row: Recorded) -> RecordedOut:
    """A recorded answer as it is sent."""
    return RecordedOut(
        id=row.id,
        at=_time(row.at),
        user_id=row.person_id,
        name=row.name,
        channel=row.channel,
        question=row.question,
        sentences=row.sentences,
        verdict=row.verdict,
        language=row.language,
        model=row.model,
        revision=row.revision,
        settings=row.settings,
        usage=row.usage,
        ms=row.ms,
    )
