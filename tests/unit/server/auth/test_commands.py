"""`citewell user`, `citewell key` and `citewell audit`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from rag.settings import Settings
from rag.store import Store
from server.audit import Audit
from server.auth.people import People
from server.cli import app as command
from tests.fakes.assistant import answer_to
from tests.unit.server.auth.conftest import PASSWORD

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("server.commands.user.configure_logging", lambda *_, **__: None)
    monkeypatch.setenv("COLUMNS", "200")

    def it(*arguments: str, given: str = "", code: int = 0) -> Any:
        result = CliRunner().invoke(command, list(arguments), input=given)
        assert result.exit_code == code, result.output
        return result

    return it


def test_an_account_from_the_terminal(run: Run, people: People, nobody: TestClient) -> None:
    added = run(
        "user", "add", "Anna Kim", "--role", "editor", "--group", "staff", given=f"{PASSWORD}\n{PASSWORD}\n"
    )
    assert "Anna Kim is an editor" in added.output
    assert PASSWORD not in added.output
    run("user", "add", "Bert", "--password-stdin", given=f"{PASSWORD}\n")
    table = run("user", "list").output
    assert "Anna Kim" in table
    assert "staff" in table
    anna, _ = json.loads(run("user", "list", "--json").output)
    assert (anna["role"], anna["groups"]) == ("editor", ["staff"])
    assert nobody.post("/v1/session", json={"name": "Bert", "password": PASSWORD}).status_code == 200
    run("user", "passwd", "bert", "--password-stdin", given="some other words\n")
    assert people.with_password("Bert", "some other words") is not None
    run("user", "disable", "bert")
    assert people.named("bert").disabled
    assert people.with_password("Bert", "some other words") is None
    run("user", "disable", "bert", "--undo")
    assert not people.named("bert").disabled
    changed = run("user", "change", "Anna Kim", "--role", "administrator", "--group", "board")
    assert changed.output.strip() == "Anna Kim is an administrator in board."
    run("user", "change", "Anna Kim", "--no-groups")
    assert people.named("anna kim").groups == ()
    run("user", "remove", "bert")
    gone = run("user", "passwd", "bert", "--password-stdin", given="x\n", code=2)
    assert "There is no account bert" in gone.output


def test_a_short_password_is_refused(run: Run) -> None:
    refused = run("user", "add", "Anna", "--password-stdin", given="short\n", code=2)
    assert "at least 10 characters" in refused.output
    assert "There are no accounts yet" in run("user", "list").output


def test_a_link_for_somebody_who_forgot(run: Run, nobody: TestClient) -> None:
    run("user", "add", "Anna", "--password-stdin", given=f"{PASSWORD}\n")
    link = run("user", "link", "Anna").output.strip()
    assert link.startswith("http://127.0.0.1:8100/v1/session/link?token=")
    assert nobody.get(link, follow_redirects=False).status_code == 303
    assert nobody.get("/v1/session").json()["user"]["name"] == "Anna"
    own = run("user", "link").output.strip()
    nobody.get(own, follow_redirects=False)
    assert nobody.get("/v1/session").json()["user"]["name"] == "operator"


def test_keys_from_the_terminal(run: Run, nobody: TestClient) -> None:
    run("user", "add", "Anna", "--password-stdin", given=f"{PASSWORD}\n")
    made = run("key", "add", "intranet", "--user", "anna", "--days", "2", "--json").output
    key = json.loads(made)
    headers = {"Authorization": f"Bearer {key['key']}"}
    assert nobody.get("/v1/search", params={"q": "x"}, headers=headers).status_code == 200
    assert nobody.get("/v1/users", headers=headers).status_code == 403
    shown = run("key", "list").output
    assert "intranet" in shown
    assert key["key"] not in shown
    (listed,) = json.loads(run("key", "list", "--json").output)
    assert (listed["owner"], listed["scopes"]) == ("Anna", ["ask"])
    run("key", "revoke", key["id"])
    assert nobody.get("/v1/search", params={"q": "x"}, headers=headers).status_code == 401
    assert "There is no key" in run("key", "revoke", key["id"], code=2).output
    full = run("key", "add", "all", "--scope", "ask", "--scope", "admin").stdout.splitlines()[0]
    assert nobody.get("/v1/users", headers={"Authorization": f"Bearer {full}"}).status_code == 200


def test_the_record_from_the_terminal(run: Run, settings: Settings, store: Store, tmp_path: Path) -> None:
    people = People(store)
    anna = people.add("Anna", PASSWORD)
    record = Audit(settings, lambda: store)
    for question in ("one", "two"):
        asyncio.run(record.record_answer(anna.principal, answer_to(question), "api"))
    lines = run("audit", "export").output.splitlines()
    assert [json.loads(line)["question"] for line in lines] == ["two", "one"]
    out = tmp_path / "audit.jsonl"
    run("audit", "export", "--out", str(out), "--user", "anna")
    assert out.read_text("utf-8").splitlines() == lines
    assert run("audit", "export", "--since", "2999-01-01").output == ""
    people.remove(anna.id)
    assert "from 2 recorded answers" in run("audit", "erase", anna.id).output
    assert {json.loads(line)["question"] for line in run("audit", "export").output.splitlines()} == {""}
