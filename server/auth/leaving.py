"""An account that goes takes along what is nobody else's."""

from __future__ import annotations

from ingest.uploads import remove_private
from rag.conversations import Conversations
from rag.settings import Settings
from rag.store import Store
from server.auth.people import People

__all__ = ["remove_account"]


def remove_account(key: str, settings: Settings, store: Store) -> None:
    """Remove an account with its sessions, keys, conversations and private documents. What was recorded of
    its answers stays, until it is erased there. Raises NotFoundError, AccountConflictError, StoreError.
    """
    People(store).remove(key)  # first: nobody may sign in and add to what is being removed
    Conversations(store).forget(key)
    remove_private(key, settings, store)
