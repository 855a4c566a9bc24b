"""kill -9 at any step of an ingestion, then again: the database must end as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from rag.settings import Settings
from rag.store import Store
from tests.fakes.library import chunk_ids

ROOT = Path(__file__).resolve().parents[2]
WORDS = [
    "员工",
    "应当",
    "年假",
    "Reise",
    "Kosten",
    "hotel",
    "rate",
    "receipt",
    "差旅",
    "報告",
    "the",
    "of",
    "Antrag",
    "days",
]


def _write(folder, rng, names):
    folder.mkdir(exist_ok=True)
    for name in names:
        paragraphs = [
            " ".join(rng.choices(WORDS, k=rng.randint(5, 60))) + "." for _ in range(rng.randint(1, 12))
        ]
        (folder / name).write_text("\n\n".join(paragraphs), encoding="utf-8")


def _start(home, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.fakes.ingest_once", str(home), str(folder), "--prune"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def _finish(home, folder):
    """Run to the end; the lines that it said."""
    with _start(home, folder) as process:
        lines = process.stdout.readlines()
    assert process.returncode == 0
    return lines


def _kill_after(home, folder, lines):
    """Kill the ingestion as soon as it has said so many lines; False when it was done before."""
    with _start(home, folder) as process:
        for _ in range(lines):
            if not process.stdout.readline():
                break
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


def _content(home):
    """All that an ingestion writes, without the chunks' numbers, which are never reused."""
    engine = create_engine(Settings(home=home).database_url)
    with engine.connect() as connection:
        documents = connection.execute(text("SELECT * FROM document ORDER BY id")).mappings().all()
        query = "SELECT * FROM chunk JOIN vector ON chunk_id = id ORDER BY document_id, position"
        chunks = connection.execute(text(query)).mappings().all()
    engine.dispose()
    return (
        [dict(row) for row in documents],
        [{key: value for key, value in row.items() if key not in ("id", "chunk_id")} for row in chunks],
        sorted(path.name for path in (home / "originals").glob("*/*")),
    )


def _check(home):
    store = Store.open(Settings(home=home))
    try:
        assert store.check() == "ok"
        # whole documents only: chunks and lexical rows belong to each other
        found = store.lexical(["hotel"], 1000)
        assert {key for key, _ in found} <= set(chunk_ids(store))
    finally:
        store.close()


def _everyone():
    from rag.types import User

    return User()


@pytest.mark.parametrize("seed", [7])
def test_killed_ten_times(tmp_path, seed):
    rng = random.Random(seed)
    folder, calm, stormy = tmp_path / "docs", tmp_path / "calm", tmp_path / "stormy"
    names = [f"{n:03}.txt" for n in range(60)]
    _write(folder, rng, names)
    said = len(_finish(calm, folder))
    killed = 0
    for _ in range(5):
        killed += _kill_after(stormy, folder, rng.randrange(1, said))
        _check(stormy)
    # then some change, some go, some come
    _write(folder, rng, names[::3])
    for name in names[1::7]:
        (folder / name).unlink()
    _write(folder, rng, [f"new-{n}.txt" for n in range(9)])
    said = len(_finish(calm, folder))
    for _ in range(5):
        killed += _kill_after(stormy, folder, rng.randrange(1, said))
        _check(stormy)
    assert killed >= 5
    _finish(stormy, folder)
    assert _content(stormy) == _content(calm)
