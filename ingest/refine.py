"""Behind the back of the answers: the vectors of sentences, and the move to another embedder.

An ingestion makes the passages' vectors, which is enough to find and to answer; their sentences' vectors take
as long again and only save the time of making them when a question asks. When the settings name another
embedder than the one that the documents were embedded with, a new vector space is filled while the old one
answers; when nothing is missing in it, it becomes the active one in a single transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, and_, delete, func, insert, or_, select, update

from ingest.report import Progress, silent
from rag.models.folder import require_model
from rag.models.protocols import EmbedderProtocol
from rag.settings import Settings
from rag.store import PIECE, Store, chunk_of
from rag.tables import chunk, document, space, vector
from rag.types import Space

__all__ = ["Refined", "refine", "unrefined"]

SLICE = 128  # passages at a time: their sentences fill batches evenly, and little is lost by a stop
GRACE_S = 600.0  # a retired space is kept so long: servers exchange theirs with the next question
Load = Callable[[str], EmbedderProtocol]


@dataclass(frozen=True, slots=True)
class Refined:
    """How many passages got a vector in a new space, and how many got their sentences' vectors; ``moved_to``
    names the embedder that the documents moved to, if they did.
    """

    passages: int = 0
    sentences: int = 0
    moved_to: str = ""


def _never() -> bool:
    return False


def unrefined(store: Store, settings: Settings) -> int:
    """How many passages wait for ``refine``. Raises ModelMissingError as that does."""
    active = store.space()
    if active is None:
        return 0
    if _wanted(settings) != active.fingerprint:
        return store.counts()["chunks"]
    waiting = select(func.count()).where(vector.c.space_id == active.id, vector.c.sentences.is_(None))
    with store.read() as connection:
        return connection.execute(waiting).scalar_one()


def refine(
    *,
    settings: Settings,
    store: Store,
    load: Load,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = _never,
) -> Refined:
    """Bring all vectors to the embedder of the settings, then embed the sentences that were not yet.

    ``load`` gives the embedder of a model's name. What is done is kept at every moment; the next call goes
    on. Raises ModelMissingError, StoreError, DiskFullError.
    """
    active = store.space()
    if active is None:
        return Refined()
    work = _Work(store, progress or silent, cancelled)
    passages, moved = 0, ""
    if _wanted(settings) != active.fingerprint:
        embedder = load(settings.embedder.model)
        target = _opened(store, embedder)
        passages = work.passages(target, embedder)
        if cancelled():
            return Refined(passages)
        active, moved = target, target.model
    _forget(store, settings)
    if not unrefined(store, settings):
        return Refined(passages, 0, moved)
    return Refined(passages, work.sentences(active, load(active.model)), moved)


def _wanted(settings: Settings) -> str:
    _, record = require_model(settings.embedder.model, settings.models_dir)
    return f"{record.name}@{record.revision}"


def _opened(store: Store, embedder: EmbedderProtocol) -> Space:
    """The space of this embedder, made if there is none, to be filled."""
    with store.write(silent=True) as connection:
        row = connection.execute(select(space).where(space.c.fingerprint == embedder.fingerprint)).first()
        if row is None:
            values = {"fingerprint": embedder.fingerprint, "dimension": embedder.dimension, "active": False}
            key = connection.execute(insert(space), values).inserted_primary_key
            assert key is not None
            return Space(int(key[0]), embedder.fingerprint, embedder.dimension)
        # one that was retired comes back
        connection.execute(update(space).where(space.c.id == row.id).values(retired=None))
        return Space(row.id, row.fingerprint, row.dimension)


def _forget(store: Store, settings: Settings) -> None:
    """Remove the spaces that nobody uses any more: retired a while ago, or left half-filled for another."""
    left = and_(space.c.retired.is_(None), space.c.fingerprint != _wanted(settings))
    old = and_(~space.c.active, or_(space.c.retired < time.time() - GRACE_S, left))
    with store.read() as connection:
        keys = list(connection.execute(select(space.c.id).where(old)).scalars())
    for key in keys:
        with store.write(silent=True) as connection:
            connection.execute(delete(vector).where(vector.c.space_id == key))
            connection.execute(delete(space).where(space.c.id == key, ~space.c.active))


def _lacking(target: Space) -> Select[tuple[int]]:
    """Ids of the chunks that have no vector in a space."""
    there = select(vector.c.chunk_id).where(vector.c.chunk_id == chunk.c.id, vector.c.space_id == target.id)
    return select(chunk.c.id).where(~there.exists())


class _Work:
    def __init__(self, store: Store, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._store = store
        self._progress = progress
        self._cancelled = cancelled

    def passages(self, target: Space, embedder: EmbedderProtocol) -> int:
        """Embed what has no vector in ``target`` yet, also what is ingested meanwhile; then make it the
        active space.
        """
        with self._store.read() as connection:
            total = connection.execute(select(func.count()).select_from(_lacking(target).subquery())).scalar()
        done = last = 0
        while not self._cancelled():
            with self._store.read() as connection:
                query = select(*PIECE, document.c.title).join_from(chunk, document).order_by(chunk.c.id)
                ids = _lacking(target).where(chunk.c.id > last).order_by(chunk.c.id).limit(SLICE)
                rows = connection.execute(query.where(chunk.c.id.in_(ids))).all()
            if not rows:
                if self._switched(target):
                    return done
                last = 0  # something was added behind the cursor
                continue
            vectors = embedder.embed_passages([chunk_of(row).embedding_text(row.title) for row in rows])
            self._keep(
                [
                    {"chunk_id": row.id, "space_id": target.id, "whole": whole.tobytes(), "sentences": None}
                    for row, whole in zip(rows, vectors.astype(np.float16), strict=True)
                ]
            )
            done, last = done + len(rows), rows[-1].id
            self._progress("refine", done, max(total or 0, done), target.model, 0)
        return done

    def _keep(self, values: Sequence[dict[str, object]]) -> None:
        with self._store.write(silent=True) as connection:
            ids = [value["chunk_id"] for value in values]
            # some may have been removed or embedded since they were read
            there = set(connection.execute(select(chunk.c.id).where(chunk.c.id.in_(ids))).scalars())
            kept = [value for value in values if value["chunk_id"] in there]
            if kept:
                connection.execute(insert(vector).prefix_with("OR IGNORE"), kept)

    def _switched(self, target: Space) -> bool:
        """Make the space the active one, unless a chunk has no vector in it; all in one transaction."""
        with self._store.write() as connection:
            if connection.execute(_lacking(target).limit(1)).first() is not None:
                return False
            retire = update(space).where(space.c.active).values(active=False, retired=time.time())
            connection.execute(retire)
            connection.execute(update(space).where(space.c.id == target.id).values(active=True, retired=None))
            return True

    def sentences(self, active: Space, embedder: EmbedderProtocol) -> int:
        """Embed the sentences of the passages of a space that have none yet."""
        waiting = and_(vector.c.space_id == active.id, vector.c.sentences.is_(None))
        with self._store.read() as connection:
            total = connection.execute(select(func.count()).where(waiting)).scalar_one()
        done = 0
        while not self._cancelled():
            with self._store.read() as connection:
                query = select(*PIECE).join(vector, vector.c.chunk_id == chunk.c.id).where(waiting)
                rows = connection.execute(query.order_by(chunk.c.id).limit(SLICE)).all()
            if not rows:
                break
            self._refined(active, rows, embedder)
            done += len(rows)
            self._progress("refine", done, max(total, done), active.model, 0)
        return done

    def _refined(self, active: Space, rows: Sequence[Row[Any]], embedder: EmbedderProtocol) -> None:
        texts = [chunk_of(row).sentence_texts() for row in rows]
        vectors = embedder.embed_passages([text for group in texts for text in group]).astype(np.float16)
        parts = np.split(vectors, np.cumsum([len(group) for group in texts])[:-1])
        with self._store.write(silent=True) as connection:
            for row, part in zip(rows, parts, strict=True):
                mine = and_(vector.c.chunk_id == row.id, vector.c.space_id == active.id)
                connection.execute(update(vector).where(mine).values(sentences=part.tobytes()))
