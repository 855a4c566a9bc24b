"""`citewell eval` from the outside, over an assistant with known answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import server.commands.eval
from rag.assistant import Assistant
from rag.eval.public_sets import read_set
from rag.settings import Settings
from rag.store import Store
from server.cli import app
from tests.fakes.assistant import QUOTE, FakeAssistant
from tests.fakes.company import fill
from tests.fakes.embedder import HashingEmbedder

pytestmark = pytest.mark.slow

ROWS = [
    {"id": "a", "question": "What to do at E55?", "answers": [QUOTE[:8]], "sources": ["HS-900维护手册.docx"]},
    {"id": "b", "question": "unanswerable, is it?", "answers": [], "topic": "in"},
    {"id": "c", "question": "怎么处理E55？", "answers": ["立即关闭进水阀"], "topic": "in"},
]


class Prepared(FakeAssistant):
    async def generator_ready(self) -> bool:
        return True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that an assistant was opened with, one after the other."""
    seen: list[Settings] = []

    def open_(cls: type, settings: Settings) -> FakeAssistant:
        seen.append(settings)
        return Prepared()

    monkeypatch.setattr(Assistant, "open", classmethod(open_))
    monkeypatch.setattr(server.commands.eval, "configure_logging", lambda *_, **__: None)
    return seen


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "set.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return file


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def figures(folder: Path) -> dict[tuple[str, str], float]:
    told = json.loads((folder / "report.json").read_text("utf-8"))
    return {(f["name"], f["language"]): f["value"] for f in told["figures"]}


def test_a_run_without_a_generator(opened: list[Settings], questions: Path, tmp_path: Path) -> None:
    result = run("run", "--questions", questions, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "No generator answers, so quotes are measured" in result.stderr
    assert [settings.generator.enabled for settings in opened] == [False]
    told = figures(tmp_path / "out")
    assert told["R@1", "all"] == 1.0
    assert told["contains the answer", "all"] == 0.5  # the quote is in no answer, the sentence is
    assert told["contains the answer", "zh"] == 1.0
    assert told["recall", "all"] == 1.0
    assert "contains the answer" in result.stdout
    assert str(tmp_path / "out" / "report.html") in result.stdout.replace("\n", "")
    about = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert (about["questions"], about["generator"]) == ("set.jsonl", "none: quotes only")


def test_it_goes_on_in_the_same_folder(opened: list[Settings], questions: Path, tmp_path: Path) -> None:
    first = run("run", "--questions", questions, "--out", tmp_path / "out", "--quotes-only", "--count", 1)
    assert first.exit_code == 0, first.output
    assert "No generator" not in first.stderr
    before = (tmp_path / "out" / "results.jsonl").read_text("utf-8")
    assert before.count("\n") == 1
    assert run("run", "--questions", questions, "--out", tmp_path / "out", "--quotes-only").exit_code == 0
    after = (tmp_path / "out" / "results.jsonl").read_text("utf-8")
    assert after.startswith(before)
    assert after.count("\n") == 3


def test_other_settings_want_another_folder(
    opened: list[Settings], questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("run", "--questions", questions, "--out", tmp_path / "out").exit_code == 0
    monkeypatch.setenv("CITEWELL_ANSWER__MAX_SENTENCES", "2")
    result = run("run", "--questions", questions, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "what differs: answer" in result.stderr
    assert "another folder as --out" in result.stderr


def test_without_a_folder_a_new_one_is_made(
    opened: list[Settings], questions: Path, settings: Settings
) -> None:
    result = run("run", "--questions", questions)
    (folder,) = (settings.home / "eval").iterdir()
    assert folder.name.startswith("set-")
    assert str(folder) in result.stderr


def test_models_are_served_one_after_the_other(
    opened: list[Settings],
    questions: Path,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened = []

    @asynccontextmanager
    async def served(chosen: Settings, steps: object) -> AsyncIterator[None]:
        happened.append(f"start {chosen.generator.model} {chosen.generator.url!r}")
        yield
        happened.append(f"stop {chosen.generator.model}")

    monkeypatch.setattr(server.commands.eval, "_served", served)
    monkeypatch.setattr(server.commands.eval, "require_model", lambda name, folder: None)
    monkeypatch.setenv("CITEWELL_GENERATOR__URL", "http://127.0.0.1:9/v1")
    result = run("run", "--questions", questions, "--out", tmp_path / "out", "--models", "one, two")
    assert result.exit_code == 0, result.output
    assert happened == ["start one ''", "stop one", "start two ''", "stop two"]
    assert [chosen.generator.model for chosen in opened] == ["one", "two"]
    for model in ("one", "two"):
        about = json.loads((tmp_path / "out" / model / "run.json").read_text("utf-8"))
        assert about["generator"] == model
    assert (tmp_path / "out" / "two.html").exists()
    # all is answered: nothing is served again
    happened.clear()
    assert (
        run("run", "--questions", questions, "--out", tmp_path / "out", "--models", "one,two").exit_code == 0
    )
    assert happened == []


def test_a_model_that_is_not_there_is_told_before_anything_starts(
    opened: list[Settings], questions: Path, tmp_path: Path
) -> None:
    result = run("run", "--questions", questions, "--models", "smollm2-135m-instruct")
    assert result.exit_code == 2
    assert "citewell model pull smollm2-135m-instruct" in result.stderr
    assert opened == []


def test_a_wrong_set_is_two_lines(opened: list[Settings], tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"question": "x?"}\n{"answers": []}\n', "utf-8")
    result = run("run", "--questions", tmp_path / "set.jsonl")
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.endswith("set.jsonl, line 2: question: Field required.")
    assert second == "`citewell eval run --help` shows the form of a question set."


def test_the_form_of_a_set_is_in_the_help() -> None:
    shown = run("run", "--help")
    assert shown.exit_code == 0
    for field in ("answers    accepted answers; []", "parts      of a question", 'topic      "in" or "out"'):
        assert field in shown.output


def test_compare(opened: list[Settings], questions: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run("run", "--questions", questions, "--out", tmp_path / name).exit_code == 0
    result = run("compare", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c.json")
    assert result.exit_code == 0, result.output
    assert "zh: B is better in 0, worse in 0, undecided in" in result.stdout
    told = json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert {one["verdict"] for one in told["differences"]} == {"undecided"}
    assert run("compare", tmp_path, tmp_path / "b").exit_code == 2


def test_make_and_run(opened: list[Settings], settings: Settings, tmp_path: Path) -> None:
    store = Store.open(settings)
    fill(store, HashingEmbedder(common=0.78))
    store.close()
    file = tmp_path / "drafts.csv"
    result = run("make", "--out", file, "--count", 3)
    assert result.exit_code == 0, result.output
    assert "3 drafts" in result.stdout
    assert "sentences with a gap" in result.stderr
    assert len(read_set(file)) == 3
    assert run("run", "--questions", file, "--out", tmp_path / "out").exit_code == 0
    assert run("make", "--out", file).exit_code == 2  # a corrected set is not overwritten
    shutil.rmtree(tmp_path / "out")


def test_make_without_documents(opened: list[Settings], tmp_path: Path) -> None:
    result = run("make", "--out", tmp_path / "drafts.csv")
    assert result.exit_code == 2
    assert "citewell ingest" in result.stderr
    assert not (tmp_path / "drafts.csv").exists()
