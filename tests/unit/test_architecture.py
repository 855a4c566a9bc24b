"""What keeps the house in order: small files, small functions, names that say what is inside."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("rag", "ingest", "server") for path in (ROOT / package).rglob("*.py"))
MAX_FILE, MAX_FUNCTION = 400, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base"}


def name_of(path):
    return str(path.relative_to(ROOT))


def test_there_is_something_to_look_at():
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_stay_small(path):
    source = path.read_text("utf-8")
    assert source.count("\n") <= MAX_FILE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_what_a_module_offers_is_there(path):
    module = ast.parse(path.read_text("utf-8"))
    defined = set()
    listed = None
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                listed = ast.literal_eval(node.value)
            case ast.Assign(targets=targets):
                defined |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                defined.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                defined.add(node.name)
            case ast.ImportFrom():
                defined |= {alias.asname or alias.name for alias in node.names}
    if listed is not None:
        assert set(listed) <= defined


def test_names_say_what_is_inside():
    names = {path.stem for path in ROOT.glob("tests/**/*.py")} | {path.stem for path in SOURCES}
    assert not names & VAGUE


def reads_settings(path):
    """Does it read the environment and know the prefix of our variables?"""
    source = path.read_text("utf-8")
    names = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    return "CITEWELL_" in source and bool(names & {"environ", "getenv"})


def test_only_settings_read_the_environment():
    assert {name_of(path) for path in SOURCES if reads_settings(path)} <= {"rag/settings.py"}
