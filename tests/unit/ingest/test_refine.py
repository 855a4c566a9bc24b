"""Sentences' vectors behind the back of the answers, and the move to another embedder."""

import dataclasses

import numpy as np
import pytest
from sqlalchemy import select

from ingest.index import Ledger
from ingest.pipeline import ingest
from ingest.refine import GRACE_S, Refined, refine, unrefined
from rag.errors import IndexStateError
from rag.index.dense import DenseIndex
from rag.models.folder import ModelRecord, write_record
from rag.searcher import Searcher
from rag.settings import IngestSettings, Settings
from rag.store import Store
from rag.tables import space, vector
from rag.types import Query, User
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.library import chunk_ids


class Other(HashingEmbedder):
    """Another embedder, of other length."""

    dimension = 32


def embedder_of(model):
    made = Other() if model == "large" else HashingEmbedder()
    made.fingerprint = f"{model}@r1"
    return made


def named(settings, model):
    return settings.model_copy(update={"embedder": settings.embedder.model_copy(update={"model": model})})


@pytest.fixture
def home(tmp_path):
    settings = named(Settings(home=tmp_path / "home", ingest=IngestSettings(chunk_tokens=32)), "small")
    for model in ("small", "large"):
        folder = settings.models_dir / model
        folder.mkdir(parents=True)
        write_record(folder, ModelRecord(model, "r1", "0" * 64, "MIT", "none"))
    store = Store.open(settings)
    yield settings, store
    store.close()


@pytest.fixture
def docs(home, tmp_path):
    settings, store = home
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(6):
        (folder / f"{n}.txt").write_text(
            f"Pump {n} is blue. It weighs {n} kg.\n\n" + "水泵每月保养一次。" * (n + 1)
        )
    ingest([folder], settings=settings, store=store, embedder=embedder_of("small"))
    return folder


def vectors(store):
    """By chunk id and space: (whole, sentences)."""
    with store.read() as connection:
        rows = connection.execute(select(vector)).all()
    return {(row.chunk_id, row.space_id): (row.whole, row.sentences) for row in rows}


def assert_right(store, model):
    """Every passage and sentence has the vector that this embedder makes of it."""
    embedder, active = embedder_of(model), store.space()
    assert active.fingerprint == f"{model}@r1"
    ids = chunk_ids(store)
    found = store.hit_vectors(ids, active.id)
    assert sorted(found) == ids
    for key, (piece, ref) in store.chunks(ids, User()).items():
        whole, inner = found[key]
        title = store.document(ref.id, User()).title
        want = embedder.embed_passages([piece.embedding_text(title), *piece.sentence_texts()])
        np.testing.assert_array_equal(np.vstack([whole, inner]), want.astype(np.float16))


def test_sentences_are_embedded_once(home, docs):
    settings, store = home
    count = store.counts()["chunks"]
    assert unrefined(store, settings) == count
    told = []
    done = refine(
        settings=settings, store=store, load=embedder_of, progress=lambda *event: told.append(event)
    )
    assert done == Refined(0, count)
    assert told[-1] == ("refine", count, count, "small", 0)
    assert_right(store, "small")
    assert unrefined(store, settings) == 0
    assert refine(settings=settings, store=store, load=None) == Refined(), "not even loading the embedder"


def test_a_stop_keeps_what_is_done(home, docs, monkeypatch):
    settings, store = home
    monkeypatch.setattr("ingest.refine.SLICE", 3)
    stop = iter([False, False, True, True])
    count = store.counts()["chunks"]
    first = refine(settings=settings, store=store, load=embedder_of, cancelled=lambda: next(stop))
    assert first == Refined(0, 6)
    assert refine(settings=settings, store=store, load=embedder_of) == Refined(0, count - 6)
    assert_right(store, "small")


def test_the_move_to_another_embedder(home, docs):
    settings, store = home
    refine(settings=settings, store=store, load=embedder_of)
    old, before = store.space(), vectors(store)
    moving = named(settings, "large")
    count = store.counts()["chunks"]
    seen = []

    def answering(*_):
        # the old space answers until the last moment
        seen.append(store.space())

    done = refine(settings=moving, store=store, load=embedder_of, progress=answering)
    assert done == Refined(count, count, "large")
    assert seen[0] == old
    assert_right(store, "large")
    # servers that have not noticed yet still find the old vectors, until a later run
    assert {key: value for key, value in vectors(store).items() if key[1] == old.id} == before
    with store.write() as connection:
        connection.execute(space.update().values(retired=space.c.retired - GRACE_S - 1))
    refine(settings=moving, store=store, load=embedder_of)
    assert {key[1] for key in vectors(store)} == {store.space().id}
    assert store.space_id("small@r1") is None


def test_what_is_ingested_during_the_move_is_moved_too(home, docs):
    settings, store = home
    moving = named(settings, "large")
    added = []

    def ingest_meanwhile(*_):
        if not added:
            (docs / "new.txt").write_text("A document that came in between.")
            added.append(ingest([docs], settings=settings, store=store, embedder=embedder_of("small")))

    refine(settings=moving, store=store, load=embedder_of, progress=ingest_meanwhile)
    assert added[0].added == 1
    assert_right(store, "large")


def test_a_move_that_was_stopped_goes_on_and_a_change_of_mind_is_cheap(home, docs, monkeypatch):
    settings, store = home
    refine(settings=settings, store=store, load=embedder_of)
    monkeypatch.setattr("ingest.refine.SLICE", 4)
    moving = named(settings, "large")
    stop = iter([False, True, True, True])
    assert refine(settings=moving, store=store, load=embedder_of, cancelled=lambda: next(stop)).passages == 4
    assert store.space().fingerprint == "small@r1"
    # back to the old one: nothing is embedded, the half-filled space goes
    assert refine(settings=settings, store=store, load=None) == Refined()
    assert store.space_id("large@r1") is None
    assert_right(store, "small")


def test_ingesting_with_the_wrong_embedder_is_refused(home, docs):
    settings, store = home
    (docs / "new.txt").write_text("Something new.")
    before = store.counts()
    with pytest.raises(IndexStateError, match="embedded by small@r1, not by large@r1") as raised:
        ingest([docs], settings=settings, store=store, embedder=embedder_of("large"))
    assert "citewell refine" in raised.value.remedy
    assert store.counts() == before


def test_a_searcher_follows_the_move_while_the_old_pair_answers(home, docs, settled):
    settings, store = home
    refine(settings=settings, store=store, load=embedder_of)

    def load(active):
        embedder = embedder_of(active.model)
        index = DenseIndex(store, settings.index_dir, embedder)
        index.sync()
        return embedder, index

    searcher = Searcher(store, *load(store.space()), load)
    first, index = searcher.pair()
    refine(settings=named(settings, "large"), store=store, load=embedder_of)
    # this question is still asked of the old pair, and finds everything there
    again, index = searcher.pair()
    assert again is first

    def asked(embedder):
        return Query("pump", "en", embedder.embed_queries(["pump"])[0], {})

    assert len(index.search(asked(first), 100, User())) == store.counts()["chunks"]
    settled(lambda: searcher.pair()[0].fingerprint == "large@r1")
    embedder, index = searcher.pair()
    assert len(index.search(asked(embedder), 100, User())) == store.counts()["chunks"]
    assert searcher.fingerprint == "large@r1"


def test_a_place_keeps_its_state(home, docs):
    settings, store = home
    states = Ledger(store).states("")
    refine(settings=settings, store=store, load=embedder_of)
    assert Ledger(store).states("") == states
    assert dataclasses.astuple(store.space()) == (1, "small@r1", HashingEmbedder.dimension)
