"""Who may read the same: the key to what askers may share, as a cache of prompts."""

from __future__ import annotations

import hashlib
import json
import secrets

from rag.types import User

__all__ = ["access_scope"]

_SECRET = secrets.token_bytes(16)


def access_scope(user: User) -> str:
    """The same for all who may read the same documents, as long as this process lives; not to be guessed."""
    groups = None if user.groups is None else sorted(set(user.groups))
    return hashlib.sha256(_SECRET + json.dumps(groups).encode("utf-8")).hexdigest()
