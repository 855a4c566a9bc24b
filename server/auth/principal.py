"""Who stands behind a request."""

from __future__ import annotations

import enum
from collections.abc import Set
from dataclasses import dataclass

from rag.types import User

__all__ = ["OPERATOR", "Principal", "Role", "Scope"]


class Role(enum.StrEnum):
    """What someone may do, each more than the one before: ask; bring documents in; run the place."""

    READER = "reader"
    EDITOR = "editor"
    ADMINISTRATOR = "administrator"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what ``other`` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(enum.StrEnum):
    """What an API key is for. It never allows more than its owner's role does."""

    ASK = "ask"
    DOCUMENTS = "documents"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person or program. ``id`` never changes (a hex string);
    ``groups`` are those that documents name, None for the operator of the machine, who reads everything.
    ``scopes`` are those of the API key that was shown, all of them for a person.
    """

    id: str
    name: str
    role: Role
    groups: Set[str] | None = frozenset()
    scopes: Set[Scope] = frozenset(Scope)

    @property
    def own(self) -> str:
        """The group of this person alone, which private documents are open to."""
        return f"user:{self.id}"

    @property
    def user(self) -> User:
        """The same as the answer path knows it."""
        return User(self.id, None if self.groups is None else (*sorted(self.groups), self.own))

    def may(self, role: Role, scope: Scope) -> bool:
        """Whether this is someone of at least that role, with a key (if it is one) of that scope."""
        return self.role.includes(role) and scope in self.scopes


OPERATOR = Principal("operator", "operator", Role.ADMINISTRATOR, None)
