import os
import unicodedata

import pytest

from ingest.source import Failure, gone, root_uri, scan
from rag.errors import SourceNotFoundError, UnreadableFileError
from rag.settings import IngestSettings

SETTINGS = IngestSettings()


def test_folders_are_listed_in_order_and_hidden_files_left_out(tmp_path):
    for name in (
        "b.txt",
        "a.md",
        "sub/c.txt",
        ".hidden",
        ".git/config",
        "~$a.docx",
        "Thumbs.db",
        "sub/.DS_Store",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    files, failures = scan([tmp_path], SETTINGS)
    assert [file.uri for file in files] == [
        f"{root_uri(tmp_path)}/{name}" for name in ("a.md", "b.txt", "sub/c.txt")
    ]
    assert failures == []
    assert files[0].read() == b"x"
    assert (files[0].size, files[0].name, files[0].modified) == (
        1,
        "a.md",
        (tmp_path / "a.md").stat().st_mtime,
    )


def test_a_path_given_twice_is_listed_once(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    files, _ = scan([tmp_path / "a.txt", tmp_path, tmp_path / "." / "a.txt"], SETTINGS)
    assert len(files) == 1


def test_missing_path(tmp_path):
    with pytest.raises(SourceNotFoundError, match="nowhere does not exist"):
        scan([tmp_path / "nowhere"], SETTINGS)


def test_links_out_of_the_folder_are_refused_and_links_inside_are_met_once(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "real.txt").write_text("x")
    (folder / "inside.txt").symlink_to(folder / "real.txt")
    (folder / "out.txt").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    (folder / "broken.txt").symlink_to(folder / "gone.txt")
    files, failures = scan([folder], SETTINGS)
    assert [file.name for file in files] == ["real.txt"]
    out = "symbolic link that leads out of the given folder; ingest its target by its own path"
    assert failures == [
        Failure(f"{root_uri(folder)}/broken.txt", "symbolic link that leads nowhere"),
        Failure(f"{root_uri(folder)}/out.txt", out),
        Failure(f"{root_uri(folder)}/up", out),
    ]


def test_a_given_link_is_followed(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.txt").write_text("x")
    link = tmp_path / "link"
    link.symlink_to(real)
    assert [file.uri for file in scan([link], SETTINGS)[0]] == [f"{root_uri(real)}/a.txt"]


def test_names_with_line_ends_emoji_and_foreign_bytes(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Größe.txt")
    for name in ("a\nb 🦆.txt", decomposed):
        (tmp_path / name).write_text("x")
    (tmp_path / os.fsdecode(b"latin-\xe9.txt")).write_text("x")
    files, failures = scan([tmp_path], SETTINGS)
    assert failures == []
    assert {file.name for file in files} == {"a\nb 🦆.txt", "Größe.txt", "latin-\\xe9.txt"}
    for file in files:
        assert file.read() == b"x"
        file.uri.encode("utf-8")


def test_empty_large_and_special_files_are_failures(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "large.txt").write_bytes(b"x" * 1200)
    os.mkfifo(tmp_path / "pipe")
    files, failures = scan([tmp_path], IngestSettings(max_file_mb=0.001))
    assert files == []
    assert [failure.error for failure in failures] == [
        "the file is empty",
        "0 MB, over 0.001 MB (setting ingest.max_file_mb)",
        "not a regular file",
    ]


def test_a_file_that_vanished_is_a_clear_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    files, _ = scan([path], SETTINGS)
    path.unlink()
    with pytest.raises(UnreadableFileError, match="cannot be opened: No such file"):
        files[0].read()


def test_what_is_gone_and_what_only_cannot_be_seen(tmp_path):
    root = root_uri(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    files, _ = scan([tmp_path], SETTINGS)
    away = Failure(f"{root}/drive", "folder cannot be listed: Permission denied")
    known = [f"{root}/a.txt", f"{root}/b.txt", f"{root}/drive/c.txt", f"{root}2/d.txt"]
    assert gone(known, [tmp_path], files, [away]) == [f"{root}/b.txt"]
