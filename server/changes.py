"""Brings what administrators change to what is running."""

from __future__ import annotations

import threading
from typing import Any

from fastapi import Request

from rag.assistant import Assistant
from rag.changed_settings import read_changes, with_changes
from rag.settings import Settings
from server.audit import Audit
from server.auth.limits import Limits
from server.ingestion import Ingestion

__all__ = ["Changes", "changes_of"]


class Changes:
    """Looks before each answer whether the settings were changed, here or by another server of this home.
    ``settings`` are those of the start.

    Safe to use from several threads.
    """

    def __init__(self, settings: Settings, ingestion: Ingestion, limits: Limits, audit: Audit) -> None:
        self.settings = settings
        self._ingestion = ingestion
        self._limits = limits
        self._audit = audit
        self._applied: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def apply(self, assistant: Assistant) -> None:
        """Make the assistant, the limits and the record follow. Raises StoreError."""
        found = read_changes(self._ingestion.open().store)
        with self._lock:
            if found == self._applied:
                return
            settings = with_changes(self.settings, found)
            assistant.configure(settings)
            self._limits.settings = settings.limits
            self._audit.settings = settings
            self._applied = found


def changes_of(request: Request) -> Changes:
    """Dependency: the changes of this server."""
    found = request.app.state.changes
    assert isinstance(found, Changes)
    return found
