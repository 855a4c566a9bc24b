"""The doctor finds what is broken, says what to do, and is content with what only looks odd."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import server.doctor
from ingest.pipeline import ingest
from rag.index.dense import DenseIndex
from rag.models.catalogue import find
from rag.models.folder import ModelRecord, write_record
from rag.settings import Settings, load_settings
from rag.store import Store
from server.cli import app
from server.doctor import Finding, examine
from tests.fakes.embedder import HashingEmbedder

EMBEDDER = "multilingual-e5-small"


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.commands.doctor.configure_logging", lambda *_, **__: None)


def model(settings: Settings, name: str, **config: Any) -> Path:
    entry = find(name)
    folder = settings.models_dir / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or {"hidden_size": HashingEmbedder.dimension}))
    (folder / "model.safetensors").write_bytes(b"weights")
    write_record(folder, ModelRecord(name, entry.revision, entry.sha256, entry.licence, "x/1"))
    return folder


@pytest.fixture(scope="module")
def finished_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with models, documents and an index."""
    folder = tmp_path_factory.mktemp("finished")
    settings = load_settings(home=folder / "home")
    model(settings, EMBEDDER)
    model(settings, settings.generator.model)
    documents = folder / "documents"
    documents.mkdir()
    (documents / "a.md").write_text("# Alarm\n\nClose the valve.\n")
    (documents / "b.md").write_text("# 报警\n\n立即关闭进水阀。\n", encoding="utf-8")
    store = Store.open(settings)
    embedder = HashingEmbedder()
    embedder.fingerprint = f"{EMBEDDER}@{find(EMBEDDER).revision}"
    ingest([documents], settings=settings, store=store, embedder=embedder)
    index = DenseIndex(store, settings.index_dir, embedder)
    index.sync()
    index.settle()
    store.close()
    return settings.home


@pytest.fixture
def healthy(settings: Settings, finished_home: Path) -> Settings:
    """Settings whose home is a copy of the finished one: tests break it."""
    shutil.copytree(finished_home, settings.home)
    return settings


async def found(settings: Settings, area: str, name: str) -> Finding:
    return next(each for each in await examine(settings) if (each.area, each.name) == (area, name))


async def test_a_healthy_home(healthy: Settings) -> None:
    findings = await examine(healthy)
    assert not [each for each in findings if each.state == "fail"]
    by_name = {(each.area, each.name): each for each in findings}
    assert by_name["database", "documents"].detail == "2 documents, 2 chunks"
    assert by_name["index", "ids"].detail == "2 vectors for 2 chunks"
    assert by_name["database", "originals"].detail == "all 2 are kept"
    assert by_name["database", "integrity"].state == "ok"
    assert by_name["models", EMBEDDER].state == "ok"
    # nothing listens in a test, and there is no environment for vLLM
    assert by_name["vLLM", "process"].state == by_name["vLLM", "environment"].state == "warn"
    for each in findings:
        assert bool(each.remedy) == (each.state != "ok"), each


async def test_an_empty_home_is_told_how_to_begin(settings: Settings) -> None:
    findings = await examine(settings)
    embedder = next(each for each in findings if each.name == EMBEDDER)
    assert (embedder.state, embedder.remedy) == ("fail", f"Run `citewell model pull {EMBEDDER}`.")
    documents = next(each for each in findings if each.name == "documents")
    assert (documents.state, documents.remedy) == ("warn", "`citewell ingest PATH` brings documents in.")
    assert not (settings.home / "citewell.db").exists(), "looking must not make anything"


async def test_an_index_without_a_snapshot_is_fine(healthy: Settings) -> None:
    shutil.rmtree(healthy.index_dir)
    ids = await found(healthy, "index", "ids")
    assert ids.state == "ok"
    assert not healthy.index_dir.exists(), "looking must not make anything"


async def test_a_damaged_database(healthy: Settings) -> None:
    path = healthy.home / "citewell.db"
    for beside in healthy.home.glob("citewell.db-*"):
        beside.unlink()
    content = bytearray(path.read_bytes())
    for begin in range(4096, len(content), 4096):
        content[begin : begin + 64] = b"\xff" * 64
    path.write_bytes(content)
    broken = [each for each in await examine(healthy) if each.state == "fail"]
    assert [each.area for each in broken] == ["database"]
    assert broken[0].remedy


async def test_a_file_that_is_no_database(healthy: Settings) -> None:
    (healthy.home / "citewell.db").write_bytes(b"not a database" * 1000)
    broken = [each for each in await examine(healthy) if each.state == "fail"]
    assert "Move it away" in broken[0].remedy


async def test_a_newer_schema(healthy: Settings) -> None:
    with sqlite3.connect(healthy.home / "citewell.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    broken = await found(healthy, "database", "check")
    assert "newer" in broken.detail


async def test_documents_of_another_embedder(healthy: Settings) -> None:
    other = healthy.embedder.model_copy(update={"model": "another"})
    waiting = await found(healthy.model_copy(update={"embedder": other}), "index", "embedder")
    assert (waiting.state, waiting.remedy) == ("warn", "`citewell refine` moves them.")
    (healthy.models_dir / EMBEDDER / "citewell.json").unlink()
    broken = await found(healthy, "index", "embedder")
    assert broken.state == "fail"
    assert f"citewell model pull {EMBEDDER}" in broken.remedy


async def test_missing_originals(healthy: Settings) -> None:
    next(path for path in healthy.originals_dir.rglob("*") if path.is_file()).unlink()
    missing = await found(healthy, "database", "originals")
    assert (missing.state, missing.detail) == ("warn", "1 of 2 are missing")


async def test_models_that_are_not_what_they_should_be(healthy: Settings) -> None:
    folder = healthy.models_dir / EMBEDDER
    write_record(folder, ModelRecord(EMBEDDER, "r", "0" * 64, "MIT", "x/1"))
    assert "catalogue pins" in (await found(healthy, "models", EMBEDDER)).detail
    write_record(folder, ModelRecord(EMBEDDER, "r", find(EMBEDDER).sha256, "MIT", "x/1"))
    (folder / "config.json").write_text("{")
    assert "damaged" in (await found(healthy, "models", EMBEDDER)).detail
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    assert (await found(healthy, "models", EMBEDDER)).state == "fail"
    generator = healthy.models_dir / healthy.generator.model
    (generator / "citewell.json").unlink()
    assert (await found(healthy, "models", healthy.generator.model)).state == "warn", "quotes are still there"


async def test_layers_that_belong_to_another_generator(healthy: Settings) -> None:
    assert (await found(healthy, "check", "judge")).state == "ok"
    generator = healthy.generator.model_copy(update={"model": "another-model"})
    told = await found(healthy.model_copy(update={"generator": generator}), "check", "judge")
    assert (told.state, told.remedy) == (
        "warn",
        "Label sentences and run `citewell eval calibrate --layer judge`.",
    )
    assert "fitted to qwen2.5-coder-1.5b-instruct, not asked with another-model" in told.detail


async def test_little_room(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.doctor, "LEAST_DISK_GIB", 1e9)
    monkeypatch.setattr(server.doctor, "GOOD_DISK_GIB", 1e9)
    assert (await found(healthy, "environment", "disk")).state == "fail"


async def test_missing_packages(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.doctor, "PACKAGES", ("json", "no_such_package"))
    missing = await found(healthy, "environment", "packages")
    assert (missing.state, missing.detail) == ("fail", "missing: no_such_package")


async def test_a_check_that_breaks_is_a_finding(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Store) -> str:
        raise RuntimeError("odd")

    monkeypatch.setattr(Store, "check", broken)
    assert (await found(healthy, "database", "check")).detail == "RuntimeError: odd"


def test_the_command(healthy: Settings) -> None:
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0, shown.output
    assert "✓ ok   index, ids: 2 vectors for 2 chunks" in shown.stdout
    assert "→ `citewell up` or `citewell model serve` starts it." in shown.stdout
    (healthy.home / "citewell.db").write_bytes(b"not a database" * 1000)
    shown = CliRunner().invoke(app, ["doctor", "--json"])
    assert shown.exit_code == 1
    report = json.loads(shown.stdout)
    assert report["ok"] is False
    assert {"area", "name", "state", "detail", "remedy"} == set(report["checks"][0])
