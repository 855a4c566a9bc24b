"""The command line: help without heavy imports, errors in two lines, exit codes, and what commands print."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from rag import errors
from rag.assistant import Assistant
from rag.settings import Settings
from server.cli import COMMANDS, app
from server.schema import answer_out
from tests.fakes.assistant import QUOTE, SENTENCES, FakeAssistant, answer_to

ROOT = Path(__file__).resolve().parents[3]
WAIT_S = 60


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> FakeAssistant:
    """What commands find instead of the real assistant."""
    assistant = FakeAssistant()
    monkeypatch.setattr(Assistant, "open", classmethod(lambda cls, settings: assistant))
    return assistant


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ask", "search", "doctor"):
        monkeypatch.setattr(f"server.commands.{name}.configure_logging", lambda *_, **__: None)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )


@pytest.mark.parametrize("name", [*COMMANDS, "config show", "model list", "model pull", "model serve"])
def test_every_command_has_help(name: str) -> None:
    shown = run(*name.split(), "--help")
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_the_list_of_commands() -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert name in shown.output
        assert line in shown.output


def test_a_misspelt_command() -> None:
    shown = run("serch")
    assert shown.exit_code == 2
    assert "Did you mean 'search'" in shown.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from server.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'numpy', 'fastapi', 'pydantic', 'faiss'} & set(sys.modules)))"
    )
    process = python(code, "--help")
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "[]"


def test_version() -> None:
    assert run("--version").output.startswith("citewell ")


def test_a_wrong_setting_is_two_lines_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_SERVER__PROT", "1")
    process = python("from server.cli import main; main()", "config", "show")
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (2, "")
    assert err.splitlines() == [
        "CITEWELL_SERVER__PROT is not a setting.",
        "`citewell config show` lists every setting.",
    ]


def test_a_missing_model_names_the_remedy(settings: Settings) -> None:
    # the real assistant, in a home without models
    shown = run("ask", "Who?")
    assert (shown.exit_code, shown.stdout) == (2, "")
    first, second = shown.stderr.splitlines()
    assert "multilingual-e5-small is not on this machine" in first
    assert second == "Run `citewell model pull multilingual-e5-small`."


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    run("ask", "Who?")
    assert not caplog.records
    monkeypatch.setenv("CITEWELL_LOG__LEVEL", "DEBUG")
    assert run("ask", "Who?").exit_code == 2
    assert "Traceback" in caplog.text


def test_the_unexpected_is_exit_code_1_without_a_traceback() -> None:
    code = (
        "import server.cli, server.commands.config\n"
        "def broken(*_): raise RuntimeError('odd')\n"
        "server.commands.config.load_settings = broken\n"
        "server.cli.main()"
    )
    process = python(code, "config", "show")
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[0] == "Unexpected error: RuntimeError: odd"
    assert "Traceback" not in err


@pytest.mark.parametrize("stuck", [False, True], ids=["waiting", "thread at work"])
def test_ctrl_c_is_130_and_silent(stuck: bool) -> None:
    # a thread inside a library cannot be stopped: the program has to end all the same
    code = (
        "import asyncio, threading, server.cli, server.commands.config as config\n"
        "from server.background import in_thread\n"
        "server.cli.PATIENCE_S = 0.1\n"
        "def block():\n"
        "    print('waiting', flush=True)\n"
        "    threading.Event().wait()\n"
        "async def sleep():\n"
        "    print('waiting', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        f"config.load_settings = lambda: asyncio.run(in_thread(block) if {stuck} else sleep())\n"
        "server.cli.main()"
    )
    # who runs the tests in the background has it ignored, and so have his children
    heeds = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    process = python(heeds + code, "config", "show")
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out, err) == (130, "", "")


@pytest.mark.parametrize(
    "kind", [getattr(errors, name) for name in errors.__all__], ids=lambda kind: kind.__name__
)
def test_every_error_is_two_lines(
    kind: type[errors.CitewellError], monkeypatch: pytest.MonkeyPatch, opened: FakeAssistant
) -> None:
    opened.error = kind("It happened.", "Do this.")
    shown = run("search", "x")
    assert (shown.exit_code, shown.stderr) == (2, "It happened.\nDo this.\n")
    assert opened.closed == 1


@pytest.mark.parametrize("option", ["--stream", "--no-stream"])
def test_ask(opened: FakeAssistant, option: str) -> None:
    shown = run("ask", "E55?", option)
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("✓ supported")
    assert SENTENCES[0] in lines[0]
    assert shown.stdout.count("[1]。") == 1, "a marker that stands in the sentence is not added again"
    assert "✓ supported: every sentence agrees with its cited source" in lines
    assert "[1] HS-900维护手册, page 3, 第二章 › 报警  (service/HS-900维护手册.docx)" in lines
    assert f"    │ {QUOTE}" in lines
    assert (opened.closed, opened.asked[0][2].groups) == (1, None)


def test_ask_shows_times_only_when_asked_to(opened: FakeAssistant) -> None:
    assert "retrieve 2 ms" not in run("ask", "E55?").stdout
    assert "tiny, retrieve 2 ms, total 2 ms; 3 prompt tokens" in run("ask", "E55?", "--verbose").stdout


@pytest.mark.parametrize("option", ["--stream", "--no-stream"])
def test_ask_what_the_documents_do_not_say(opened: FakeAssistant, option: str) -> None:
    shown = run("ask", "unanswerable", option).stdout
    assert "The documents do not say." in shown
    assert "∅ the documents do not say" in shown
    assert "HS-900维护手册  (service/HS-900维护手册.docx)" in shown
    assert "! No generator answers; only quotes are shown." in shown


def test_ask_as_json(opened: FakeAssistant) -> None:
    shown = run("ask", "E55?", "--json")
    assert json.loads(shown.stdout) == json.loads(answer_out(answer_to("E55?")).model_dump_json())
    assert QUOTE in shown.stdout


def test_an_empty_question(opened: FakeAssistant) -> None:
    shown = run("ask", " ")
    assert (shown.exit_code, shown.stderr) == (2, "The question is empty.\nType a question.\n")
    assert opened.closed == 1


def test_markup_in_documents_is_text(opened: FakeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("search", "[bold]x[/nothing]", "-k", "1")
    assert shown.exit_code == 0, shown.output


def test_search(opened: FakeAssistant) -> None:
    shown = run("search", "报警", "-k", "2").stdout
    assert shown.count(QUOTE) == 2
    assert "1. HS-900维护手册, page 3, 第二章" in shown
    assert "dense 0.900  lexical -  cover 0.70" in shown
    found = json.loads(run("search", "报警", "--json").stdout)
    assert (found["language"], len(found["hits"])) == ("zh", 3)
    assert run("search", "x", "-k", "0").exit_code == 2
    assert opened.settled == 2, "the index is looked after"


def _names(model: type[BaseModel], path: str = "") -> list[str]:
    found = []
    for name, info in model.model_fields.items():
        kind = info.annotation
        nested = isinstance(kind, type) and issubclass(kind, BaseModel)
        found += _names(kind, f"{path}{name}.") if nested else [path + name]  # type: ignore[arg-type]
    return found


def test_config_show_lists_every_setting_with_its_meaning(tmp_path: Path) -> None:
    rows = json.loads(run("config", "show", "--json").stdout)
    assert [row["name"] for row in rows] == _names(Settings)
    for row in rows:
        assert len(row["description"]) > 10, f"{row['name']} needs a description"
        assert row["variable"] == "CITEWELL_" + row["name"].replace(".", "__").upper()
    origins = {row["name"]: row["origin"] for row in rows}
    assert origins["home"] == str(tmp_path / "citewell.toml")
    assert origins["server.port"] == "default"
    text = run("config", "show").stdout
    for row in rows:
        assert f"{row['name']} = " in text
        assert row["description"] in text


def test_config_show_names_the_variable_and_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_GENERATOR__API_KEY", "hunter2")
    shown = run("config", "show").stdout
    assert 'generator.api_key = "********"  (CITEWELL_GENERATOR__API_KEY)' in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("path", sorted((ROOT / "server").rglob("*.py")), ids=lambda path: path.stem)
def test_public_names_are_there(path: Path) -> None:
    if path.stem in {"__init__", "warden"}:
        pytest.skip("has no public names")
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
