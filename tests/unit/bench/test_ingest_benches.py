"""What the benches of ingestion decide by rule: the corpus, the sample, the verdicts, the variants."""

import gzip
import importlib

import pytest

from ingest.chunk import chunk
from ingest.parse_blocks import Block, Parsed, to_document
from tests.bench import manuals
from tests.bench.ingest_speed import belongs, summary


@pytest.fixture
def context(monkeypatch):
    monkeypatch.syspath_prepend("tests/bench")
    return importlib.import_module("context")


def _write(root, name, data):
    path = root / "usr/share/doc" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_documents_of_a_package(tmp_path):
    _write(tmp_path, "apt-doc/guide.ja.html/index.html", b"<p>one")
    _write(tmp_path, "apt-doc/guide.ja.html/genindex.html", b"<p>index")
    _write(tmp_path, "apt-doc/_static/frame.html", b"<p>frame")
    _write(tmp_path, "apt-doc/offline.pdf.gz", gzip.compress(b"%PDF-"))
    _write(tmp_path, "apt-doc/notes.txt", b"text")
    (tmp_path / "usr/share/doc/apt-doc/copy.html").symlink_to("guide.ja.html/index.html")
    found = list(manuals.candidates(tmp_path, "apt-doc"))
    assert [(one.name, one.data) for one in found] == [
        ("apt-doc/guide.ja.html/index.html", b"<p>one"),
        ("apt-doc/offline.pdf", b"%PDF-"),
    ]


def test_the_corpus_knows_only_paths_and_sizes(monkeypatch):
    monkeypatch.setattr(manuals, "SHORT", (3, 10))
    monkeypatch.setattr(manuals, "LONG", (1, 20))
    short = [manuals.Found("apt-doc", f"{n}.html", b"%d" % n) for n in range(6)]
    twin = manuals.Found("git-doc", "twin.html", b"0")
    long = [manuals.Found("git-doc", f"long{n}.html", b"%d" % n * 15) for n in range(3)]
    longest = manuals.Found("git-doc", "longest.html", b"x" * 21)
    printed = manuals.Found("packaging-tutorial", "tutorial.pdf", b"y" * 99)
    other = manuals.Found("git-doc", "book.pdf", b"z")
    taken = manuals.chosen([*short, twin, *long, longest, printed, other])
    assert len(taken) == 5
    assert sum(one in short for one in taken) == 3
    assert sum(one in long for one in taken) == 1
    assert printed in taken
    assert taken == manuals.chosen([*short, twin, *long, longest, printed, other])


@pytest.mark.parametrize(
    "package, name, language",
    [
        ("apt-doc", "apt-doc/guide.ja.html/ch1.html", "ja"),
        ("installation-guide-amd64", "installation-guide-amd64/zh_CN/ch02.html", "zh"),
        ("harden-doc", "harden-doc/html/pt-BR/index.html", "pt"),
        ("debian-faq-ko", "debian/FAQ/index.html", "ko"),
        ("postgresql-doc-15", "postgresql-doc-15/html/sql-do.html", "en"),
    ],
)
def test_language_by_path(package, name, language):
    assert manuals.language_of(package, name) == language


def test_a_sample_is_always_the_same_share():
    names = [f"folder/{n}.html" for n in range(2000)]
    assert sum(belongs(name, 0.25) for name in names) == pytest.approx(500, abs=60)
    assert all(belongs(name, 1.0) for name in names)
    assert {n for n in names if belongs(n, 0.1)} < {n for n in names if belongs(n, 0.2)}


def _part(seconds):
    return {"seconds": seconds, "documents": 10, "characters": 1000}


def test_ratios_are_taken_within_a_round():
    quiet = {"ingest": _part(11.0), "embed": {"seconds": 10.0}, "langchain": _part(33.0)}
    noisy = {"ingest": _part(24.0), "embed": {"seconds": 20.0}, "langchain": _part(48.0)}
    told = summary([quiet, noisy, quiet])
    assert told["ingest_to_embed"] == {"is": 1.1, "at_most": 1.25, "met": True}
    assert told["langchain_to_ingest"] == {"is": 3.0, "at_least": 2.5, "met": True}
    shared = summary([quiet | {"ingest_of_share": _part(15.0)}])
    assert shared["langchain_to_ingest"] == {"is": 2.2, "at_least": 2.5, "met": False}


def test_one_changed_file_must_be_the_only_one_embedded():
    unchanged = {"seconds": 5.1, "parsed": 0, "texts_embedded": 0}
    one = {"updated": 1, "parsed": 1, "its_passages": 4, "texts_embedded": 9}
    told = summary([{"ingest": _part(1.0), "sync": {"unchanged": unchanged, "one_changed": one}}])
    assert told["unchanged_sync"]["met"] is False
    assert told["one_changed_sync"]["met"] is False


def test_variants_of_a_passage(context):
    blocks = (
        Block("heading", "1. 休假", 1),
        Block("text", "员工每年享有十天年假。" * 8),
        Block("heading", "2. 出差", 1),
        Block("text", "酒店每晚最高一百二十欧元。" * 6),
    )
    document = to_document(Parsed("员工手册", blocks, "text/plain"), "x", "0" * 64, 1)
    chunks = chunk(document, lambda texts: [len(text) for text in texts], 120)
    assert [one.heading for one in chunks] == [("1. 休假",), ("2. 出差",)]

    def texts(variant):
        title, found = context.shown(document, chunks, variant)
        assert all(document.text[one.start : one.end] == one.text for one in found)
        return [one.embedding_text(title).split("\n", 1)[0][:8] for one in found]

    assert texts("body") == ["员工每年享有十天", "酒店每晚最高一百"]
    assert texts("in place") == ["1. 休假", "2. 出差"]
    assert texts("title") == ["员工手册", "员工手册"]
    assert texts("path") == ["员工手册 > 1", "员工手册 > 2"]
    assert [document.text[a:b].strip()[:2] for a, b in context.sections(document)] == ["员工", "酒店"]
