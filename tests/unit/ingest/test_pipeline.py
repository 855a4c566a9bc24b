import json
import os
import subprocess
import sys

import numpy as np
import pytest

from ingest.index import Ledger
from ingest.lock import ingest_lock
from ingest.originals import keep_original, original_path, sweep_originals
from ingest.pipeline import ingest
from ingest.sources import root_uri
from rag.errors import DiskFullError, MachineError, SourceNotFoundError, StoreError
from rag.settings import IngestSettings, Settings
from rag.store import Store
from rag.types import User
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.library import chunk_ids


@pytest.fixture
def home(tmp_path):
    settings = Settings(home=tmp_path / "home", ingest=IngestSettings(chunk_tokens=64))
    store = Store.open(settings)
    yield settings, store
    store.close()


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("Reisen\n\nHotels kosten höchstens 120 Euro.\n\n" + "Ein Satz mehr. " * 80)
    (folder / "b.txt").write_text("员工每年享有十天年假。")
    (folder / "c.csv").write_text("Ort;Preis;Zeit\nBern;120;2\n")
    return folder


def _counts(report):
    return (report.added, report.updated, report.unchanged, report.removed, len(report.failed))


def states(store):
    return Ledger(store).states("")


def _run(home, *paths, **options):
    settings, store = home
    return ingest(list(paths), settings=settings, store=store, embedder=HashingEmbedder(), **options)


def test_first_second_and_changed(home, docs):
    settings, store = home
    first = _run(home, docs)
    assert _counts(first) == (3, 0, 0, 0, 0)
    assert first.chunks == store.counts()["chunks"] > 3
    generation = store.generation()
    assert _counts(_run(home, docs)) == (0, 0, 3, 0, 0)
    assert store.generation() == generation
    (docs / "b.txt").write_text("员工每年享有十五天年假。")
    assert _counts(_run(home, docs)) == (0, 1, 2, 0, 0)
    key = states(store)[f"{root_uri(docs)}/b.txt"].document_id
    assert store.document(key, User()).text == "员工每年享有十五天年假。"
    assert len(store.originals()) == 3
    assert {p.name for p in settings.originals_dir.glob("*/*")} == store.originals()


def test_an_unchanged_folder_does_not_load_the_embedder(home, docs):
    _run(home, docs)

    class Unloaded:
        fingerprint = HashingEmbedder.fingerprint

    settings, store = home
    assert _counts(ingest([docs], settings=settings, store=store, embedder=Unloaded())) == (0, 0, 3, 0, 0)


def test_a_touched_file_is_not_parsed_again(home, docs):
    _run(home, docs)
    os.utime(docs / "b.txt", (1, 1))
    embedder = HashingEmbedder()
    settings, store = home
    report = ingest([docs], settings=settings, store=store, embedder=embedder)
    assert _counts(report) == (0, 0, 3, 0, 0)
    assert embedder.embedded == []
    assert states(store)[f"{root_uri(docs)}/b.txt"].modified == 1.0


def test_another_pipeline_ingests_anew(home, docs):
    _, store = home
    _run(home, docs)
    changed = Settings(home=home[0].home, ingest=IngestSettings(chunk_tokens=80))
    report = ingest([docs], settings=changed, store=store, embedder=HashingEmbedder())
    assert _counts(report) == (0, 3, 0, 0, 0)


def test_what_is_stored_is_what_was_embedded(home, docs):
    _, store = home
    _run(home, docs)
    embedder = HashingEmbedder()
    ids = chunk_ids(store)
    vectors = store.hit_vectors(ids, store.space().id)
    for key, (piece, document) in store.chunks(ids, User()).items():
        vector, inner = vectors[key]
        whole = store.document(document.id, User())
        text = piece.embedding_text(whole.title)
        np.testing.assert_array_equal(vector, embedder.embed_passages([text])[0].astype(np.float16))
        assert all(whole.text[a:b] in text for a, b in piece.sentences)
        # sentences come later: see test_refine.py
        assert inner is None


def test_prune_removes_what_is_gone_only_under_the_given_folders(home, docs, tmp_path):
    _, store = home
    other = tmp_path / "docs2"
    other.mkdir()
    (other / "x.txt").write_text("Elsewhere.")
    _run(home, docs, other)
    (docs / "b.txt").unlink()
    (other / "x.txt").unlink()
    (docs / "c.csv").write_bytes(b"GIF89a, a picture by mistake")
    assert _counts(_run(home, docs)) == (0, 0, 1, 0, 1)
    report = _run(home, docs, prune=True)
    assert _counts(report) == (0, 0, 1, 1, 1)
    # unreadable is not gone
    assert set(states(store)) == {
        f"{root_uri(docs)}/a.txt",
        f"{root_uri(docs)}/c.csv",
        f"{root_uri(other)}/x.txt",
    }
    assert len(list(home[0].originals_dir.glob("*/*"))) == 3


def test_failures_are_reported_and_the_others_go_on(home, docs):
    (docs / "bad.pdf").write_bytes(b"%PDF-1.7 cut")
    (docs / "empty.txt").touch()
    report = _run(home, docs)
    root = root_uri(docs)
    assert _counts(report) == (3, 0, 0, 0, 2)
    assert [(f.source, f.error) for f in report.failed] == [
        (f"{root}/empty.txt", "the file is empty"),
        (f"{root}/bad.pdf", "the PDF is damaged: its end is missing"),
    ]


def test_report_as_json_in_the_documented_order(home, docs):
    (docs / "empty.txt").touch()
    report = json.loads(json.dumps(_run(home, docs).to_dict()))
    assert list(report) == [
        "added",
        "updated",
        "unchanged",
        "removed",
        "failed",
        "chunks",
        "seconds",
        "withheld",
        "cancelled",
    ]
    assert list(report["failed"][0]) == ["source", "error"]


def test_progress_tells_files_and_bytes(home, docs):
    seen = []
    _run(home, docs, progress=lambda *event: seen.append(event))
    size = sum(path.stat().st_size for path in docs.iterdir())
    assert seen[0] == ("scan", 0, 3, "", size)
    assert seen[-1] == ("store", 3, 3, "c.csv", size)
    assert [event[3] for event in seen if event[0] == "parse"] == ["a.txt", "b.txt", "c.csv"]
    assert [event[4] for event in seen[1:]] == sorted(event[4] for event in seen[1:])


def test_several_documents_share_the_embedders_batches(home, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(20):
        (folder / f"{n:02}.txt").write_text(f"Document number {n} says so.")
    calls = []

    class Counting(HashingEmbedder):
        def embed_passages(self, texts):
            calls.append(len(texts))
            return super().embed_passages(texts)

    settings, store = home
    ingest([folder], settings=settings, store=store, embedder=Counting())
    # each is one chunk
    assert calls == [20]


def test_missing_path_and_interruption_leave_all_as_it_was(home, docs):
    settings, store = home
    with pytest.raises(SourceNotFoundError):
        _run(home, docs, docs / "nowhere")
    assert states(store) == {}

    def interrupt(phase, done, total, name, size):
        if name == "b.txt":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(home, docs, progress=interrupt)
    assert store.check() == "ok"
    assert _counts(_run(home, docs)) == (3, 0, 0, 0, 0)
    assert {p.name for p in settings.originals_dir.glob("*/*")} == store.originals()


def test_one_ingestion_at_a_time(home, docs):
    settings, _ = home
    code = (
        "import sys; from pathlib import Path; from ingest.lock import ingest_lock\n"
        "with ingest_lock(Path(sys.argv[1]), ''):\n    print('held', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(settings.home)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(MachineError, match=rf"Another ingestion \(process {holder.pid}\)"):
            _run(home, docs)
        holder.stdin.close()
        holder.wait()
    assert _run(home, docs).added == 3


def test_the_lock_ends_with_its_process(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from ingest.lock import ingest_lock\n"
        "with ingest_lock(Path(sys.argv[1]), ''):\n    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with ingest_lock(tmp_path, ""):
        assert (tmp_path / "locks" / "paths.lock").read_text() == str(os.getpid())


def test_originals_are_kept_whole_and_swept(tmp_path, monkeypatch):
    one, two = "aa" + "1" * 62, "ab" + "2" * 62
    keep_original(tmp_path, one, b"one")
    keep_original(tmp_path, two, b"two")
    assert original_path(tmp_path, one).read_bytes() == b"one"
    (tmp_path / "aa" / ".part-left").write_bytes(b"half")
    assert sweep_originals(tmp_path, {one}) == 2
    assert [path.name for path in tmp_path.glob("*/*")] == [one]
    # a half-written copy of another size is written again
    original_path(tmp_path, one).write_bytes(b"o")
    keep_original(tmp_path, one, b"one")
    assert original_path(tmp_path, one).read_bytes() == b"one"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError, match="No room left"):
        keep_original(tmp_path, two, b"two")
    assert not list(tmp_path.glob("*/.part-*"))


def test_originals_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be kept"):
        keep_original(tmp_path / "file", "aa" + "1" * 62, b"x")


def test_without_originals(docs, tmp_path):
    settings = Settings(home=tmp_path / "h", ingest=IngestSettings(keep_originals=False))
    store = Store.open(settings)
    ingest([docs], settings=settings, store=store, embedder=HashingEmbedder())
    assert not settings.originals_dir.exists()
    store.close()
