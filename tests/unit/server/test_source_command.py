"""`citewell source`: added, listed, synced and removed from a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest.jobs import Jobs
from ingest.jobs_slot import slot
from rag.models.embedder import Embedder
from rag.models.folder import ModelRecord, write_record
from rag.settings import Settings, load_settings
from rag.store import Store
from server.cli import app
from tests.fakes.embedder import HashingEmbedder

pytestmark = pytest.mark.slow

Run = Callable[..., Any]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("server.commands.source.configure_logging", lambda *_, **__: None)
    monkeypatch.setattr(Embedder, "load", lambda *_: HashingEmbedder())
    monkeypatch.setenv("COLUMNS", "200")
    folder = settings.models_dir / settings.embedder.model
    folder.mkdir(parents=True)
    write_record(folder, ModelRecord(settings.embedder.model, "r1", "0" * 64, "MIT", "none"))
    return lambda *arguments, **given: CliRunner().invoke(app, ["source", *map(str, arguments)], **given)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "文件"
    folder.mkdir()
    (folder / "a.txt").write_text("One sentence about hotels.")
    (folder / "b.md").write_text("# 年假\n\n员工每年有二十五天年假。", encoding="utf-8")
    return folder


def documents() -> int:
    store = Store.open(load_settings())
    try:
        return store.counts()["documents"]
    finally:
        store.close()


def test_all_that_can_be_said_of_a_source(run: Run, docs: Path) -> None:
    added = run(
        "add", "制度", docs, "--kind", "folder", "--collection", "hr", "--group", "staff", "--group", "法务",
        "--rule", "薪酬/**=hr, 财务", "--rule", "public/*=", "--include", "*.md", "--exclude", "x=y",
        "--schedule", "30 2 * * *", "--json",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    told = json.loads(added.stdout)
    assert told["location"] == str(docs)
    assert (told["collection"], told["groups"], told["schedule"]) == ("hr", ["staff", "法务"], "30 2 * * *")
    assert told["rules"] == [
        {"pattern": "薪酬/**", "groups": ["hr", "财务"]},
        {"pattern": "public/*", "groups": []},
    ]
    assert (told["include"], told["exclude"]) == (["*.md"], ["x=y"])
    assert json.loads(run("show", "制度", "--json").stdout) == told
    assert json.loads(run("list", "--json").stdout) == {"sources": [told]}
    shown = run("show", "制度").stdout
    for word in (
        "制度",
        str(docs),
        "staff, 法务",
        "rule 薪酬/**",
        "hr, 财务",
        "30 2 * * *",
        "command or API",
    ):
        assert word in shown
    assert "staff, 法务" in run("list").stdout


def test_paths_are_meant_from_here(run: Run, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(docs.parent)
    assert json.loads(run("add", "here", "文件", "--json").stdout)["location"] == str(docs)
    assert json.loads(run("add", "glob", "文件/*.md", "--json").stdout)["location"] == f"{docs}/*.md"
    repository = run("add", "code", "git@host:team/repo.git", "--kind", "git", "--json")
    assert json.loads(repository.stdout)["location"] == "git@host:team/repo.git"
    site = run("add", "site", "https://example.org/", "--kind", "web", "--option", "pages=7", "--json")
    assert json.loads(site.stdout)["options"] == {"pages": "7"}


def test_secrets_are_not_shown(run: Run) -> None:
    site = ("add", "site", "https://u:hush@e.org/", "--kind", "web", "--option", "token=hush-hush")
    assert run(*site).exit_code == 0
    for command in (("list",), ("show", "site"), ("show", "site", "--json")):
        assert "hush" not in run(*command).output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("add", "a b", "/x"), "cannot be the name"),
        (("add", "a", "/x", "--schedule", "soon"), "cron"),
        (("add", "a", "/x", "--kind", "ftp"), "'ftp' is none of folder"),
        (("add", "a", "/x", "--rule", "pattern"), "PATTERN=GROUP"),
        (("add", "a", "/x", "--option", "name"), "NAME=VALUE"),
        (("add", "a", "/x", "--option", "colour=red"), "option colour is unknown"),
        (("show", "nope"), "There is no source nope"),
        (("sync", "nope"), "There is no source nope"),
        (("sync", "--all"), "There are no sources"),
        (("sync",), "Name one source, or give --all"),
        (("sync", "a", "--all"), "Name one source, or give --all"),
        (("remove", "nope", "--yes"), "There is no source nope"),
    ],
)
def test_what_is_refused_in_a_line(run: Run, arguments: tuple[str, ...], word: str) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert word in " ".join(refused.output.replace("│", " ").split())
    assert "Traceback" not in refused.output


def test_help_lists_the_options_of_each_kind(run: Run) -> None:
    told = run("add", "--help").output
    assert "sitemap" in told
    assert "ssh_key" in told


def test_synced_here_where_no_worker_runs(run: Run, docs: Path) -> None:
    run("add", "docs", docs)
    synced = run("sync", "docs", "--json")
    assert synced.exit_code == 0, synced.output
    told = json.loads(synced.stdout)
    assert told["errors"] == {}
    assert (told["reports"]["docs"]["added"], told["reports"]["docs"]["failed"]) == (2, 0)
    assert documents() == 2
    (docs / "bad.pdf").write_bytes(b"%PDF-1.4 no more than that")
    (docs / "a.txt").unlink()
    again = run("sync", "--all")
    assert again.exit_code == 3
    assert "bad.pdf" in again.output
    assert documents() == 1
    assert json.loads(run("show", "docs", "--json").stdout)["failed"] == 1


def test_a_source_that_fails_does_not_keep_the_others_from_it(run: Run, docs: Path, tmp_path: Path) -> None:
    run("add", "away", tmp_path / "away")
    run("add", "docs", docs)
    synced = run("sync", "--all", "--json")
    assert synced.exit_code == 2
    told = json.loads(synced.stdout)
    assert told["reports"]["docs"]["added"] == 2
    assert "away" in told["errors"]["away"]["error"]
    assert run("sync", "away").exit_code == 2


def test_a_worker_is_given_the_job(run: Run, docs: Path, settings: Settings) -> None:
    run("add", "docs", docs)
    with slot(settings.home):
        asked = run("sync", "docs", "--json")
        assert asked.exit_code == 0, asked.output
        (job,) = json.loads(asked.stdout)["jobs"]
        assert (job["source"], job["state"], job["requested_by"]) == ("docs", "queued", "person")
        assert job["id"] in run("sync", "docs").stdout
        assert job["id"] in run("show", "docs").stdout
    assert documents() == 0


def test_waiting_for_a_job_that_is_cancelled(run: Run, docs: Path, settings: Settings) -> None:
    run("add", "docs", docs)
    with slot(settings.home):
        store = Store.open(settings)
        jobs = Jobs(settings, store)
        asked, real = jobs.sync("docs"), Jobs.get

        def get(self: Jobs, key: str) -> Any:
            # somebody cancels it after the second look
            looks.append(key)
            if len(looks) == 3:
                jobs.cancel(asked.id)
            return real(self, key)

        looks: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("server.show_jobs.LOOK_S", 0.01)
            patch.setattr(Jobs, "get", get)
            waited = run("sync", "docs", "--wait")
        jobs.close()
        store.close()
    assert waited.exit_code == 0
    assert "cancelled" in waited.output


def test_removed_with_its_documents(run: Run, docs: Path) -> None:
    run("add", "docs", docs)
    run("sync", "docs")
    kept = run("remove", "docs", input="n\n")
    assert kept.exit_code == 1
    assert "2 files" in kept.output
    assert documents() == 2
    removed = run("remove", "docs", input="y\n")
    assert removed.exit_code == 0
    assert documents() == 0
    assert json.loads(run("list", "--json").stdout) == {"sources": []}


def test_removed_without_its_documents(run: Run, docs: Path) -> None:
    run("add", "docs", docs)
    run("sync", "docs")
    removed = run("remove", "docs", "--yes", "--keep-documents", "--json")
    assert json.loads(removed.stdout) == {"name": "docs", "removed": 0}
    assert documents() == 2


def test_sources_of_the_settings_file_are_removed_there(run: Run, docs: Path, tmp_path: Path) -> None:
    with Path(os.environ["CITEWELL_CONFIG"]).open("a", encoding="utf-8") as file:
        file.write(f'[sources.fixed]\nlocation = "{docs}"\n')
    assert "fixed" in run("list").stdout
    refused = run("remove", "fixed", "--yes")
    assert refused.exit_code == 2
    assert "[sources.fixed]" in refused.output
    assert run("sync", "fixed").exit_code == 0
    assert documents() == 2
