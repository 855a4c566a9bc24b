"""What `make up` says before anything is installed."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def preflight() -> ModuleType:
    spec = importlib.util.spec_from_file_location("preflight", REPOSITORY / "deploy" / "preflight.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100e9))
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")


@pytest.mark.usefixtures("roomy")
def test_a_good_machine_has_no_problems(preflight: ModuleType, tmp_path: Path) -> None:
    assert list(preflight.problems(tmp_path)) == []


@pytest.mark.usefixtures("roomy")
def test_too_little_disk_is_told_with_both_figures(
    preflight: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3.25e9))
    [(problem, remedy)] = preflight.problems(tmp_path)
    assert "3.2 GB" in problem
    assert "12 GB" in problem
    assert "Free some space" in remedy


@pytest.mark.usefixtures("roomy")
def test_an_old_python_and_a_missing_compiler_are_both_told(
    preflight: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    problems = [problem for problem, _ in preflight.problems(tmp_path)]
    assert problems[0] == "Python 3.9 is too old; Citewell needs 3.11 or newer."
    assert "C compiler" in problems[1]


def test_a_problem_ends_with_an_error(
    preflight: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preflight, "problems", lambda _: [("Something is missing.", "Fetch it.")])
    with pytest.raises(SystemExit) as ended:
        preflight.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "citewell: Something is missing.\n          Fetch it.\n"
