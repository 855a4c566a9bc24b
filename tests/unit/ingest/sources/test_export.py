import zipfile

import pytest

from ingest.sources.export import Export, safe_name
from rag.errors import SourceNotFoundError, SourceUnavailableError, TooLargeError, UnreadableFileError
from rag.settings import IngestSettings

LIMITS = IngestSettings(max_file_mb=0.01)


@pytest.fixture
def opened():
    held = []

    def open_(path, **options):
        export = Export(str(path), LIMITS, **options)
        export.open()
        held.append(export)
        return export

    yield open_
    for export in held:
        export.close()


@pytest.mark.parametrize("shape", ["zip", "unpacked"])
def test_members_of_a_zip_file_and_of_a_folder(exports, opened, shape):
    path = getattr(exports, shape)({"a/b.txt": "b", "中文.txt": "c", "a/.DS_Store": "x", "__MACOSX/a": "x"})
    export = opened(path)
    assert {name: export.read(name) for name in export.members} == {"a/b.txt": b"b", "中文.txt": b"c"}
    assert export.members["a/b.txt"].size == 1
    with pytest.raises(UnreadableFileError, match="it is not in the export"):
        export.read("b.txt")


def test_a_mark_changes_with_the_content(exports, opened):
    before = opened(exports.zip({"a": "one", "b": "b"})).members
    after = opened(exports.zip({"a": "two", "b": "b"})).members
    assert before["a"].mark != after["a"].mark
    assert before["b"].mark == after["b"].mark


def test_names_that_lead_out_are_left_out(exports, opened):
    path = exports.zip({"../evil": "x", "/etc/evil": "x", "a/../../evil": "x", "good": "x", "win\\dows": "x"})
    assert set(opened(path).members) == {"good", "win/dows"}


def test_names_in_undeclared_utf_8(exports, opened):
    path = exports.folder / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ABCDEF.txt", "x")
    path.write_bytes(path.read_bytes().replace(b"ABCDEF", "中文".encode()))
    assert set(opened(path).members) == {"中文.txt"}


def test_parts_of_one_export(exports, opened):
    parts = {
        f"Export-Part-{n}.zip": exports.zip({f"{n}.md": f"{n}"}, f"{n}.zip").read_bytes() for n in (1, 2)
    }
    for path in (exports.zip(parts), exports.unpacked(parts)):
        export = opened(path, parts=True)
        assert {name: export.read(name) for name in export.members} == {"1.md": b"1", "2.md": b"2"}
        assert set(opened(path).members) == set(parts)


def test_large_members_and_bombs_are_refused(exports, opened):
    export = opened(exports.zip({"bomb": b"0" * 50_000_000, "empty": b""}))
    with pytest.raises(TooLargeError, match=r"over 0\.01 MB"):
        export.read("bomb")
    with pytest.raises(UnreadableFileError, match="the file is empty"):
        export.read("empty")


def test_damaged_and_missing_exports(exports, opened):
    with pytest.raises(SourceNotFoundError, match="does not exist"):
        opened(exports.folder / "nowhere.zip")
    path = exports.zip({"a": "x" * 1000})
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(SourceUnavailableError, match="cannot be read as an export: File is not a zip file"):
        opened(path)
    path.write_bytes(whole.replace(b"x", b"y").replace(whole[36:42], b"\xff" * 6, 1))
    export = opened(path)
    with pytest.raises(UnreadableFileError, match="it cannot be unpacked"):
        export.read("a")
    path.write_bytes(
        whole[:6]
        + b"\x01"
        + whole[7:].replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    )
    with pytest.raises(SourceUnavailableError, match="it is protected by a password"):
        opened(path)


def test_a_member_that_vanished_from_a_folder(exports, opened):
    export = opened(exports.unpacked({"a": "x"}))
    (exports.folder / "export" / "a").unlink()
    with pytest.raises(UnreadableFileError, match="No such file"):
        export.read("a")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("a/b: c?", "a b c"),
        ("…", "…"),
        ("..", "untitled"),
        ("", "untitled"),
        ("手册 1.0", "手册 1.0"),
        ("x" * 300, "x" * 120),
    ],
)
def test_titles_as_names(title, name):
    assert safe_name(title) == name
