"""A thousand random adds, changes, moves, deletes, and kills end equal to a fresh ingestion."""

import io
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

from sqlalchemy import select

from rag.settings import Settings
from rag.store import Store
from rag.tables import document, kin, place, reader, vector
from rag.types import User
from tests.fakes.library import chunk_ids

ROOT = Path(__file__).parents[2]
STEPS, KILLS = 1000, 12
SUBJECTS = ("Pump", "Valve", "Boiler", "水泵", "阀门")


def _text(random_, subject):
    lines = [f"The {subject} weighs {random_.randrange(50)} kg." for _ in range(random_.randrange(1, 5))]
    # few enough variants that the same bytes come up again and again
    return f"# {subject} {random_.choice((2023, 2024, 2026))}\n\n" + "\n\n".join(lines[:1] * len(lines))


def _zip(random_):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for n in range(random_.randrange(1, 4)):
            about = zipfile.ZipInfo(f"{n}.txt", (2026, 1, 1, 0, 0, 0))
            archive.writestr(about, _text(random_, random_.choice(SUBJECTS)))
    return buffer.getvalue()


def _change(random_, folder, clock):
    """One random change of the folder. Times are set by hand: two changes may fall into one tick."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    act = random_.choice(("add", "add", "change", "delete", "move", "copy", "zip", "untitled", "damage"))
    target = folder / random_.choice(("a", "b", "c")) / f"{random_.randrange(25)}"
    target.parent.mkdir(exist_ok=True)
    chosen = random_.choice(files) if files else None
    if act == "change":
        # a file that cannot be read any more keeps the document that it was, which a fresh one never had
        chosen = random_.choice([path for path in files if path.suffix != ".pdf"] or [None])
    if act in ("add", "change"):
        path = target.with_suffix(".txt") if act == "add" or chosen is None else chosen
        path.write_text(_text(random_, random_.choice(SUBJECTS)), "utf-8")
    elif act == "zip":
        path = target.with_suffix(".zip")
        path.write_bytes(_zip(random_))
    elif act == "untitled":
        path = target.with_suffix(".txt")
        path.write_text(f"it is said that {random_.randrange(4)} pumps are on their way.", "utf-8")
    elif act == "damage":
        path = target.with_suffix(".pdf")
        path.write_bytes(b"%PDF-1.7 cut short " + bytes([random_.randrange(65, 70)]))
    elif chosen is None:
        return
    elif act == "delete":
        chosen.unlink()
        return
    elif act == "move":
        path = target.with_suffix(chosen.suffix)
        chosen.replace(path)
    else:
        path = target.with_suffix(chosen.suffix)
        path.write_bytes(chosen.read_bytes())
    os.utime(path, (clock, clock))


def _worker(home, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.sync_on_request", str(home), str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ended(worker):
    worker.kill()
    worker.wait()
    worker.stdin.close()
    worker.stdout.close()


def _synced(worker, kill_at=None):
    """Sync once; killed at the ``kill_at``-th thing that the worker says, if it says so many."""
    worker.stdin.write("sync\n")
    worker.stdin.flush()
    said = 0
    while (line := worker.stdout.readline()) and line != "done\n":
        said += 1
        if said == kill_at:
            _ended(worker)
            return False
    return line == "done\n"


def _contents(settings):
    """Everything that answers depend on, without ids that only count."""
    store = Store.open(settings)
    with store.read() as connection:
        documents = connection.execute(
            select(
                document.c.id, document.c.title, document.c.titled, document.c.text, document.c.edition,
                document.c.language, document.c.signature,
            )
        ).all()  # fmt: skip
        places = connection.execute(
            select(
                place.c.uri, place.c.parent, place.c.document_id, place.c.title, place.c.sha256, place.c.error
            )
        ).all()
        readers = connection.execute(
            select(place.c.uri, reader.c.name, reader.c.document_id).join_from(reader, place)
        ).all()
        links = connection.execute(select(kin.c.document_id, kin.c.other_id, kin.c.similarity)).all()
        spaces = set(connection.execute(select(vector.c.space_id)).scalars())
    ids = chunk_ids(store)
    wholes = store.hit_vectors(ids, store.space().id)
    chunks = {}
    for key, (piece, ref) in store.chunks(ids, User()).items():
        chunks[ref.id, piece.position] = (piece.text, piece.heading, wholes[key][0].tobytes())
    found = {
        term: sorted((store.chunks([key], User())[key][0].text) for key, _ in store.lexical([term], 999))
        for term in ("pump", "水泵", "kg")
    }
    assert len(spaces) == 1
    assert len(wholes) == len(ids) == len(chunks)
    assert store.check() == "ok"
    originals = {path.name for path in settings.originals_dir.glob("*/*")}
    assert originals == store.originals()
    store.close()
    return {
        "documents": sorted(map(tuple, documents)),
        "places": sorted((tuple(row) for row in places), key=str),
        "readers": sorted((tuple(row) for row in readers), key=str),
        "links": sorted(map(tuple, links)),
        "chunks": chunks,
        "found": found,
    }


def test_random_changes_and_kills_end_equal_to_a_fresh_ingestion(tmp_path):
    random_ = random.Random(20261124)
    folder, home = tmp_path / "docs", tmp_path / "home"
    folder.mkdir()
    kills, syncs = 0, 0
    worker = _worker(home, folder)
    try:
        done = 0
        while done < STEPS:
            for _ in range(random_.randrange(1, 40)):
                _change(random_, folder, 1_700_000_000 + done)
                done += 1
            kill = kills < KILLS and random_.random() < 0.5
            syncs += 1
            if not _synced(worker, random_.randrange(1, 40) if kill else None):
                kills += 1
                worker = _worker(home, folder)
        assert _synced(worker)
    finally:
        _ended(worker)
    assert kills == KILLS
    assert syncs > 40
    fresh = tmp_path / "fresh"
    last = _worker(fresh, folder)
    assert _synced(last)
    last.communicate(timeout=60)
    got, want = _contents(Settings(home=home)), _contents(Settings(home=fresh))
    for part in want:
        assert got[part] == want[part], part
