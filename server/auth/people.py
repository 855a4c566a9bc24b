"""The people of one home: accounts, roles and groups."""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from rag.errors import AccountConflictError, AccountError, NotFoundError
from rag.store import Store
from rag.tables import EVERYONE, NOBODY
from rag.tables_people import member, person, session
from server.auth.passwords import check_password, hash_password, is_outdated
from server.auth.principal import OPERATOR, Principal, Role

__all__ = ["Origin", "People", "Person", "valid_groups"]

Origin = Literal["local", "oidc", "proxy", "machine"]
NAME_CHARS = 128
SEEN_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Person:
    """An account. ``origin`` tells who vouches for it; times are seconds since the epoch."""

    id: str
    origin: Origin
    name: str
    email: str
    role: Role
    groups: tuple[str, ...]
    disabled: bool
    created: float
    seen: float | None

    @property
    def principal(self) -> Principal:
        """Who that is to a route."""
        if self.id == OPERATOR.id:
            return OPERATOR
        return Principal(self.id, self.name, self.role, frozenset(self.groups))


def _valid_name(name: str) -> str:
    normal = unicodedata.normalize("NFC", name).strip()
    if not normal or len(normal) > NAME_CHARS or not normal.isprintable():
        raise AccountError(
            f"{name[:40]!r} cannot be the name of an account.",
            f"Use 1 to {NAME_CHARS} printable characters.",
        )
    return normal


def _is_group(name: str) -> bool:
    # a group called user:ID would open that person's private documents
    return (
        0 < len(name) <= NAME_CHARS
        and name.isprintable()
        and name not in (EVERYONE, NOBODY)
        and not name.startswith("user:")
    )


def valid_groups(names: Iterable[str]) -> tuple[str, ...]:
    """Sorted names of groups. Raises AccountError when one cannot be a group's."""
    found = sorted({name.strip() for name in names})
    for name in found:
        if not _is_group(name):
            raise AccountError(
                f"{name[:40]!r} cannot be a group.",
                f'Use 1 to {NAME_CHARS} printable characters, not beginning with "user:".',
            )
    return tuple(found)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


class People:
    """Reads and changes accounts. Safe to use from several threads and processes."""

    def __init__(self, store: Store, password_chars: int = 10) -> None:
        self._store = store
        self._password_chars = password_chars

    # ---------------------------------------------------------------- reading

    def all(self) -> list[Person]:
        """Everybody but the machine's operator, by name."""
        with self._store.read() as connection:
            rows = connection.execute(
                select(person).where(person.c.origin != "machine").order_by(person.c.name, person.c.id)
            ).all()
            groups: dict[str, list[str]] = {}
            for found in connection.execute(select(member).order_by(member.c.name)):
                groups.setdefault(found.person_id, []).append(found.name)
        return [_person(row, groups.get(row.id, ())) for row in rows]

    def get(self, key: str) -> Person:
        """By id. Raises NotFoundError."""
        with self._store.read() as connection:
            return _get(connection, key)

    def named(self, name: str) -> Person:
        """By name or id, the operator as "operator". Raises NotFoundError, AccountError when several have
        that name.
        """
        same = [one for one in self.all() if one.id == name or _folded(one.name) == _folded(name)]
        if name == OPERATOR.id and not same:
            return self.get(OPERATOR.id)
        if len(same) > 1:
            ids = ", ".join(f"{one.id} ({one.origin})" for one in same)
            raise AccountError(f"Several people are called {name}.", f"Give one of the ids: {ids}.")
        if not same:
            raise NotFoundError(f"There is no account {name}.", "`citewell user list` shows all of them.")
        return same[0]

    def with_email(self, email: str) -> list[Person]:
        """Those with that e-mail address, in whatever case, who are not disabled."""
        same = func.lower(person.c.email) == email.strip().lower()
        query = select(person.c.id).where(same, person.c.email != "", ~person.c.disabled)
        with self._store.read() as connection:
            return [_get(connection, key) for key in connection.execute(query).scalars().all()]

    def groups(self) -> dict[str, int]:
        """By name of a group: how many people are in it."""
        query = select(member.c.name, func.count()).group_by(member.c.name).order_by(member.c.name)
        with self._store.read() as connection:
            return {name: count for name, count in connection.execute(query)}

    def any_local(self) -> bool:
        """Whether somebody can sign in with a password."""
        query = select(person.c.id).where(person.c.origin == "local", ~person.c.disabled).limit(1)
        with self._store.read() as connection:
            return connection.execute(query).first() is not None

    # ---------------------------------------------------------------- changing

    def add(
        self,
        name: str,
        password: str,
        *,
        role: Role = Role.READER,
        groups: Iterable[str] = (),
        email: str = "",
    ) -> Person:
        """A new local account. Raises AccountError, AccountConflictError when the name is taken."""
        name, names = _valid_name(name), valid_groups(groups)
        if _folded(name) == OPERATOR.id:
            raise AccountConflictError("The machine's operator is called so.", "Choose another name.")
        hashed = hash_password(password, self._password_chars, name)
        with self._store.write(silent=True) as connection:
            if _key_of(connection, "local", _folded(name)) is not None:
                raise AccountConflictError(f"There is an account {name} already.", "Choose another name.")
            return _insert(connection, "local", _folded(name), name, email.strip(), role, names, hashed)

    def change(self, key: str, values: Mapping[str, Any]) -> Person:
        """Change ``name``, ``email``, ``role``, ``groups``, ``password`` or ``disabled``, as given.

        Another password, and disabling, end all sessions. Raises NotFoundError, AccountError,
        AccountConflictError.
        """
        given = dict(values)
        groups = valid_groups(given.pop("groups")) if "groups" in given else None
        password = given.pop("password", None)
        known = self.get(key)
        if known.origin == "machine":
            raise AccountConflictError("The machine's operator cannot be changed.", "Add an account instead.")
        if password is not None:
            if known.origin != "local":
                raise AccountConflictError(f"{known.name} signs in elsewhere.", "Change the password there.")
            given["password"] = hash_password(password, self._password_chars, known.name)
        if "name" in given:
            given["name"] = _valid_name(given["name"])
            if known.origin == "local":
                given["subject"] = _folded(given["name"])
        with self._store.write(silent=True) as connection:
            if "subject" in given and _key_of(connection, "local", given["subject"]) not in (None, key):
                raise AccountConflictError(
                    f"There is an account {given['name']} already.", "Choose another name."
                )
            if given:
                connection.execute(update(person).where(person.c.id == key).values(**given))
            if groups is not None:
                _set_groups(connection, key, groups)
            if password is not None or given.get("disabled"):
                connection.execute(delete(session).where(session.c.person_id == key))
            return _get(connection, key)

    def remove(self, key: str) -> None:
        """Remove an account with its sessions and keys. Raises NotFoundError, AccountConflictError."""
        if self.get(key).origin == "machine":
            raise AccountConflictError("The machine's operator cannot be removed.", "")
        with self._store.write(silent=True) as connection:
            connection.execute(delete(person).where(person.c.id == key))

    # ---------------------------------------------------------------- signing in

    def with_password(self, name: str, password: str) -> Person | None:
        """Whoever has that name and password and is not disabled."""
        with self._store.read() as connection:
            row = connection.execute(
                select(person).where(person.c.origin == "local", person.c.subject == _folded(name))
            ).first()
        kept = "" if row is None else row.password
        if not check_password(password, kept) or row is None or row.disabled:
            return None
        if is_outdated(kept):
            rehashed = hash_password(password, 1)
            with self._store.write(silent=True) as connection:
                connection.execute(update(person).where(person.c.id == row.id).values(password=rehashed))
        return self.saw(row.id)

    def vouched(
        self,
        origin: Origin,
        subject: str,
        name: str,
        *,
        email: str = "",
        groups: Iterable[str] | None = None,
        role: Role | None = None,
    ) -> Person | None:
        """Whom a provider or proxy vouches for, added when new; None when disabled here. ``groups`` and
        ``role`` None leave what an administrator has set. Groups that cannot be are left out.
        """
        shown = "".join(c for c in name if c.isprintable()).strip()[:NAME_CHARS] or subject[:NAME_CHARS]
        names = None if groups is None else sorted({one.strip() for one in groups if _is_group(one.strip())})
        with self._store.read() as connection:
            key = _key_of(connection, origin, subject)
            known = None if key is None else _get(connection, key)
        if known is None:
            with self._store.write(silent=True) as connection:
                key = _key_of(connection, origin, subject)  # another request may have been first
                if key is not None:
                    return _get(connection, key)
                return _insert(
                    connection, origin, subject, shown, email, role or Role.READER, names or (), ""
                )
        if known.disabled:
            return None
        told: dict[str, Any] = {"name": shown, "email": email or known.email, "role": role or known.role}
        same = all(getattr(known, field) == value for field, value in told.items())
        if not same or (names is not None and tuple(names) != known.groups):
            return self.change(known.id, told if names is None else {**told, "groups": names})
        return known

    def saw(self, key: str) -> Person:
        """Note that they were here, once in a while."""
        known, now = self.get(key), time.time()
        if known.seen is None or now - known.seen > SEEN_EVERY_S:
            with self._store.write(silent=True) as connection:
                connection.execute(update(person).where(person.c.id == key).values(seen=now))
                return _get(connection, key)
        return known


def _person(row: Any, groups: Iterable[str]) -> Person:  # noqa: ANN401 - SQLAlchemy rows are untyped
    return Person(
        id=row.id,
        origin=row.origin,
        name=row.name,
        email=row.email,
        role=Role(row.role),
        groups=tuple(groups),
        disabled=row.disabled,
        created=row.created,
        seen=row.seen,
    )


def _get(connection: Connection, key: str) -> Person:
    row = connection.execute(select(person).where(person.c.id == key)).first()
    if row is None:
        raise NotFoundError(f"There is no account {key[:40]}.", "`citewell user list` shows all of them.")
    groups = select(member.c.name).where(member.c.person_id == key).order_by(member.c.name)
    return _person(row, connection.execute(groups).scalars())


def _key_of(connection: Connection, origin: str, subject: str) -> str | None:
    query = select(person.c.id).where(person.c.origin == origin, person.c.subject == subject)
    return connection.execute(query).scalar()


def _insert(
    connection: Connection,
    origin: Origin,
    subject: str,
    name: str,
    email: str,
    role: Role,
    groups: Iterable[str],
    password: str,
) -> Person:
    key = secrets.token_hex(8)
    connection.execute(
        insert(person).values(
            id=key,
            origin=origin,
            subject=subject,
            name=name,
            email=email,
            role=role,
            password=password,
            disabled=False,
            created=time.time(),
        )
    )
    _set_groups(connection, key, groups)
    return _get(connection, key)


def _set_groups(connection: Connection, key: str, groups: Iterable[str]) -> None:
    connection.execute(delete(member).where(member.c.person_id == key))
    for name in groups:
        connection.execute(insert(member).values(person_id=key, name=name))
