"""Passwords of local accounts, kept as Argon2id hashes."""

from __future__ import annotations

import functools
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rag.errors import AccountError

__all__ = ["check_password", "hash_password", "is_outdated"]

MOST = 1024  # characters: hashing must not be made to take long
_HASHER = PasswordHasher()  # RFC 9106's second recommended choice: 64 MiB, three passes
_AT_ONCE = threading.BoundedSemaphore(2)  # each takes 64 MiB and a core


def _folded(password: str) -> str:
    # the same characters typed on another machine may come composed otherwise
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str, least: int, name: str = "") -> str:
    """The hash to keep. Raises AccountError when it is shorter than ``least`` characters, or the name."""
    if not least <= len(password) <= MOST:
        raise AccountError(
            f"A password has at least {least} characters.", "A few unrelated words make a good one."
        )
    if password.casefold() == name.casefold() or len(set(password)) == 1:
        raise AccountError("This password is too easily guessed.", "A few unrelated words make a good one.")
    with _AT_ONCE:
        return _HASHER.hash(_folded(password))


@functools.cache
def _nobodys() -> str:
    return _HASHER.hash("nobody")


def check_password(password: str, kept: str) -> bool:
    """Whether it is the one; takes as long where there is none (``kept`` empty), so that a name cannot be
    told from a wrong password.
    """
    if len(password) > MOST:
        return False
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or _nobodys(), _folded(password)) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether it was hashed with weaker parameters than new ones are."""
    return _HASHER.check_needs_rehash(kept)
