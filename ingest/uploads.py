"""Uploaded files that are taken back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree

from ingest.index import Ledger
from ingest.read import INSIDE
from ingest.registry import UPLOADS, private_collection, uploads_name
from rag.errors import SourceConflictError, StoreError
from rag.library import Listed
from rag.settings import Settings
from rag.store import Store

__all__ = ["is_upload", "remove_private", "remove_uploads"]


def is_upload(place: Listed) -> bool:
    """Whether it was uploaded, and not brought by a source."""
    return place.source == UPLOADS or place.source.startswith(f"{UPLOADS}.")


def remove_uploads(places: Sequence[Listed], settings: Settings, store: Store) -> set[str]:
    """Remove uploaded files, with all that lies in them; what answers rest on goes in the same moment.
    Returns the sources that they were of: a sync of these sweeps up.

    Raises SourceConflictError when nothing of it was uploaded by itself, StoreError.
    """
    mine = [place for place in places if is_upload(place)]
    if not mine:
        raise SourceConflictError(
            f"{places[0].title} was not uploaded: a source brings it.",
            f"Remove {places[0].uri} there, and sync the source.",
        )
    alone = [place for place in mine if not place.parent]
    if not alone:
        raise SourceConflictError(
            f"{mine[0].title} is part of another file.", f"Remove that one: {mine[0].parent}."
        )
    ledger, root = Ledger(store), settings.uploads_dir.resolve()
    for place in alone:
        path = Path(place.uri)
        try:
            # first the file: a sync that runs now must not bring it back
            if path.is_relative_to(root):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path.name} cannot be removed: {error.strerror or error}.",
                "Check the folder's permissions.",
            ) from error
        inside = place.uri + INSIDE
        known = [uri for uri in ledger.states(place.source) if uri == place.uri or uri.startswith(inside)]
        ledger.remove(place.source, known)
    return {place.source for place in alone}


def remove_private(person: str, settings: Settings, store: Store) -> int:
    """Remove all that a person has uploaded for himself alone; returns how many files that were. Raises
    StoreError.
    """
    collection = private_collection(person)
    folder, ledger = settings.uploads_dir / collection, Ledger(store)
    try:
        if folder.is_dir():
            rmtree(folder)  # first the files: a sync that runs now must not bring them back
    except OSError as error:
        raise StoreError(
            f"{folder.name} cannot be removed: {error.strerror or error}.", "Check the folder's permissions."
        ) from error
    known = tuple(ledger.states(uploads_name(collection)))
    return ledger.remove(uploads_name(collection), known) if known else 0
