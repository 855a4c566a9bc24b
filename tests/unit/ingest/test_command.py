import json

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from ingest.report import IngestReport
from ingest.source import Failure
from rag.models.embedder import Embedder
from rag.models.folder import ModelRecord, write_record
from server.commands import ingest as command
from server.ingest_progress import print_report, shown
from tests.fakes.embedder import HashingEmbedder


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`citewell ingest ...` in a home of its own, with an embedder that needs no model."""
    home = tmp_path / "home"
    monkeypatch.setenv("CITEWELL_HOME", str(home))
    monkeypatch.setattr(Embedder, "load", lambda *_: HashingEmbedder())
    folder = home / "models" / "multilingual-e5-small"
    folder.mkdir(parents=True)
    write_record(folder, ModelRecord("multilingual-e5-small", "r1", "0" * 64, "MIT", "none"))
    app = typer.Typer()
    app.command()(command.ingest)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("One sentence.")
    return folder


def test_json_and_exit_code(run, docs):
    result = run(docs, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report.pop("seconds") >= 0
    assert report == {
        "added": 1, "updated": 0, "unchanged": 0, "removed": 0, "withheld": 0, "failed": [], "chunks": 1,
        "cancelled": False,
    }  # fmt: skip


def test_exit_code_3_when_some_failed_and_table_names_them(run, docs):
    (docs / "new\nline.txt").touch()
    result = run(docs)
    assert result.exit_code == 3
    assert "could not be read" in result.stdout
    assert "the file is empty" in result.stdout
    assert "new?line.txt" in result.stdout.replace("\n", "").replace("│", "").replace(" ", "")


def test_prune(run, docs):
    run(docs)
    (docs / "a.txt").unlink()
    assert json.loads(run(docs, "--json").stdout)["removed"] == 0
    assert json.loads(run(docs, "--prune", "--json").stdout)["removed"] == 1


def test_bar_shows_files_and_odd_names():
    console = Console(force_terminal=True, width=120, record=True)
    with shown(console) as progress:
        progress("scan", 0, 2, "", 1000)
        progress("parse", 0, 2, "a[bold]\n.txt", 0)
        progress("store", 1, 2, "b" * 50, 500)
        progress("refine", 64, 128, "small", 0)
    assert "64/128 passages" in console.export_text()


def test_table_of_a_report(capsys):
    report = IngestReport(1, 2, 3, 4, (Failure("/docs/[x].pdf", "the PDF is damaged"),), 5, 6.75)
    print_report(report, Console(width=120))
    shown_text = capsys.readouterr().out
    assert "confirm" not in shown_text
    for word in ("added", "removed", "6.8", "/docs/[x].pdf", "the PDF is damaged"):
        assert word in shown_text
    print_report(IngestReport(0, 0, 0, 0, (), 0, 0.1, withheld=40, cancelled=True), Console(width=120))
    shown_text = capsys.readouterr().out
    assert "40 documents" in shown_text
    assert "--confirm-removals" in shown_text
    assert "Stopped before" in shown_text
