"""The embedder and the index that belong together, exchanged as one when the database moves to another
embedder.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from rag.errors import CitewellError
from rag.index.dense import DenseIndex
from rag.index.snapshot import Progress
from rag.models.embedder import Embedder
from rag.models.passes import SharedPasses
from rag.models.protocols import EmbedderProtocol
from rag.settings import Settings
from rag.store import Store
from rag.types import Space

__all__ = ["Searcher"]

# After a snapshot could not be written, for example for want of space
RETRY_S = 600

logger = logging.getLogger(__name__)
Load = Callable[[Space], tuple[EmbedderProtocol, DenseIndex]]


class Searcher:
    """Hands out the pair that questions are asked of. Safe to use from several threads."""

    def __init__(
        self, store: Store, embedder: EmbedderProtocol, index: DenseIndex, load: Load | None = None
    ) -> None:
        """``load`` makes the pair of another space; without it this pair is kept."""
        self._store = store
        self._pair = embedder, index
        self._load = load
        self._lock = threading.Lock()
        self._refused = ""
        self._settle_after = 0.0

    @classmethod
    def open(cls, settings: Settings, store: Store) -> Searcher:
        """Load the embedder that the documents were embedded with, or that of the settings when there are
        none yet (seconds). Raises ModelMissingError, IndexStateError.
        """

        def load(space: Space) -> tuple[EmbedderProtocol, DenseIndex]:
            return _pair(settings, store, space.model)

        space = store.space()
        return cls(store, *_pair(settings, store, space.model if space else settings.embedder.model), load)

    @property
    def fingerprint(self) -> str:
        """Names the vector space that answers now."""
        return self._pair[0].fingerprint

    def pair(self) -> tuple[EmbedderProtocol, DenseIndex]:
        """The embedder and its index. When another space has become active it is loaded in the background,
        and this pair answers until that is done; so it does while a new snapshot of its index is written.
        """
        pair = self._pair  # taken first: the exchange may be done before this returns
        space = self._store.space()
        wanted = space.fingerprint if space is not None else pair[0].fingerprint
        if space is not None and self._load and wanted not in (pair[0].fingerprint, self._refused):
            self._in_background(lambda: self._exchange(space))
        elif pair[1].unsettled and time.monotonic() > self._settle_after:
            self._in_background(self.settle)
        return pair

    def settle(self, told: Progress | None = None) -> None:
        """Write the index anew where that is due (minutes for a million vectors); without it, opening reads
        from the database what came since. What hinders it is logged; ``told`` hears how many vectors of how
        many are written.
        """
        index = self._pair[1]
        try:
            if index.unsettled and index.settle(told):
                logger.info("The index of %d vectors was written anew", index.size)
        except (CitewellError, OSError, RuntimeError) as error:  # faiss tells of a full disk by the last
            self._settle_after = time.monotonic() + RETRY_S
            logger.error("The index cannot be written, answers go on: %s", error)

    def _in_background(self, work: Callable[[], None]) -> None:
        """Do it, unless something is being done."""

        def run() -> None:
            try:
                work()
            finally:
                self._lock.release()

        if self._lock.acquire(blocking=False):
            threading.Thread(target=run, name="citewell-searcher", daemon=True).start()

    def _exchange(self, space: Space) -> None:
        assert self._load is not None
        try:
            self._pair = self._load(space)
            logger.info("Questions are now asked of the space of %s", space.fingerprint)
        except CitewellError as error:
            self._refused = space.fingerprint  # said once, not with each question
            logger.error("The space of %s cannot be loaded: %s", space.fingerprint, error.message)


def _pair(settings: Settings, store: Store, model: str) -> tuple[EmbedderProtocol, DenseIndex]:
    embedder = Embedder.load(settings.embedder.model_copy(update={"model": model}), settings.models_dir)
    index = DenseIndex(store, settings.index_dir, embedder)
    index.sync()
    return SharedPasses(embedder), index
