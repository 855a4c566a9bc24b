import io
import threading
import zipfile
from datetime import UTC, datetime

import fsspec
import pytest

from ingest.source import Failure, SourceFile
from ingest.sources import files as module
from ingest.sources import open_source
from ingest.sources.files import FilesOptions, FilesSource, _seconds
from rag.errors import (
    MissingPackageError,
    SettingsError,
    SourceNotFoundError,
    SourceUnavailableError,
    TooLargeError,
    UnreadableFileError,
)
from rag.settings import IngestSettings, Settings, SourceSettings

LIMITS = IngestSettings()


def source(location, limits=LIMITS, **options):
    return FilesSource(location, FilesOptions.model_validate(options), limits)


def split(found):
    found = list(found)
    return (
        [one for one in found if isinstance(one, SourceFile)],
        [one for one in found if isinstance(one, Failure)],
    )


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    fs.rm("/", recursive=True)

    def put(**files):
        for path, data in files.items():
            fs.pipe(path, data)
        return fs

    yield put
    fs.rm("/", recursive=True)


def test_everything_below_a_url_in_order(memory):
    memory(
        **{"/d/b.txt": b"b", "/d/a/中文.md": b"a", "/d/.hidden": b"x", "/d/~$b.docx": b"x", "/e.txt": b"e"}
    )
    one = source("memory://d/")
    found, failures = split(one.list({}))
    assert [(file.uri, file.name, file.path, file.size) for file in found] == [
        ("memory://d/a/中文.md", "中文.md", "a/中文.md", 1),
        ("memory://d/b.txt", "b.txt", "b.txt", 1),
    ]
    assert failures == []
    assert [one.fetch(file).data for file in found] == [b"a", b"b"]
    assert [file.path for file in split(source("memory://").list({}))[0]] == [
        "d/a/中文.md",
        "d/b.txt",
        "e.txt",
    ]


def test_a_file_that_changed_has_another_time(memory):
    fs = memory(**{"/d/a.txt": b"one"})
    one = source("memory://d")
    before = split(one.list({}))[0][0]
    assert before.modified == fs.info("/d/a.txt")["created"].timestamp()
    memory(**{"/d/a.txt": b"two"})
    after = split(one.list({}))[0][0]
    assert after.modified > before.modified
    assert one.fetch(after).data == b"two"


def test_a_single_file_and_globs(memory):
    memory(**{"/d/a.txt": b"a", "/d/b.md": b"b", "/d/x/c.md": b"c", "/d/.citewell.toml": b'groups = ["hr"]'})
    assert [file.uri for file in source("memory://d/b.md").list({})] == [
        "memory://d/b.md/.citewell.toml",
        "memory://d/b.md",
    ]
    config = SourceSettings(kind="files", location="memory://d/b.md")
    assert [(file.uri, file.groups) for file in open_source("s", config, Settings()).list({})] == [
        ("memory://d/b.md", ("hr",))
    ]
    config = SourceSettings(kind="files", location="memory://d/**/*.md")
    assert [file.path for file in open_source("s", config, Settings()).list({})] == ["b.md", "x/c.md"]


def test_sidecars_above_the_location_hold(memory):
    memory(**{"/.citewell.toml": b'groups = ["staff"]', "/d/e/a.txt": b"a"})
    config = SourceSettings(kind="files", location="memory://d/e")
    assert [file.groups for file in open_source("s", config, Settings()).list({})] == [("staff",)]


def test_a_location_that_is_not_there(memory):
    with pytest.raises(SourceNotFoundError, match=r"memory://nowhere does not exist\."):
        list(source("memory://nowhere").list({}))


def test_empty_and_large_files(memory):
    memory(**{"/d/a.txt": b"", "/d/b.txt": b"x" * 1200, "/d/c.txt": b"x"})
    one = source("memory://d", IngestSettings(max_file_mb=0.001))
    found, failures = split(one.list({}))
    assert failures == [
        Failure("memory://d/a.txt", "the file is empty"),
        Failure("memory://d/b.txt", "0 MB, over 0.001 MB (setting ingest.max_file_mb)"),
    ]
    fs = memory(**{"/d/c.txt": b"x" * 1200})
    with pytest.raises(TooLargeError, match=r"over 0\.001 MB"):
        one.fetch(found[0])
    fs.rm("/d/c.txt")
    with pytest.raises(UnreadableFileError, match="cannot be fetched"):
        one.fetch(found[0])


def test_a_folder_that_cannot_be_listed_is_a_failure(memory, monkeypatch):
    memory(**{"/d/a.txt": b"a", "/d/away/b.txt": b"b"})
    ls = type(fsspec.filesystem("memory")).ls

    def refuse(self, path, *args, **kwargs):
        if path.endswith("away"):
            raise PermissionError("key SECRET123 is not allowed")
        return ls(self, path, *args, **kwargs)

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "ls", refuse)
    found, failures = split(source("memory://d", secret_key="SECRET123").list({}))
    assert [file.path for file in found] == ["a.txt"]
    assert failures == [
        Failure("memory://d/away", "folder cannot be listed: key ******** is not allowed"),
    ]
    assert failures[0].path == "away/"


def test_a_file_system_that_never_answers(memory, monkeypatch):
    release = threading.Event()
    memory(**{"/d/a.txt": b"a"})
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "info", lambda *_: release.wait(20))
    with pytest.raises(
        SourceUnavailableError, match=r"memory://d cannot be reached: no answer within 0\.1 s"
    ):
        list(source("memory://d", timeout_s=0.1).list({}))
    release.set()


def test_inside_an_archive(memory):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("docs/a.txt", (2024, 2, 3, 4, 5, 6)), b"inside")
        archive.writestr("other.txt", b"outside")
    memory(**{"/x.zip": buffer.getvalue()})
    one = source("zip://docs::memory://x.zip")
    found, _ = split(one.list({}))
    assert [(file.uri, file.path, file.size) for file in found] == [
        ("zip://docs::memory://x.zip/a.txt", "a.txt", 6)
    ]
    assert found[0].etag.startswith("crc:")
    assert found[0].modified == datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp()
    assert one.fetch(found[0]).data == b"inside"


def test_over_http(http):
    http.pages["/d/"] = (
        200,
        {"Content-Type": "text/html"},
        b'<a href="a%20b.txt">a</a> <a href="?C=N">n</a>',
    )
    headers = {"ETag": '"v1"', "Last-Modified": "Sat, 03 Feb 2024 04:05:06 GMT"}
    http.pages["/d/a%20b.txt"] = (200, headers, b"hello")
    one = source(f"{http.url}/d/")
    found, failures = split(one.list({}))
    assert failures == []
    assert [(file.uri, file.name, file.size, file.etag) for file in found] == [
        (f"{http.url}/d/a b.txt", "a b.txt", 5, 'etag:"v1"')
    ]
    assert found[0].modified == datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp()
    assert one.fetch(found[0]).data == b"hello"


def test_what_is_missing_is_named(monkeypatch):
    with pytest.raises(MissingPackageError, match=r"s3:// needs the Python package s3fs") as error:
        source("s3://bucket/docs")
    assert error.value.remedy == 'Run `pip install "s3fs"`.'

    def missing(protocol):
        raise ImportError("SFTPFileSystem requires paramiko")

    monkeypatch.setattr(module, "get_filesystem_class", missing)
    for protocol, package in (("sftp", "paramiko"), ("smb", "smbprotocol"), ("gs", "gcsfs"), ("az", "adlfs")):
        with pytest.raises(MissingPackageError, match=f"needs the Python package {package},"):
            source(f"{protocol}://host/docs")


def test_local_files_and_unknown_protocols_are_refused():
    with pytest.raises(SettingsError, match="kind files does not read this machine's folders"):
        source("file:///etc")
    with pytest.raises(SettingsError, match="kind files does not read this machine's folders"):
        source("zip://*::file:///etc/x.zip")
    with pytest.raises(SettingsError, match="gopher is no protocol that fsspec knows"):
        source("gopher://host")


def test_credentials_are_not_in_addresses(memory, monkeypatch):
    memory(**{"/d/a.txt": b"a"})
    one = source("memory://d")
    one._shown = module.public_url("sftp://me:hunter2@host/d")
    assert [file.uri for file in one.list({})] == ["sftp://host/d/a.txt"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC), 1706933106.0),
        (datetime(2024, 2, 3, 4, 5, 6), 1706933106.0),
        ("2024-02-03T04:05:06Z", 1706933106.0),
        ("Sat, 03 Feb 2024 04:05:06 GMT", 1706933106.0),
        ((2024, 2, 3, 4, 5, 6), 1706933106.0),
        (1706933106, 1706933106.0),
        (1706933106000, 1706933106.0),
        ("yesterday", None),
        ((1980, 0, 0, 0, 0, 0), None),
    ],
)
def test_times_of_every_form(value, seconds):
    assert _seconds(value) == seconds
