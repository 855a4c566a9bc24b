"""Who asks, and what they may do."""

from server.auth.guard import administrator, editor, reader
from server.auth.principal import Principal, Role

__all__ = ["Principal", "Role", "administrator", "editor", "reader"]
