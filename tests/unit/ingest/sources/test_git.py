import base64
import os
import shutil
import subprocess
import threading
from datetime import UTC, datetime

import pytest

from ingest.source import Failure, Known, SourceFile
from ingest.sources import git_mirror, open_source
from ingest.sources.git_mirror import GitMirror, GitOptions, protocol_of
from ingest.sources.options import Scrub
from rag.errors import (
    MachineError,
    SettingsError,
    SourceNotFoundError,
    SourceUnavailableError,
    UnreadableFileError,
)
from rag.settings import Settings, SourceSettings

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
DAY = 86400.0
START = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


class Repository:
    """A repository that is written to; commit n is made n days after the first of January 2024."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments, **variables):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{
                f"GIT_{who}_{what}": "a@b.example"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
            **variables,
        }
        result = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, check=True, capture_output=True
        )
        return result.stdout.decode().strip()

    def commit(self, **files):
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.git("add", "-A")
        date = f"{int(START + self.count * DAY)} +0000"
        self.git("commit", "-q", "--allow-empty", "-m", "x", GIT_COMMITTER_DATE=date, GIT_AUTHOR_DATE=date)
        self.count += 1
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "origin")


@pytest.fixture
def sync(tmp_path, repository):
    class Syncs:
        def __init__(self):
            self.known = {}

        def __call__(self, location=None, **config):
            config = SourceSettings(kind="git", location=str(location or repository.folder), **config)
            source = open_source("docs", config, Settings(home=tmp_path))
            found = list(source.list(self.known))
            self.failures = [one for one in found if isinstance(one, Failure)]
            self.files = {one.path: one for one in found if isinstance(one, SourceFile)}
            self.data = {
                path: source.fetch(file).data
                for path, file in self.files.items()
                if file.uri not in self.known or self.known[file.uri].etag != file.etag
            }
            source.close()
            self.known = {one.uri: Known(one.size, one.modified, one.etag) for one in self.files.values()}
            return {path: (file.modified - START) / DAY for path, file in self.files.items()}

    return Syncs()


def test_files_have_the_time_of_their_last_commit(repository, sync):
    repository.commit(**{"a.txt": b"a", "手册/中文 1.md": "中".encode(), ".github/x.yml": b"x"})
    repository.commit(**{"b\nc.txt": b"b"})
    repository.commit(**{"a.txt": b"aa"})
    assert sync() == {"a.txt": 2.0, "b\nc.txt": 1.0, "手册/中文 1.md": 0.0}
    assert sync.data == {"a.txt": b"aa", "b\nc.txt": b"b", "手册/中文 1.md": "中".encode()}
    file = sync.files["手册/中文 1.md"]
    assert file.uri == f"git+{repository.folder}!/手册/中文 1.md"
    assert (file.name, file.size, file.etag) == (
        "中文 1.md",
        3,
        repository.git("rev-parse", "HEAD:手册/中文 1.md"),
    )


def test_only_what_changed_is_fetched_again(repository, sync):
    repository.commit(**{"a.txt": b"a", "b.txt": b"b"})
    sync()
    before = sync.files["a.txt"]
    repository.commit(**{"b.txt": b"bb", "c.txt": b"c"})
    assert sync() == {"a.txt": 0.0, "b.txt": 1.0, "c.txt": 1.0}
    assert sync.files["a.txt"] == before
    assert sync.data == {"b.txt": b"bb", "c.txt": b"c"}
    repository.commit(**{"b.txt": None})
    assert sync() == {"a.txt": 0.0, "c.txt": 1.0}
    assert sync.data == {}


def test_a_rewritten_history_and_a_merge(repository, sync):
    repository.commit(**{"a.txt": b"a"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(**{"side.txt": b"s"})
    repository.git("checkout", "-q", "main")
    repository.commit(**{"b.txt": b"b"})
    date = f"{int(START + 9 * DAY)} +0000"
    repository.git("merge", "-q", "-m", "m", "side", GIT_COMMITTER_DATE=date)
    assert sync() == {"a.txt": 0.0, "b.txt": 2.0, "side.txt": 9.0}
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.git("commit", "-q", "--amend", "-m", "y", GIT_COMMITTER_DATE=date)
    assert sync() == {"a.txt": 0.0, "b.txt": 2.0}


def test_branches_tags_and_commits(repository, sync):
    first = repository.commit(**{"a.txt": b"1"})
    repository.git("tag", "-a", "v1.0", "-m", "x")
    repository.commit(**{"a.txt": b"2"})
    repository.git("branch", "release/2")
    repository.commit(**{"a.txt": b"3"})
    for ref, content in {"v1.0": b"1", "release/2": b"2", first: b"1", "HEAD": b"3", "main": b"3"}.items():
        sync.known = {}
        sync(options={"ref": ref})
        assert sync.data == {"a.txt": content}
    assert sync.files["a.txt"].uri == f"git+{repository.folder}@main!/a.txt"
    with pytest.raises(SourceNotFoundError, match="has no nowhere"):
        sync(options={"ref": "nowhere"})


def test_a_partial_clone_fetches_contents_in_one_request_and_only_those_that_are_wanted(
    repository, sync, tmp_path, monkeypatch
):
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repository.commit(**{f"{n}.md": b"%d" % n for n in range(5)}, **{"movie.mp4": b"x" * 1000})
    fetches = []
    fetch = GitMirror._fetch
    monkeypatch.setattr(GitMirror, "_fetch", lambda self, *rest: (fetches.append(rest), fetch(self, *rest)))
    assert set(sync(include=("*.md",))) == {f"{n}.md" for n in range(5)}
    assert [file.size for file in sync.files.values()] == [1] * 5
    assert sync.data == {f"{n}.md": b"%d" % n for n in range(5)}
    assert len(fetches) == 2
    missing = subprocess.run(
        ["git", "rev-list", "--objects", "--all", "--missing=print"],
        cwd=tmp_path / "sources" / "docs.git",
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "?" + repository.git("rev-parse", "HEAD:movie.mp4") in missing.split()
    repository.commit(**{"1.md": b"new"})
    sync(include=("*.md",))
    assert sync.data == {"1.md": b"new"}
    sync(include=("*.md",))
    assert len(fetches) == 5


def test_a_shallow_clone_knows_no_times_beyond_its_edge(repository, sync):
    repository.commit(**{"a.txt": b"a"})
    repository.commit(**{"b.txt": b"b"})
    repository.commit(**{"c.txt": b"c"})
    source = {"location": f"file://{repository.folder}", "options": {"depth": "2"}}
    sync.known = {}
    with pytest.raises(TypeError):
        sync(**source)
    assert {path: file.modified for path, file in sync.files.items()} == {
        "a.txt": None,
        "b.txt": None,
        "c.txt": START + 2 * DAY,
    }


def test_links_submodules_lfs_and_empty_files(repository, sync):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    os.symlink("/etc/passwd", repository.folder / "link.txt")
    repository.commit(**{"lfs.pdf": pointer, "empty.txt": b""})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repository.git("commit", "-q", "-m", "m")
    with pytest.raises(UnreadableFileError, match="its content is in Git LFS, which is not fetched"):
        sync()
    assert set(sync.files) == {"lfs.pdf"}
    assert sync.failures == [Failure(f"git+{repository.folder}!/empty.txt", "the file is empty")]


def test_sidecars_and_rules_hold(repository, sync):
    repository.commit(**{"hr/!a.txt": b"a", "hr/.citewell.toml": b'groups = ["hr"]', "b.txt": b"b"})
    sync()
    assert {path: file.groups for path, file in sync.files.items()} == {"b.txt": (), "hr/!a.txt": ("hr",)}
    repository.commit(**{"hr/.citewell.toml": None})
    sync()
    assert sync.files["hr/!a.txt"].groups == ()


def test_hooks_and_filters_of_the_repository_do_not_run(repository, sync, tmp_path):
    ran = tmp_path / "ran"
    for folder in (repository.folder / ".git/hooks", repository.folder / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in ("post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"):
            (folder / name).write_text(f"#!/bin/sh\necho {name} >> {ran}\n")
            (folder / name).chmod(0o755)
    repository.commit(**{".gitattributes": b"*.txt filter=evil\n", "a.txt": b"a"})
    ran.unlink(missing_ok=True)
    sync()
    assert sync.data["a.txt"] == b"a"
    assert not ran.exists()


def test_what_a_killed_sync_left_behind_does_not_matter(repository, sync, tmp_path):
    repository.commit(**{"a.txt": b"a"})
    sync()
    mirror = tmp_path / "sources" / "docs.git"
    for lock in ("shallow.lock", "config.lock", "refs/citewell/head.lock"):
        (mirror / lock).touch()
    repository.commit(**{"a.txt": b"b"})
    sync()
    assert sync.data == {"a.txt": b"b"}
    (mirror / "HEAD").unlink()
    assert sync() == {"a.txt": 1.0}


def test_a_repository_that_is_away_or_no_repository(tmp_path, sync):
    with pytest.raises(
        SourceUnavailableError, match=r"cannot be fetched: .*does not appear to be a git repository"
    ):
        sync(tmp_path)
    with pytest.raises(
        SourceUnavailableError, match=r"cannot be fetched: unable to access .*Failed to connect"
    ):
        sync("https://127.0.0.1:1/x.git")


def test_a_password_goes_to_the_server_and_nowhere_else(http, sync, tmp_path):
    def asked(headers):
        seen.append(headers.get("Authorization"))
        return 403, {}, b"no"

    seen = []
    http.pages["/x.git/info/refs?service=git-upload-pack"] = asked
    location = http.url.replace("//", "//me:hunter2@") + "/x.git"
    with pytest.raises(SourceUnavailableError, match="403") as error:
        sync(location)
    assert seen == ["Basic " + base64.b64encode(b"me:hunter2").decode()]
    with pytest.raises(SourceUnavailableError, match="403"):
        sync(http.url.replace("//", "//t0ken@") + "/x.git")
    assert seen[1:] == ["Basic " + base64.b64encode(b"t0ken:").decode()]
    assert "hunter2" not in error.value.message
    for path in (tmp_path / "sources").rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()
    http.pages["/x.git/info/refs?service=git-upload-pack"] = (401, {"WWW-Authenticate": "Basic"}, b"")
    with pytest.raises(
        SourceUnavailableError, match=r"x\.git cannot be fetched: (Authentication failed|could not)"
    ):
        sync(f"{http.url}/x.git")


def test_a_server_that_hangs_is_left(http, tmp_path):
    release = threading.Event()
    http.pages["/x.git/info/refs?service=git-upload-pack"] = lambda headers: (
        release.wait(20),
        (404, {}, b""),
    )[1]
    options = GitOptions(timeout_s=0.5)
    mirror = GitMirror(f"{http.url}/x.git", tmp_path / "m.git", options, Scrub("", {}))
    try:
        with pytest.raises(SourceUnavailableError, match=r"not done within 0\.5 s \(option timeout_s\)"):
            mirror.update()
    finally:
        release.set()


@pytest.mark.parametrize(
    ("location", "protocol"),
    [
        ("https://host/x.git", "https"),
        ("ssh://git@host:22/x.git", "ssh"),
        ("git@host:group/x.git", "ssh"),
        ("host:x", "ssh"),
        ("/srv/x.git", "file"),
        ("./x", "file"),
        ("file:///srv/x.git", "file"),
    ],
)
def test_locations(location, protocol):
    assert protocol_of(location) == protocol


@pytest.mark.parametrize(
    "location",
    [
        "ext::sh -c touch% x",
        "fd::17",
        "--upload-pack=x",
        "-x",
        "git://host/x",
        "ssh://-oProxyCommand=x/y",
        "ftp://h/x",
    ],
)
def test_locations_that_run_programs_or_are_not_read(location):
    with pytest.raises(SettingsError, match="is no location of a git repository that is read"):
        protocol_of(location)


@pytest.mark.parametrize("ref", ["--upload-pack=x", "a:b", "", "a b"])
def test_refs_that_are_none(ref, tmp_path):
    with pytest.raises(SettingsError, match="is no branch, tag or commit"):
        GitMirror("/srv/x", tmp_path, GitOptions(ref=ref), Scrub("", {}))


def test_without_git(monkeypatch, tmp_path):
    monkeypatch.setattr(git_mirror.shutil, "which", lambda _: None)
    with pytest.raises(MachineError, match=r"git is not installed\."):
        GitMirror("/srv/x", tmp_path, GitOptions(), Scrub("", {}))
