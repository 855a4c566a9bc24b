"""Random secrets, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import select

from rag.store import Store
from rag.tables import setting

__all__ = ["csrf_of", "hashed", "home_secret", "new_secret"]


def new_secret(prefix: str = "") -> str:
    """256 random bits as text; a plain hash of so much chance cannot be turned round."""
    return prefix + secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(secret: str) -> str:
    """A value that only those know who know the secret, without telling it."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def home_secret(store: Store) -> str:
    """A secret of this home, made with its database."""
    with store.read() as connection:
        return str(connection.execute(select(setting.c.value).where(setting.c.name == "secret")).scalar_one())
