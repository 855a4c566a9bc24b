"""`citewell model` from the outside."""

import json

from typer.testing import CliRunner

from server.cli import app

runner = CliRunner()


def test_list_as_json():
    result = runner.invoke(app, ["model", "list", "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert rows[0]["name"] == "multilingual-e5-small"
    assert {row["installed"] for row in rows} == {False}
    assert [row["name"] for row in rows if row["default"]] == [rows[0]["name"], rows[1]["name"]]
    for row in rows:
        assert {"licence", "open_source", "sources", "revision", "sha256", "languages", "size"} <= set(row)


def test_list_for_people():
    result = runner.invoke(app, ["model", "list"])
    assert result.exit_code == 0
    for words in ("multilingual-e5-small", "open source", "not fetched", "(in use)", "none is pinned"):
        assert words in result.stdout


def test_a_model_that_is_taken_as_a_folder(tmp_path):
    name = "mdeberta-v3-base-xnli"
    pulled = runner.invoke(app, ["model", "pull", name])
    assert pulled.exit_code == 2
    assert f"citewell model import FOLDER --name {name}" in " ".join(pulled.output.split())
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.json").write_text("{}")
    assert runner.invoke(app, ["model", "import", str(mine), "--name", name]).exit_code == 0
    (row,) = [
        row
        for row in json.loads(runner.invoke(app, ["model", "list", "--json"]).stdout)
        if row["name"] == name
    ]
    record = json.loads((tmp_path / "home" / "models" / name / "citewell.json").read_text("utf-8"))
    assert row["installed"]
    assert (row["sha256"], row["licence"], row["size"]) == (record["sha256"], "MIT", None)


def test_a_wrong_name():
    result = runner.invoke(app, ["model", "pull", "smollm2"])
    assert result.exit_code == 2
    assert "Did you mean smollm2-135m-instruct" in result.output


def test_import_one_s_own(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.json").write_text("{}")
    result = runner.invoke(app, ["model", "import", str(mine)])
    assert result.exit_code == 0
    assert "mine is ready" in result.output
    assert (tmp_path / "home" / "models" / "mine" / "citewell.json").exists()


def test_serve_without_an_environment(tmp_path):
    result = runner.invoke(app, ["model", "serve"])
    assert result.exit_code == 2
    assert "make vllm-env" in result.output
