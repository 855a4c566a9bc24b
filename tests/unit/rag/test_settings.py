import json
import os

import pytest

from rag.errors import SettingsError
from rag.settings import Settings, load_settings, show_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    """No variables of this machine, and a working folder without a file above it that counts."""
    for name in list(os.environ):
        if name.upper().startswith("CITEWELL_"):
            monkeypatch.delenv(name)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def write(tmp_path):
    def run(content, folder="work"):
        path = tmp_path / folder / "citewell.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return run


def shown(name):
    (line,) = [line for line in show_settings(load_settings()) if line.name == name]
    return line.value, line.origin


def test_defaults(tmp_path):
    settings = load_settings()
    assert settings.server.port == 8100
    assert settings.answer.policy == "strict"
    assert settings.home == tmp_path / "work" / "var"
    assert shown("server.port") == (8100, "default")


def test_arguments_beat_variables_beat_the_file_beat_defaults(write, monkeypatch):
    path = write("[server]\nport = 8200\nhost = '127.0.0.2'\n")
    assert shown("server.port") == (8200, str(path))
    monkeypatch.setenv("CITEWELL_SERVER__PORT", "8300")
    assert shown("server.port") == (8300, "CITEWELL_SERVER__PORT")
    assert shown("server.host") == ("127.0.0.2", str(path))
    settings = load_settings(server={"port": 8400})
    assert (settings.server.port, settings.server.host) == (8400, "127.0.0.2")


def test_the_nearest_file_above_counts(write, tmp_path, monkeypatch):
    write("[server]\nport = 8200\n", folder=".")
    inner = tmp_path / "work" / "deep" / "deeper"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    settings = load_settings()
    assert settings.server.port == 8200
    assert settings.home == tmp_path / "var", "relative to the file, not to the working folder"
    write("[server]\nport = 8201\n")
    assert load_settings().server.port == 8201


def test_a_named_file_counts_instead(write, tmp_path, monkeypatch):
    write("[server]\nport = 8200\n")
    path = write("home = 'data'\n", folder="elsewhere")
    monkeypatch.setenv("CITEWELL_CONFIG", str(path))
    settings = load_settings()
    assert settings.server.port == 8100
    assert settings.home == tmp_path / "elsewhere" / "data"
    assert settings.generator.python == tmp_path / "elsewhere" / ".venv-vllm/bin/python"


def test_a_named_file_must_be_there(monkeypatch, tmp_path):
    monkeypatch.setenv("CITEWELL_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(SettingsError, match=r"gone\.toml, which is not a file"):
        load_settings()


def test_absolute_paths_and_the_home_folder_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("CITEWELL_HOME", str(tmp_path / "abs"))
    assert load_settings().home == tmp_path / "abs"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CITEWELL_HOME", "~/kept")
    assert load_settings().home == tmp_path / "kept"


def test_an_unknown_variable_does_not_pass_silently(monkeypatch):
    monkeypatch.setenv("CITEWELL_SERVER__PROT", "8200")
    with pytest.raises(SettingsError, match="CITEWELL_SERVER__PROT is not a setting"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[server\nport = 1", "is not valid TOML"),
        (b"home = '\xff\xfe'", "is not valid TOML"),
        ("[server]\nprot = 8200", "Setting server.prot: Extra inputs are not permitted"),
        ("[sevrer]\nport = 8200", "Setting sevrer: Extra inputs are not permitted"),
        ("[server]\nport = 'high'", "Setting server.port: .* (given: 'high')"),
        ("[server]\nport = 70000", "Setting server.port: .*65535"),
        ("[answer]\npolicy = 'lax'", "Setting answer.policy: .*'strict' or 'flag'"),
    ],
)
def test_what_is_wrong_is_named(write, content, message):
    path = write(content)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    for part in message.split(".*"):
        assert part.strip() in raised.value.message
    assert "TOML" not in message or str(path) in raised.value.message
    assert raised.value.remedy


def test_every_setting_is_described_and_can_be_set_by_its_variable(monkeypatch):
    lines = show_settings(load_settings())
    assert len({line.name for line in lines}) == len(lines) > 30
    for line in lines:
        assert line.description.endswith((".", ")")), line.name
        assert line.variable == "CITEWELL_" + line.name.upper().replace(".", "__")
        value = json.dumps(line.value) if isinstance(line.value, (list, tuple)) else str(line.value)
        monkeypatch.setenv(line.variable, value)
    for before, after in zip(lines, show_settings(load_settings()), strict=True):
        assert after.value == before.value
        assert after.origin == after.variable


def test_secrets_are_masked(monkeypatch):
    assert shown("generator.api_key") == ("", "default")
    monkeypatch.setenv("CITEWELL_GENERATOR__API_KEY", "hush-hush")
    assert load_settings().generator.api_key == "hush-hush"
    assert shown("generator.api_key") == ("********", "CITEWELL_GENERATOR__API_KEY")
    assert "hush-hush" not in str(show_settings(load_settings()))


def test_settings_do_not_change():
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.home = "elsewhere"
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_what_is_derived_from_home(tmp_path):
    settings = Settings(home=tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/citewell.db"
    assert settings.models_dir == tmp_path / "models"
    assert settings.originals_dir == tmp_path / "originals"
    assert settings.index_dir == tmp_path / "index"
    assert settings.logs_dir == tmp_path / "logs"


def test_the_generator_is_ours_unless_another_is_named():
    assert Settings().generator_url == "http://127.0.0.1:8101/v1"
    assert Settings(generator={"url": "http://10.0.0.5:9/v1"}).generator_url == "http://10.0.0.5:9/v1"


def test_topics_are_lists(monkeypatch):
    monkeypatch.setenv("CITEWELL_TOPICS__BLOCKED", '["salaries", "工资"]')
    assert load_settings().topics.blocked == ["salaries", "工资"]
    monkeypatch.setenv("CITEWELL_TOPICS__BLOCKED", "salaries")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "JSON" in caught.value.remedy


def test_a_large_generator_is_given_more_unless_it_was_set_by_hand(write, monkeypatch):
    write("[answer]\nmax_sentences = 5\nevidence_tokens = 900\n")
    answer = load_settings().answer
    assert answer.sized(0) == answer.sized(6_900_000_000) == answer
    large = answer.sized(7_000_000_000)
    assert (large.whole_passages, large.draft_sentences, large.evidence_tokens) == (True, 5, 900)
    monkeypatch.setenv("CITEWELL_ANSWER__GENERATOR_SIZE", "small")
    assert load_settings().answer.sized(70_000_000_000) == load_settings().answer
    monkeypatch.setenv("CITEWELL_ANSWER__GENERATOR_SIZE", "large")
    monkeypatch.setenv("CITEWELL_ANSWER__DRAFT_SENTENCES", "2")
    answer = load_settings().answer.sized(0)
    assert (answer.whole_passages, answer.draft_sentences) == (True, 2)
