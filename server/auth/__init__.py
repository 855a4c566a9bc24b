"""Who asks, and what they may do."""

from server.auth.guard import administrator, editor, guard, keyholder, reader, scraper, uploader
from server.auth.principal import Principal, Role, Scope

__all__ = [
    "Principal",
    "Role",
    "Scope",
    "administrator",
    "editor",
    "guard",
    "keyholder",
    "reader",
    "scraper",
    "uploader",
]
