"""A Slack workspace export: channels, users, and one JSON file for each channel and day.

https://slack.com/help/articles/220556107 describes it. One document is made of each channel and day, with
threads told whole where they began: a lone message says little, a day of a channel is a conversation with a
date. Every thread has a heading, so that passages do not run from one into another.

Public channels (channels.json) are read for the groups that the settings name. Private channels (groups.json)
and direct messages (dms.json, mpims.json) are left out unless an option names who may read them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.export import Export, safe_name
from ingest.sources.options import Options, words
from ingest.sources.slack_message import Message, Names, Thread, page_of, read_message, threads_of
from rag.errors import IngestError, SourceUnavailableError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["SlackOptions", "SlackSource"]

# list of conversations, who they are open to
_LISTS = {"channels": "public", "groups": "private", "mpims": "direct", "dms": "direct"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json")


class SlackOptions(Options):
    """What of an export is read, and for whom."""

    private_groups: str = Field("", description="Groups that may read private channels, separated by commas.")
    direct_groups: str = Field("", description="Groups that may read direct messages, separated by commas.")
    timezone: str = Field("UTC", description="Time zone that days and times are told in (Asia/Shanghai).")

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone") from None
        return name


@dataclass(frozen=True, slots=True)
class _Channel:
    """A conversation and the files of its days, in order."""

    id: str
    label: str
    kind: str
    files: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Day:
    """Where the messages of a day of a channel are: replies may lie in files of later days."""

    channel: _Channel
    day: str
    files: Sequence[str]


class SlackSource:
    """The days of the channels of an export. An address is made of the channel's id and the day."""

    def __init__(self, name: str, location: str, options: SlackOptions, limits: IngestSettings) -> None:
        self._name, self._limits = name, limits
        self._groups = {"private": words(options.private_groups), "direct": words(options.direct_groups)}
        self._zone = ZoneInfo(options.timezone)
        self._export = Export(location, limits)
        self._names = Names({}, {})
        self._days: dict[str, _Day] = {}

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list; all messages are read for it.

        Raises SourceNotFoundError, SourceUnavailableError.
        """
        self._export.open()
        root = self._root()
        users = self._table(root, "users") or self._table(root, "org_users")
        people = {str(user["id"]): _name_of(user) for user in users if "id" in user}
        channels, folders = self._channels(root, people)
        self._names = Names(people, {channel.id: channel.label for channel in channels})
        for channel in channels:
            if channel.kind == "public" or self._groups[channel.kind]:
                yield from self._listed(channel)
        yield from (
            Failure(
                f"slack:{self._name}/{folder}",
                "no list of the export names this conversation, so nobody knows who may read it",
            )
            for folder in folders
        )

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        return Fetched(self._page(self._days[file.uri]))

    def close(self) -> None:
        """Close the archive."""
        self._export.close()

    # ------------------------------------------------------------------ the conversations

    def _root(self) -> str:
        """The folder inside the export that the lists lie in; some archives wrap everything in one."""
        lists = [
            path
            for path in self._export.members
            if path.rpartition("/")[2] in ("channels.json", "users.json")
        ]
        if not lists:
            raise SourceUnavailableError(
                f"{self._export.path} is no Slack export: there is no channels.json.",
                "Give the zip file that Slack made, in JSON format.",
            )
        shortest = min(lists, key=lambda path: (path.count("/"), path))
        return shortest[: len(shortest) - len(shortest.rpartition("/")[2])]

    def _table(self, root: str, name: str) -> Sequence[dict[str, Any]]:
        """One of the lists. Raises SourceUnavailableError when it is there but damaged."""
        path = f"{root}{name}.json"
        if path not in self._export.members:
            return ()
        try:
            return self._rows(path)
        except IngestError as error:
            raise SourceUnavailableError(
                f"{path} of {self._export.path} cannot be read: {error.message}.", "Export again."
            ) from error

    def _rows(self, path: str) -> Sequence[dict[str, Any]]:
        """A JSON array of objects. Raises UnreadableFileError, TooLargeError."""
        try:
            rows = json.loads(self._export.read(path))
        except (ValueError, RecursionError) as error:
            raise UnreadableFileError(f"it is not JSON: {error}") from error
        if not isinstance(rows, list):
            raise UnreadableFileError("it is no list")
        return [row for row in rows if isinstance(row, dict)]

    def _channels(self, root: str, people: Mapping[str, str]) -> tuple[Sequence[_Channel], Sequence[str]]:
        """The conversations that the lists name, and the folders of others."""
        folders: dict[str, list[str]] = {}
        for path in sorted(self._export.members):
            folder, _, file = path.removeprefix(root).rpartition("/")
            if path.startswith(root) and folder and _DAY.fullmatch(file):
                folders.setdefault(folder, []).append(path)
        channels = []
        for table, kind in _LISTS.items():
            for row in self._table(root, table):
                key, name = str(row.get("id", "")), str(row.get("name") or "")
                folder = name if name in folders else key
                kind = "private" if kind == "public" and row.get("is_private") else _LISTS[table]
                members = ", ".join(
                    people.get(str(member), str(member)) for member in row.get("members") or ()
                )
                label = f"#{name}" if kind != "direct" else members or name or key
                channels.append(_Channel(key or name, label, kind, folders.pop(folder, [])))
        return channels, sorted(folders)

    # ------------------------------------------------------------------ their days

    def _listed(self, channel: _Channel) -> Iterator[SourceFile | Failure]:
        root = f"slack:{self._name}/{channel.id}"
        messages, failed = self._messages(channel.files)
        yield from (Failure(root, f"{path.rpartition('/')[2]}: {reason}") for path, reason in failed.items())
        days: dict[str, list[Thread]] = {}
        for thread in threads_of(messages):
            days.setdefault(self._day(thread), []).append(thread)
        for day, threads in sorted(days.items()):
            uri, path = f"{root}/{day}", f"{channel.kind}/{safe_name(channel.label)}/{day}.html"
            files = sorted(set[str]().union(*(thread.files for thread in threads)))
            self._days[uri] = _Day(channel, day, files)
            data = page_of(f"{channel.label} {day}", threads, self._zone)
            if refused := size_refusal(len(data), self._limits):
                yield Failure(uri, refused, path)
                continue
            last = max(message.moment for thread in threads for message in thread.messages)
            mark = "sha256:" + hashlib.sha256(data).hexdigest()
            groups = self._groups.get(channel.kind)
            title = f"{channel.label} {day}"
            yield SourceFile(uri, f"{day}.html", path, len(data), last, mark, groups, title)

    def _page(self, day: _Day) -> bytes:
        """The page of a day, made again from the files that its messages are in."""
        messages, failed = self._messages(day.files)
        if failed:
            raise UnreadableFileError("; ".join(failed.values()))
        threads = [thread for thread in threads_of(messages) if self._day(thread) == day.day]
        return page_of(f"{day.channel.label} {day.day}", threads, self._zone)

    def _messages(self, files: Sequence[str]) -> tuple[Sequence[tuple[str, Message]], Mapping[str, str]]:
        """The messages of some files, each with its file, and why some could not be read."""
        found: list[tuple[str, Message]] = []
        failed: dict[str, str] = {}
        for path in files:
            try:
                rows = self._rows(path)
            except IngestError as error:
                failed[path] = error.message
                continue
            read = (read_message(row, self._names) for row in rows)
            found += [(path, message) for message in read if message is not None]
        return found, failed

    def _day(self, thread: Thread) -> str:
        """The day on which a thread began, even if its beginning is not in the files at hand."""
        return datetime.fromtimestamp(float(thread.messages[0].thread), self._zone).date().isoformat()


def _name_of(user: Mapping[str, Any]) -> str:
    profile = user.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    return str(next((name for name in names if name), user["id"]))
