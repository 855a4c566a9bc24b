"""Sources of the settings file, added ones, and the uploads."""

from __future__ import annotations

import threading
import unicodedata

import pytest

from ingest.lock import ingest_lock
from ingest.pipeline import sync
from ingest.registry import Registry, check_name, uploads_name
from rag.errors import IngestError, MachineError, SourceConflictError, SourceNotFoundError
from rag.settings import GroupRule, SourceSettings
from rag.store import Store
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.work import settings_of


@pytest.fixture
def settings(tmp_path):
    given = settings_of(tmp_path / "home")
    return given.model_copy(update={"sources": {"hr": SourceSettings(location="/srv/hr")}})


@pytest.fixture
def store(settings):
    store = Store.open(settings)
    yield store
    store.close()


@pytest.fixture
def registry(settings, store):
    return Registry(settings, store)


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("One sentence about hotels.")
    (folder / "b.txt").write_text("员工应当每年休年假。", encoding="utf-8")
    (folder / "empty.txt").touch()
    return folder


def test_all_kinds_of_origin_by_name(registry, settings):
    folder = settings.uploads_dir / "default"
    folder.mkdir(parents=True)
    (settings.uploads_dir / "合同").mkdir()
    (settings.uploads_dir / ".incoming").mkdir()
    config = SourceSettings(
        location="/srv/制度", groups=("staff",), rules=(GroupRule(pattern="*.xlsx", groups=("hr",)),)
    )
    registry.add("制度", config)
    found = registry.all()
    assert [(name, known.origin) for name, known in found.items()] == [
        ("hr", "settings"), ("uploads", "uploads"), ("uploads.合同", "uploads"), ("制度", "added"),
    ]  # fmt: skip
    assert found["制度"].config == config
    assert found["制度"].created > 0
    assert found["uploads"].config == SourceSettings(location=str(folder))
    assert found["uploads.合同"].config.collection == "合同"


def test_another_process_sees_it_at_once(registry, settings):
    other = Registry(settings, Store.open(settings))
    registry.add("new", SourceSettings(location="/srv/new"))
    assert other.get("new").config.location == "/srv/new"
    other.change("new", SourceSettings(location="/srv/newer", schedule="0 * * * *"))
    assert registry.get("new").config.location == "/srv/newer"
    other.remove("new")
    with pytest.raises(SourceNotFoundError, match="no source new"):
        registry.get("new")


def test_a_name_is_the_same_however_it_is_written(registry):
    registry.add(unicodedata.normalize("NFD", "Büro"), SourceSettings(location="/srv/b"))
    assert registry.get(unicodedata.normalize("NFC", "Büro")).name == "Büro"
    assert registry.get(unicodedata.normalize("NFD", "Büro")).name == "Büro"


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", ".hidden", "-x", "x" * 65, "a\nb", "x:y"])
def test_names_that_are_none(registry, name):
    with pytest.raises(IngestError, match="cannot be the name of a source"):
        registry.add(name, SourceSettings(location="/srv"))
    with pytest.raises(IngestError, match="cannot be the name of a collection"):
        check_name(name, "collection")


@pytest.mark.parametrize("name", ["hr", "uploads", "uploads.x", "taken"])
def test_names_that_are_taken(registry, name):
    registry.add("taken", SourceSettings(location="/srv/1"))
    with pytest.raises(SourceConflictError):
        registry.add(name, SourceSettings(location="/srv/2"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schedule": "now and then"}, "not a cron expression"),
        ({"options": {"colour": "red"}}, "option colour"),
        ({"kind": "web", "location": "https://e.org", "options": {"pages": "many"}}, "option pages"),
        ({"groups": ("*",)}, "cannot be the name of a group"),
    ],
)
def test_what_a_source_cannot_be(registry, values, message):
    config = SourceSettings(**{"location": "/srv", **values})
    with pytest.raises(IngestError, match=message):
        registry.add("x", config)
    assert "x" not in registry.all()
    registry.add("x", SourceSettings(location="/srv"))
    with pytest.raises(IngestError, match=message):
        registry.change("x", config)


@pytest.mark.parametrize("name", ["hr", "uploads"])
def test_sources_that_are_not_changed_by_command(registry, settings, name):
    (settings.uploads_dir / "default").mkdir(parents=True)
    for act in (registry.remove, lambda name: registry.change(name, SourceSettings(location="/x"))):
        with pytest.raises(SourceConflictError) as raised:
            act(name)
        assert raised.value.remedy


def test_the_documents_of_a_source_go_with_it(registry, settings, store, docs):
    registry.add("docs", SourceSettings(location=str(docs)))
    registry.add("twin", SourceSettings(location=str(docs)))
    for name in ("docs", "twin"):
        sync(name, registry.get(name).config, settings=settings, store=store, embedder=HashingEmbedder())
    files = registry.files()["docs"]
    assert files[0] >= 2
    before = store.generation()
    assert registry.remove("docs") == files[0]
    # what lies in another source too stays
    assert store.counts()["documents"] == 2
    assert store.generation() > before
    assert registry.remove("twin", keep_documents=True) == 0
    assert store.counts()["documents"] == 2
    assert set(registry.all()) == {"hr"}


def test_removal_waits_for_a_sync_to_end(registry, settings, docs):
    registry.add("docs", SourceSettings(location=str(docs)))
    held, let_go = threading.Event(), threading.Event()

    def hold():
        with ingest_lock(settings.home, "docs"):
            held.set()
            let_go.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    threading.Timer(0.2, let_go.set).start()
    registry.remove("docs")
    thread.join()
    assert "docs" not in registry.all()


def test_removal_gives_up_when_a_sync_does_not_end(registry, settings, docs, monkeypatch):
    monkeypatch.setattr("ingest.registry.PATIENCE_S", 0.0)
    registry.add("docs", SourceSettings(location=str(docs)))
    with ingest_lock(settings.home, "docs"), pytest.raises(MachineError, match="Another ingestion of docs"):
        registry.remove("docs")
    assert "docs" in registry.all()


def test_uploads_have_a_source_for_each_collection():
    assert uploads_name("default") == "uploads"
    assert uploads_name("合同") == "uploads.合同"
