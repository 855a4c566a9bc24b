"""The same content in two places, files inside of files, sources, and the guard of removals."""

import io
import os
import tarfile
import zipfile
from email.message import EmailMessage

import pytest

from ingest.index import Ledger
from ingest.parse import Parser
from ingest.pipeline import ingest, sync
from rag.errors import SourceNotFoundError
from rag.settings import GroupRule, IngestSettings, Settings, SourceSettings
from rag.store import Store
from rag.types import User
from tests.fakes.embedder import HashingEmbedder

pytestmark = pytest.mark.slow

BOARD, STAFF, STRANGER = User("b", ("board",)), User("s", ("staff",)), User("x", ())


class Home:
    """A home, a folder, and what became of it."""

    def __init__(self, tmp_path):
        self.settings = Settings(home=tmp_path / "home", ingest=IngestSettings(chunk_tokens=64))
        self.store = Store.open(self.settings)
        self.embedder = HashingEmbedder()
        self.folder = tmp_path / "docs"
        self.folder.mkdir()

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def sync(self, name="docs", **config):
        given = {key: config.pop(key) for key in ("confirm_removals", "retry", "cancelled") if key in config}
        self.embedder.embedded.clear()
        report = sync(
            name,
            SourceSettings(location=str(self.folder), **config),
            settings=self.settings,
            store=self.store,
            embedder=self.embedder,
            **given,
        )
        return (report.added, report.updated, report.unchanged, report.removed, len(report.failed))

    def states(self, name="docs"):
        root = f"{self.folder.resolve()}/"
        return {uri.removeprefix(root): state for uri, state in Ledger(self.store).states(name).items()}

    def texts(self, user=None):
        """By uri below the folder, for this reader: the text."""
        user = user or User()
        keys = {state.document_id for state in self.states().values() if state.document_id}
        found = self.store.references(keys, user)
        root = f"{self.folder.resolve()}/"
        return {
            ref.source.removeprefix(root): self.store.document(key, user).text for key, ref in found.items()
        }

    def titles(self, user):
        keys = {state.document_id for state in self.states().values() if state.document_id}
        return sorted(ref.title for ref in self.store.references(keys, user).values())


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.store.close()


# ---------------------------------------------------------------- identical content


def test_identical_content_is_stored_once_and_read_by_the_readers_of_either_place(home):
    home.write("a/plan.md", "# The plan\n\nWe build a pump.")
    home.write("b/plan copy.md", "# The plan\n\nWe build a pump.")
    rules = (GroupRule(pattern="a/", groups=("board",)), GroupRule(pattern="b/", groups=("staff",)))
    assert home.sync(rules=rules) == (2, 0, 0, 0, 0)
    assert len(home.embedder.embedded) == 1
    assert home.store.counts() == {"documents": 1, "chunks": 1}
    assert list(home.texts(BOARD)) == ["a/plan.md"]
    assert list(home.texts(STAFF)) == ["b/plan copy.md"]
    assert home.texts(STRANGER) == {}
    (home.folder / "a" / "plan.md").unlink()
    assert home.sync(rules=rules) == (0, 0, 1, 1, 0)
    assert home.texts(BOARD) == {}
    assert list(home.texts(STAFF)) == ["b/plan copy.md"]


def test_a_place_whose_content_changes_leaves_the_other_alone(home):
    home.write("a.md", "# Same\n\nOne.")
    home.write("b.md", "# Same\n\nOne.")
    home.sync()
    home.write("a.md", "# Same\n\nTwo is longer.")
    assert home.sync() == (0, 1, 1, 0, 0)
    assert home.texts() == {"a.md": "Same\n\nTwo is longer.", "b.md": "Same\n\nOne."}
    assert home.store.counts()["documents"] == 2
    home.write("b.md", "# Same\n\nTwo is longer.")
    assert home.sync() == (0, 1, 1, 0, 0)
    assert home.embedder.embedded == []
    assert home.store.counts()["documents"] == 1
    assert len(list(home.settings.originals_dir.glob("*/*"))) == 1


def test_a_moved_file_is_neither_parsed_nor_embedded(home, monkeypatch):
    home.write("old.md", "# Kept\n\nThe text.")
    home.sync()
    (home.folder / "old.md").rename(home.folder / "new.md")
    monkeypatch.setattr(Parser, "parse", None)
    assert home.sync() == (1, 0, 0, 1, 0)
    assert home.texts() == {"new.md": "Kept\n\nThe text."}


def test_content_that_swaps_places(home):
    home.write("a.md", "# A\n\nFirst text.")
    home.write("b.md", "# B\n\nSecond text.")
    home.sync()
    home.write("a.md", "# B\n\nSecond text.")
    home.write("b.md", "# A\n\nFirst text.")
    os.utime(home.folder / "a.md", (7, 7))
    os.utime(home.folder / "b.md", (7, 7))
    assert home.sync() == (0, 2, 0, 0, 0)
    assert home.texts() == {"a.md": "B\n\nSecond text.", "b.md": "A\n\nFirst text."}


def test_nobody_learns_a_name_that_he_may_not_see(home):
    # no title of its own: it is called as its file is
    text = "it is said that the pump will be sold."
    home.write("a/secret sale.txt", text)
    rules = (GroupRule(pattern="a/", groups=("board",)), GroupRule(pattern="b/", groups=("staff",)))
    home.sync(rules=rules)
    assert home.titles(BOARD) == ["secret sale"]
    assert home.embedder.embedded == [f"secret sale\n{text}"]
    home.write("b/rumours.txt", text)
    home.sync(rules=rules)
    # two names: neither is embedded or indexed, each reader sees his own
    assert home.embedder.embedded == [text]
    assert home.titles(STAFF) == ["rumours"]
    assert home.titles(BOARD) == ["secret sale"]
    assert home.store.lexical(["secret"], 5) == []
    (home.folder / "b" / "rumours.txt").unlink()
    home.sync(rules=rules)
    assert home.embedder.embedded == [f"secret sale\n{text}"]
    assert len(home.store.lexical(["secret"], 5)) == 1


def test_readers_change_without_parsing(home, monkeypatch):
    home.write("a.md", "# A\n\nText.")
    home.sync(groups=("board",))
    assert (len(home.texts(BOARD)), len(home.texts(STAFF))) == (1, 0)
    monkeypatch.setattr(Parser, "parse", None)
    assert home.sync(groups=("staff",)) == (0, 0, 1, 0, 0)
    assert (len(home.texts(BOARD)), len(home.texts(STAFF))) == (0, 1)
    assert home.states()["a.md"].groups == ("staff",)
    home.sync(collection="other")
    assert home.states()["a.md"].collection == "other"
    assert len(home.texts(STRANGER)) == 1


def test_the_same_file_by_two_sources_has_both_readers(home):
    home.write("a.md", "# A\n\nText.")
    home.sync("one", groups=("board",))
    home.sync("docs", groups=("staff",))
    assert home.store.counts()["documents"] == 1
    assert (len(home.texts(BOARD)), len(home.texts(STAFF)), len(home.texts(STRANGER))) == (1, 1, 0)
    (home.folder / "a.md").unlink()
    home.sync("docs")
    assert (len(home.store.references(home.store.document_ids(), BOARD))) == 1
    assert home.store.references(home.store.document_ids(), STAFF) == {}


# ---------------------------------------------------------------- files inside of files


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def tarred(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_is_its_files(home, monkeypatch):
    inner = tarred({"deep/c.md": b"# C\n\nDeep inside."})
    home.write("x.zip", zipped({"a.md": "# A\n\nOne.", "报告/b.txt": "水泵每月保养。", "c.tgz": inner}))
    home.write("y.md", "# Y\n\nBeside.")
    assert home.sync(groups=("staff",)) == (6, 0, 0, 0, 0)
    want = {
        "x.zip!/a.md": "A\n\nOne.",
        "x.zip!/报告/b.txt": "水泵每月保养。",
        "x.zip!/c.tgz!/deep/c.md": "C\n\nDeep inside.",
        "y.md": "Y\n\nBeside.",
    }
    assert home.texts() == want
    assert home.texts(STAFF) == want
    assert home.texts(BOARD) == {}
    monkeypatch.setattr(Parser, "parse", None)
    assert home.sync(groups=("staff",)) == (0, 0, 6, 0, 0)
    # the readers of an archive are those of its files
    assert home.sync(groups=("board",)) == (0, 0, 6, 0, 0)
    assert home.texts(STAFF) == {}
    assert home.texts(BOARD) == want
    monkeypatch.undo()
    home.write("x.zip", zipped({"a.md": "# A\n\nOne.", "d.md": "# D\n\nNew."}))
    assert home.sync() == (1, 1, 2, 3, 0)
    assert sorted(home.texts()) == ["x.zip!/a.md", "x.zip!/d.md", "y.md"]
    assert len(home.embedder.embedded) == 1
    (home.folder / "x.zip").unlink()
    assert home.sync() == (0, 0, 1, 3, 0)
    assert sorted(home.texts()) == ["y.md"]


def test_a_damaged_archive_keeps_what_was_in_it(home):
    home.write("x.zip", zipped({"a.md": "# A\n\nOne.", "b.md": "# B\n\nTwo."}))
    home.sync()
    home.write("x.zip", zipped({"a.md": "# A\n\nOne."})[:-30])
    assert home.sync() == (0, 0, 0, 0, 1)
    assert sorted(home.texts()) == ["x.zip!/a.md", "x.zip!/b.md"]


def test_bad_files_inside_are_told_each_time_and_parsed_once(home, monkeypatch):
    home.write(
        "x.zip",
        zipped(
            {
                "a.md": "# A\n\nOne.",
                "bad.pdf": b"%PDF-1.7 cut",
                "clip.mp4": b"\x00\x00\x00\x18ftypmp42" + bytes(200),
            }
        ),
    )
    assert home.sync() == (2, 0, 0, 0, 2)
    monkeypatch.setattr(Parser, "parse", None)
    assert home.sync() == (0, 0, 2, 0, 2)
    monkeypatch.undo()
    assert home.sync(retry=True) == (0, 0, 2, 0, 2)


def mail(subject, attachment):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@x.example", "b@x.example", subject
    message.set_content("See the attached note.")
    message.add_attachment(attachment, maintype="text", subtype="markdown", filename="note.md")
    return message.as_bytes()


def test_a_mail_in_two_places_brings_its_attachment_to_both(home):
    rules = (GroupRule(pattern="a/", groups=("board",)), GroupRule(pattern="b/", groups=("staff",)))
    sent = mail("Note", b"# Note\n\nThe valve leaks.")
    home.write("a/m.eml", sent)
    home.write("b/m.eml", sent)
    home.sync(rules=rules)
    assert home.store.counts()["documents"] == 2
    assert sorted(home.texts(BOARD)) == ["a/m.eml", "a/m.eml!/note.md"]
    assert sorted(home.texts(STAFF)) == ["b/m.eml", "b/m.eml!/note.md"]
    (home.folder / "a" / "m.eml").unlink()
    home.sync(rules=rules)
    assert home.texts(BOARD) == {}
    assert sorted(home.texts(STAFF)) == ["b/m.eml", "b/m.eml!/note.md"]


# ---------------------------------------------------------------- what is left alone


def test_an_unreadable_file_is_parsed_once_until_it_changes(home, monkeypatch):
    home.write("bad.pdf", b"%PDF-1.7 cut")
    assert home.sync() == (0, 0, 0, 0, 1)
    calls = []
    parse = Parser.parse
    monkeypatch.setattr(
        Parser, "parse", lambda self, data, name: calls.append(name) or parse(self, data, name)
    )
    assert home.sync() == (0, 0, 0, 0, 1)
    assert calls == []
    assert home.sync(retry=True) == (0, 0, 0, 0, 1)
    home.write("bad.pdf", "# Good\n\nNow it is Markdown.")
    assert home.sync() == (1, 0, 0, 0, 0)
    assert calls == ["bad.pdf", "bad.pdf"]


def test_too_many_removals_are_withheld_until_confirmed(home):
    for n in range(20):
        home.write(f"{n}.md", f"# Paper {n}\n\nText {n}.")
    home.sync()
    for n in range(12):
        (home.folder / f"{n}.md").unlink()
    assert home.sync() == (0, 0, 8, 0, 0)
    assert home.store.counts()["documents"] == 20
    assert home.sync(confirm_removals=True) == (0, 0, 8, 12, 0)
    assert home.store.counts()["documents"] == 8
    # a few are never suspicious
    for n in range(12, 20):
        (home.folder / f"{n}.md").unlink()
    assert home.sync() == (0, 0, 0, 8, 0)


def test_a_source_that_cannot_be_listed_loses_nothing(home):
    home.write("a.md", "# A\n\nText.")
    home.sync()
    home.folder.rename(home.folder.with_name("away"))
    with pytest.raises(SourceNotFoundError):
        home.sync()
    home.folder.with_name("away").rename(home.folder)
    assert sorted(home.texts()) == ["a.md"]


def test_a_cancelled_sync_keeps_what_is_done_and_removes_nothing(home):
    for n in range(9):
        home.write(f"{n}.md", f"# Paper {n}\n\nText {n}.")
    home.sync()
    (home.folder / "0.md").unlink()
    home.write("9.md", "# Paper 9\n\nText 9.")
    report = sync(
        "docs",
        SourceSettings(location=str(home.folder)),
        settings=home.settings,
        store=home.store,
        embedder=home.embedder,
        cancelled=lambda: True,
    )
    assert report.cancelled
    assert report.removed == 0
    assert home.store.counts()["documents"] in (9, 10)
    assert home.sync()[3] == 1


def test_paths_and_sources_do_not_touch_each_other(home):
    home.write("a.md", "# A\n\nText.")
    home.sync()
    options = {"settings": home.settings, "store": home.store, "embedder": home.embedder}
    assert ingest([home.folder], **options).added == 1
    assert home.store.counts()["documents"] == 1
    (home.folder / "a.md").unlink()
    assert ingest([home.folder], prune=True, **options).removed == 1
    assert home.store.counts()["documents"] == 1
    assert home.sync() == (0, 0, 0, 1, 0)
    assert home.store.counts()["documents"] == 0


def test_rules_that_become_stricter_hold_for_what_cannot_be_read_now(home):
    home.write("a.md", "# A\n\nText.")
    home.write("b/x.zip", zipped({"b.md": "# B\n\nInside."}))
    home.sync(groups=("staff", "board"))
    assert len(home.texts(STAFF)) == 2
    # both are there, but too large to be taken now; the rules have changed meanwhile
    home.settings = home.settings.model_copy(
        update={"ingest": home.settings.ingest.model_copy(update={"max_file_mb": 0.000001})}
    )
    assert home.sync(groups=("board", "sales"))[3:] == (0, 2)
    assert home.texts(STAFF) == {}
    assert sorted(home.texts(BOARD)) == ["a.md", "b/x.zip!/b.md"]
    assert home.states()["a.md"].groups == ("board",)
