from typing import get_args

import pytest

from ingest.sources import OPTIONS, open_source
from ingest.sources.options import Scrub, hidden, public_url, split_login, words
from rag.errors import SettingsError
from rag.settings import Settings, SourceKind, SourceSettings, load_settings, show_settings


def test_every_kind_has_its_options_each_with_its_meaning():
    assert set(OPTIONS) == set(get_args(SourceKind))
    for model in OPTIONS.values():
        for field in model.model_fields.values():
            assert (field.description or "").endswith(".")


def test_options_are_checked_and_converted(tmp_path):
    def opened(kind, location, **options):
        config = SourceSettings(kind=kind, location=location, options=options)
        open_source("one", config, Settings(home=tmp_path)).close()

    opened("web", "https://h/", pages="10", trust_lastmod="false", delay_s=1)
    opened("git", "https://h/x.git", password=12345678)
    with pytest.raises(SettingsError, match=r"Source one: option page is unknown\.") as error:
        opened("web", "https://h/", page=1)
    assert error.value.remedy.startswith("Options of web: mode, scope, pages, depth, ")
    with pytest.raises(SettingsError, match=r"Source one: option pages: Input should be a valid integer"):
        opened("web", "https://h/", pages="many")
    with pytest.raises(SettingsError, match="option scope: String should match pattern"):
        opened("web", "https://h/", scope="world")
    with pytest.raises(SettingsError, match="option recursive is unknown"):
        opened("mail", "/m", recursive=True)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://me:pw@host/x", "https://host/x"),
        ("sftp://me@host/x", "sftp://host/x"),
        ("zip://*.md::s3://key:secret@bucket/x.zip", "zip://*.md::s3://bucket/x.zip"),
        ("https://acc.blob.example/c?sv=1&sig=abc", "https://acc.blob.example/c"),
        ("git@host:x.git", "git@host:x.git"),
        ("/srv/a?b@c", "/srv/a?b@c"),
        ("abfs://container@account.dfs.example/x", "abfs://container@account.dfs.example/x"),
    ],
)
def test_what_is_shown_of_a_location(location, shown):
    assert public_url(location) == shown


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://me:p%40w@host/x.git", ("https://host/x.git", "me", "p@w")),
        ("https://token@host/x.git", ("https://host/x.git", "token", "")),
        ("https://host/x.git", ("https://host/x.git", "", "")),
        ("ssh://git@host/x.git", ("ssh://git@host/x.git", "", "")),
        ("ssh://git:pw@host/x.git", ("ssh://git@host/x.git", "git", "pw")),
        ("git@host:x.git", ("git@host:x.git", "", "")),
    ],
)
def test_the_login_in_an_address(url, parts):
    assert split_login(url) == parts


def test_secrets_are_taken_out_of_messages():
    scrub = Scrub(
        "https://me:hunter2@host/c?sig=abcdef", {"key": "AKIA1", "region": "eu", "client_secret": "s3cr3t"}
    )
    message = "GET https://me:hunter2@host/c?sig=abcdef\n failed for AKIA1 in eu: s3cr3t, hunter2 \n"
    assert scrub(message) == "GET https://host/c?******** failed for ******** in eu: ********, ********"
    assert len(scrub("x" * 1000)) == 300


def test_what_is_shown_of_options():
    given = {"pages": 5, "password": "x", "api_token": "y", "secret": "", "aws_secret_access_key": "z"}
    masked = "*" * 8
    assert hidden(given) == {
        "pages": 5, "password": masked, "api_token": masked, "secret": "", "aws_secret_access_key": masked
    }  # fmt: skip


def test_names_in_an_option():
    assert words(" leads, hr ,,") == ("leads", "hr")


def test_sources_of_the_settings_file(tmp_path, monkeypatch):
    file = tmp_path / "citewell.toml"
    file.write_text(
        '[sources.docs]\nlocation = "docs/*.md"\n'
        '[sources.code]\nkind = "git"\nlocation = "../code"\n'
        '[sources.repo]\nkind = "git"\nlocation = "https://me:hunter2@host/x.git"\n'
        '[sources.site]\nkind = "web"\nlocation = "https://host/"\noptions = {password = "hunter2"}\n'
    )
    monkeypatch.setenv("CITEWELL_CONFIG", str(file))
    settings = load_settings()
    assert {name: source.location for name, source in settings.sources.items()} == {
        "docs": f"{tmp_path}/docs/*.md",
        "code": f"{tmp_path}/../code",
        "repo": "https://me:hunter2@host/x.git",
        "site": "https://host/",
    }
    (shown,) = [line.value for line in show_settings(settings) if line.name == "sources"]
    assert shown == {"docs": "folder", "code": "git", "repo": "git", "site": "web"}
