"""The pair that questions are asked of, and what is done beside them."""

import logging

import pytest

from rag.index import dense
from rag.index.dense import DenseIndex
from rag.searcher import Searcher
from tests.fakes.library import put


@pytest.fixture
def searcher(store, embedder, settings, monkeypatch):
    monkeypatch.setattr(dense, "UNSETTLED_ROWS", 2)
    put(store, embedder, "a.md", ["One.", "Two.", "Three."])
    index = DenseIndex(store, settings.index_dir, embedder)
    index.sync()
    return Searcher(store, embedder, index)


def test_a_snapshot_is_written_beside_the_answers(searcher, settings, settled):
    assert searcher.pair()[1].unsettled
    settled(lambda: not searcher.pair()[1].unsettled)
    assert list(settings.index_dir.glob("*/state.json"))


def test_a_command_writes_it_before_it_ends(searcher, settings):
    told = []
    searcher.settle(lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]
    assert not searcher.pair()[1].unsettled
    (state,) = settings.index_dir.glob("*/state.json")
    before = state.stat().st_mtime_ns
    searcher.settle()
    assert state.stat().st_mtime_ns == before, "only where it is due"


def test_without_room_for_a_snapshot_answers_go_on(searcher, settings, settled, caplog, monkeypatch):
    tried = []

    def full(*_):
        tried.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dense.SnapshotFolder, "write", full)
    with caplog.at_level(logging.ERROR):
        searcher.pair()
        settled(lambda: "The index cannot be written, answers go on: [Errno 28]" in caplog.text)
    for _ in range(20):
        assert searcher.pair()[1].size == 3
    assert tried == [1], "not tried again with every question"
