import os
import unicodedata

import pytest

from ingest.source import Failure, SourceFile
from ingest.sources import open_source, root_uri
from ingest.sources.folder import FolderSource
from rag.errors import (
    SettingsError,
    SourceNotFoundError,
    TooLargeError,
    UnreadableFileError,
)
from rag.settings import IngestSettings, Settings, SourceSettings

LIMITS = IngestSettings()


def listed(location, limits=LIMITS):
    source = FolderSource(location, limits)
    found = list(source.list({}))
    files = [one for one in found if isinstance(one, SourceFile)]
    return source, files, [one for one in found if isinstance(one, Failure)]


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def test_folders_are_listed_in_order_and_hidden_files_left_out(tmp_path):
    put(tmp_path, "b.txt", "a.md", "sub/c.txt", ".hidden", ".git/config", "~$a.docx", "Thumbs.db")
    put(tmp_path, "sub/.DS_Store", "__MACOSX/a.md")
    source, files, failures = listed(tmp_path)
    names = ("a.md", "b.txt", "sub/c.txt")
    assert [file.uri for file in files] == [f"{root_uri(tmp_path)}/{name}" for name in names]
    assert [file.path for file in files] == list(names)
    assert failures == []
    modified = (tmp_path / "a.md").stat().st_mtime
    assert (files[0].size, files[0].name, files[0].modified, files[0].etag) == (1, "a.md", modified, "")
    fetched = source.fetch(files[0])
    assert (fetched.data, fetched.modified) == (b"x", modified)


def test_a_single_file(tmp_path):
    put(tmp_path, "a.txt", "b.txt")
    _, files, _ = listed(tmp_path / "." / "a.txt")
    assert [(file.uri, file.path) for file in files] == [(f"{root_uri(tmp_path)}/a.txt", "a.txt")]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.md", ["a.md"]),
        ("**/*.md", ["20/c.md", "20/deep/d.md", "a.md"]),
        ("2?/*.md", ["20/c.md"]),
        ("[12]*", ["20/c.md", "20/deep/d.md", "20/e.txt"]),
        ("*.doc", []),
    ],
)
def test_globs(tmp_path, pattern, names):
    put(tmp_path, "a.md", "b.txt", "20/c.md", "20/e.txt", "20/deep/d.md", "other/f.txt")
    assert [file.path for file in listed(tmp_path / pattern)[1]] == names


def test_a_glob_does_not_speak_of_files_that_it_does_not_match(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "empty.md").touch()
    assert [failure.source for failure in listed(tmp_path / "*.md")[2]] == [f"{root_uri(tmp_path)}/empty.md"]


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    put(tmp_path, "[a].txt", "a.txt")
    assert [file.name for file in listed(tmp_path / "[a].txt")[1]] == ["[a].txt"]


@pytest.mark.parametrize("name", ["nowhere", "nowhere/*.md"])
def test_missing_path(tmp_path, name):
    with pytest.raises(SourceNotFoundError, match=r"nowhere.* does not exist"):
        listed(tmp_path / name)


def test_links_out_of_the_folder_are_refused_and_links_inside_are_met_once(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    folder = tmp_path / "docs"
    put(folder, "real.txt")
    (folder / "inside.txt").symlink_to(folder / "real.txt")
    (folder / "out.txt").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    (folder / "broken.txt").symlink_to(folder / "gone.txt")
    _, files, failures = listed(folder)
    assert [file.name for file in files] == ["real.txt"]
    out = "symbolic link that leads out of the given folder; ingest its target by its own path"
    assert failures == [
        Failure(f"{root_uri(folder)}/broken.txt", "symbolic link that leads nowhere"),
        Failure(f"{root_uri(folder)}/out.txt", out),
        Failure(f"{root_uri(folder)}/up", out),
    ]


def test_a_given_link_is_followed(tmp_path):
    put(tmp_path / "real", "a.txt")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    assert [file.uri for file in listed(link)[1]] == [f"{root_uri(tmp_path / 'real')}/a.txt"]


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_file_that_became_a_link_is_not_followed(tmp_path, swapped):
    outside = tmp_path / "outside"
    put(outside, "a.txt")
    put(tmp_path / "docs", "sub/a.txt")
    source, files, _ = listed(tmp_path / "docs")
    (tmp_path / "docs/sub/a.txt").unlink()
    if swapped == "file":
        (tmp_path / "docs/sub/a.txt").symlink_to(outside / "a.txt")
    else:
        (tmp_path / "docs/sub").rmdir()
        (tmp_path / "docs/sub").symlink_to(outside)
    with pytest.raises(UnreadableFileError, match="it has become a symbolic link"):
        source.fetch(files[0])


def test_names_with_line_ends_emoji_and_foreign_bytes(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Größe.txt")
    for name in ("a\nb 🦆.txt", decomposed, "中文 手册.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / os.fsdecode(b"latin-\xe9.txt")).write_text("x")
    source, files, failures = listed(tmp_path)
    assert failures == []
    assert {file.name for file in files} == {"a\nb 🦆.txt", "Größe.txt", "latin-\\xe9.txt", "中文 手册.txt"}
    for file in files:
        assert source.fetch(file).data == b"x"
        file.uri.encode("utf-8")


def test_empty_large_and_special_files_are_failures(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "large.txt").write_bytes(b"x" * 1200)
    os.mkfifo(tmp_path / "pipe")
    _, files, failures = listed(tmp_path, IngestSettings(max_file_mb=0.001))
    assert files == []
    assert [failure.error for failure in failures] == [
        "the file is empty",
        "0 MB, over 0.001 MB (setting ingest.max_file_mb)",
        "not a regular file",
    ]


def test_a_file_that_vanished_grew_or_became_a_pipe_is_a_clear_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    source, files, _ = listed(path, IngestSettings(max_file_mb=0.001))
    path.write_bytes(b"x" * 1200)
    with pytest.raises(TooLargeError, match=r"over 0\.001 MB"):
        source.fetch(files[0])
    path.unlink()
    with pytest.raises(UnreadableFileError, match="cannot be opened: No such file"):
        source.fetch(files[0])
    os.mkfifo(path)
    with pytest.raises(UnreadableFileError, match="not a regular file"):
        source.fetch(files[0])


def test_a_folder_that_cannot_be_listed_is_a_failure_and_the_rest_goes_on(tmp_path, monkeypatch):
    put(tmp_path, "away/a.txt", "here/b.txt")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("away"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    _, files, failures = listed(tmp_path)
    assert [file.path for file in files] == ["here/b.txt"]
    away = Failure(f"{root_uri(tmp_path)}/away", "folder cannot be listed: Permission denied")
    assert failures == [away]
    assert failures[0].path == "away/"
    assert listed(tmp_path / "*.md")[2] == [away]


def test_folders_nested_without_end(tmp_path):
    deep = tmp_path / "/".join("d" * 150)
    put(deep, "a.txt")
    put(tmp_path, "b.txt")
    _, files, failures = listed(tmp_path)
    assert [file.path for file in files] == ["b.txt"]
    assert [failure.error for failure in failures] == ["folders are nested deeper than 100"]


def test_open_source(tmp_path):
    put(tmp_path, "a.md", "b.txt")
    config = SourceSettings(location=str(tmp_path), include=("*.md",), groups=("staff",))
    source = open_source("docs", config, Settings())
    assert [(file.name, file.groups) for file in source.list({})] == [("a.md", ("staff",))]
    source.close()


def test_an_unknown_option_names_those_that_there_are(tmp_path):
    config = SourceSettings(location=str(tmp_path), options={"recurse": True})
    with pytest.raises(SettingsError, match=r"Source docs: option recurse is unknown\.") as error:
        open_source("docs", config, Settings())
    assert error.value.remedy == "Options of folder: none."


def groups_of(location):
    source = open_source("docs", SourceSettings(location=str(location)), Settings())
    found = list(source.list({}))
    groups = {file.path: file.groups for file in found if isinstance(file, SourceFile)}
    return groups, [failure.error for failure in found if isinstance(failure, Failure)]


def test_a_sidecar_holds_wherever_below_it_the_ingestion_starts(tmp_path):
    put(tmp_path, "!a.txt", "hr/!b.txt", "hr/deep/c.txt")
    (tmp_path / ".citewell.toml").write_text('groups = ["staff", "hr"]')
    (tmp_path / "hr/.citewell.toml").write_text('groups = ["hr"]')
    assert groups_of(tmp_path)[0] == {
        "!a.txt": ("staff", "hr"),
        "hr/!b.txt": ("hr",),
        "hr/deep/c.txt": ("hr",),
    }
    assert groups_of(tmp_path / "hr")[0] == {"!b.txt": ("hr",), "deep/c.txt": ("hr",)}
    assert groups_of(tmp_path / "hr/deep/*.txt")[0] == {"c.txt": ("hr",)}
    assert groups_of(tmp_path / "**/c.txt")[0] == {"hr/deep/c.txt": ("hr",)}
    assert groups_of(tmp_path / "hr/!b.txt")[0] == {"!b.txt": ("hr",)}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "empty", "unreadable"])
def test_a_sidecar_that_is_no_readable_file_hides_what_it_speaks_of(tmp_path, kind):
    put(tmp_path, "hr/a.txt", "b.txt")
    sidecar = tmp_path / "hr/.citewell.toml"
    if kind == "link":
        (tmp_path / "groups.toml").write_text("groups = []")
        sidecar.symlink_to(tmp_path / "groups.toml")
    elif kind == "pipe":
        os.mkfifo(sidecar)
    elif kind == "folder":
        sidecar.mkdir()
    else:
        sidecar.write_bytes(b"" if kind == "empty" else b"\xff\xfe")
    groups, errors = groups_of(tmp_path)
    assert groups["hr/a.txt"] == ("!",)
    assert groups["b.txt"] == ()
    assert len(errors) == 1
    assert errors[0].startswith("what it speaks of is hidden until it can be read: ")
