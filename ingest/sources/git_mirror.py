"""A bare mirror of one branch of a git repository, kept by the git program.

Commits and folders come whole, files only when they are asked for (partial clone, where the server can).
Nothing of the repository is ever run: no checkout, no hooks, no filters, no submodules.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from ingest.sources.options import Options, Scrub
from rag.errors import (
    MachineError,
    SettingsError,
    SourceNotFoundError,
    SourceUnavailableError,
    UnreadableFileError,
)

__all__ = ["Blob", "GitMirror", "GitOptions", "protocol_of"]

_HEAD = "refs/citewell/head"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(?!-)", re.IGNORECASE)
_SCP = re.compile(r"(?:\w[\w.-]*@)?\w[\w.-]*:(?!:|//)")
_REF = re.compile(r"\w[\w./@+-]*")
_QUICK_S = 60


class GitOptions(Options):
    """Which state of a repository is read, and how it is reached."""

    ref: str = Field("HEAD", description="Branch, tag or full commit id; HEAD is the default branch.")
    depth: int = Field(
        0, ge=0, description="Commits of history to fetch, 0 for all; files older than it have no date."
    )
    timeout_s: float = Field(900, gt=0, description="Seconds that one fetch may take.")
    username: str = Field("", description="User name for https.")
    password: str = Field("", description="Password or access token for https.")
    ssh_key: str = Field("", description="Path of a private key for ssh; else the usual ones and the agent.")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in the tree: its path as bytes are decoded by the system, and the id of its content."""

    path: str
    oid: str


def protocol_of(location: str) -> str:
    """https, http, ssh or file. Raises SettingsError for what git must not be given: it has locations that
    run programs.
    """
    if scheme := _SCHEME.match(location):
        protocol = scheme[1].lower()
        if protocol in ("https", "http", "ssh", "file"):
            return protocol
    elif _SCP.match(location) and not Path(location).exists():
        return "ssh"
    elif "://" not in location and not location.startswith("-") and "::" not in location.split("/")[0]:
        return "file"
    raise SettingsError(
        f"{location[:100]} is no location of a git repository that is read.",
        "Use https://, ssh://, user@host:path or a path on this machine.",
    )


class GitMirror:
    """The mirror of ``url`` in ``folder``. Safe to read from several threads after ``update``."""

    def __init__(self, url: str, folder: Path, options: GitOptions, scrub: Scrub) -> None:
        """``url`` has no password. Raises SettingsError, MachineError when there is no git."""
        protocol = protocol_of(url)
        if not _REF.fullmatch(options.ref):
            raise SettingsError(f"{options.ref!r} is no branch, tag or commit.", "Correct the option ref.")
        if shutil.which("git") is None:
            raise MachineError("git is not installed.", "Install it, e.g. `apt install git`.")
        self._url = str(Path(url).expanduser().resolve()) if protocol == "file" and "://" not in url else url
        self._folder, self._options, self._scrub = folder, options, scrub
        self._environment = _environment(url, protocol, options)

    def update(self) -> None:
        """Bring commits and folders up to date. Raises SourceNotFoundError, SourceUnavailableError."""
        self._prepare()
        depth = [f"--depth={self._options.depth}"] if self._options.depth else []
        try:
            self._fetch([*depth, "origin", f"+{self._options.ref}:{_HEAD}"])
        except _GitError as error:
            if "couldn't find remote ref" in error.text:
                raise SourceNotFoundError(
                    f"{self._url} has no {self._options.ref}.", "Check the option ref."
                ) from error
            raise SourceUnavailableError(
                f"{self._url} cannot be fetched: {error.reason}.", "Check the location and how it is reached."
            ) from error

    def files(self) -> Iterator[Blob]:
        """The regular files of the tree, in git's order; links and submodules are left out."""
        for line in self._read("ls-tree", "-r", "-z", "--full-tree", _HEAD).split(b"\0"):
            head, _, path = line.partition(b"\t")
            mode, _, oid = head.partition(b" blob ")
            if mode in (b"100644", b"100755"):
                yield Blob(os.fsdecode(path), oid.decode("ascii"))

    def bring(self, oids: Iterable[str]) -> None:
        """Fetch the contents that are not here yet in one request. A server that does not give single
        contents is asked again when each is read.
        """
        listed = self._read("rev-list", "--objects", "--missing=print", f"{_HEAD}^{{tree}}")
        missing = {line[1:].decode("ascii") for line in listed.splitlines() if line.startswith(b"?")}
        wanted = "\n".join(sorted(missing.intersection(oids)))
        if wanted:
            with contextlib.suppress(_GitError):
                self._fetch(["--stdin", "origin"], wanted.encode() + b"\n")

    def sizes(self, oids: Sequence[str]) -> Mapping[str, int]:
        """Size of each content, in bytes. Raises SourceUnavailableError."""
        lines = self._read(
            "cat-file", "--batch-check=%(objectname) %(objectsize)", data="\n".join(oids).encode() + b"\n"
        ).splitlines()
        found = (line.decode("ascii").split() for line in lines)
        return {oid: int(size) for oid, size in found if size.isdigit()}

    def content(self, oid: str) -> bytes:
        """Raises UnreadableFileError."""
        try:
            return self._git("cat-file", "blob", oid)
        except _GitError as error:
            raise UnreadableFileError(f"cannot be read from the repository: {error.reason}") from error

    def times(self, paths: Iterable[str]) -> Mapping[str, float]:
        """When each file was last changed on this branch, in seconds since the epoch, as far as the history
        here tells.
        """
        wanted, found = set(paths), dict[str, float]()
        shallow = self._folder / "shallow"
        ends = set(shallow.read_text("ascii").split()) if shallow.exists() else set[str]()
        command = ["log", "--first-parent", "-m", "--no-renames", "--name-only", "-z"]
        process = self._start([*command, "--format=format:%x01%H%x01%ct", _HEAD], subprocess.DEVNULL)
        timer = threading.Timer(_QUICK_S, _end, [process])
        timer.start()
        known, moment = True, 0.0
        try:
            for token in _tokens(process):
                if token.startswith("\x01"):
                    head, _, token = token.partition("\n")
                    _, commit, seconds = head.split("\x01")
                    # at the edge of a shallow history every file looks new
                    known, moment = commit not in ends, float(seconds)
                if token in wanted and token not in found and known:
                    found[token] = moment
                    if len(found) == len(wanted):
                        break
        finally:
            timer.cancel()
            _end(process)
        return found

    # ---------------------------------------------------------------- the program

    def _prepare(self) -> None:
        """An empty mirror, or the one of the last sync, freed from what a kill left locked."""
        folder = self._folder
        if not (folder / "HEAD").is_file() or not (folder / "objects").is_dir():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._read("init", "--quiet", "--bare", "--template=", ".")
        for lock in (*folder.glob("*.lock"), *folder.glob("refs/**/*.lock")):
            lock.unlink(missing_ok=True)
        self._read("config", "remote.origin.url", self._url)

    def _fetch(self, arguments: Sequence[str], data: bytes = b"") -> None:
        switches = ["--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none"]
        self._git("fetch", "--quiet", *switches, *arguments, data=data, timeout_s=self._options.timeout_s)

    def _read(self, *arguments: str, data: bytes = b"") -> bytes:
        try:
            return self._git(*arguments, data=data)
        except _GitError as error:
            raise SourceUnavailableError(
                f"the mirror of {self._url} cannot be read: {error.reason}.",
                f"Remove {self._folder}; the next sync makes it anew.",
            ) from error

    def _git(self, *arguments: str, data: bytes = b"", timeout_s: float = _QUICK_S) -> bytes:
        process = self._start(arguments)
        try:
            output, errors = process.communicate(data, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise _GitError("", f"not done within {timeout_s:g} s (option timeout_s)") from error
        finally:
            _end(process)
        if process.returncode != 0:
            text = errors.decode("utf-8", "replace")
            told = [line for line in text.splitlines() if line.startswith(("fatal:", "error:", "ERROR:"))]
            raise _GitError(text, self._scrub((told or text.splitlines()[-1:] or ["git failed"])[0]))
        return output

    def _start(self, arguments: Sequence[str], errors: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # what follows a fetch must not go on in the background
            ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.autoDetach=false", *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )


class _GitError(Exception):
    def __init__(self, text: str, reason: str) -> None:
        super().__init__(reason)
        self.text = text
        self.reason = reason.removeprefix("fatal: ").removesuffix(".")


def _environment(url: str, protocol: str, options: GitOptions) -> dict[str, str]:
    """The environment of git: nothing asks, only this protocol is spoken, the password is in no argument."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ssh = ["ssh", "-oBatchMode=yes", "-oConnectTimeout=20"]
    if options.ssh_key:
        key = str(Path(options.ssh_key).expanduser()).replace("'", "'\\''")
        ssh += ["-oIdentitiesOnly=yes", f"-i '{key}'"]
    variables |= {
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": " ".join(ssh),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "SSH_ASKPASS_REQUIRE": "never",
    }
    if (options.username or options.password) and protocol in ("https", "http"):
        login = base64.b64encode(f"{options.username or 'git'}:{options.password}".encode()).decode("ascii")
        host = "/".join(url.split("/")[:3]) + "/"
        variables |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{host}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
        }
    return variables


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what still runs of a process and its children, and close its pipes."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _tokens(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What a process writes, split at NUL."""
    assert process.stdout is not None
    rest = b""
    while part := os.read(process.stdout.fileno(), 1 << 16):
        *whole, rest = (rest + part).split(b"\0")
        yield from map(os.fsdecode, whole)
    yield os.fsdecode(rest)
