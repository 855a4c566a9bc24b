"""Every kind of source, and what each takes."""

from __future__ import annotations

from ingest.access import AccessSource, Selection
from ingest.source import Source
from ingest.sources.confluence import ConfluenceOptions, ConfluenceSource
from ingest.sources.files import FilesOptions, FilesSource
from ingest.sources.folder import FolderSource, root_uri
from ingest.sources.git import GitSource
from ingest.sources.git_mirror import GitOptions
from ingest.sources.mail import MailSource
from ingest.sources.notion import NotionOptions, NotionSource
from ingest.sources.options import NoOptions, Options, read_options
from ingest.sources.slack import SlackOptions, SlackSource
from ingest.sources.web import WebSource
from ingest.sources.web_client import WebOptions
from rag.settings import Settings, SourceKind, SourceSettings

__all__ = ["OPTIONS", "open_source", "root_uri"]

OPTIONS: dict[SourceKind, type[Options]] = {
    "folder": NoOptions,
    "files": FilesOptions,
    "web": WebOptions,
    "git": GitOptions,
    "confluence": ConfluenceOptions,
    "notion": NotionOptions,
    "slack": SlackOptions,
    "mail": NoOptions,
}


def open_source(name: str, config: SourceSettings, settings: Settings) -> Source:
    """The source that ``config`` describes, its patterns and groups applied.

    Raises SettingsError for options and patterns that are wrong, MissingPackageError, MachineError. Nothing
    is reached yet.
    """
    selection = Selection(name, config)
    return AccessSource(name, _kind(name, config, settings, selection), selection)


def _kind(name: str, config: SourceSettings, settings: Settings, selection: Selection) -> Source:
    options = read_options(name, config.kind, OPTIONS[config.kind], config.options)
    location, limits, place = config.location, settings.ingest, settings.home / "sources" / name
    match options:
        case FilesOptions():
            return FilesSource(location, options, limits)
        case WebOptions():
            return WebSource(location, options, limits, place, selection.excluded)
        case GitOptions():
            return GitSource(location, options, limits, place, selection.takes)
        case ConfluenceOptions():
            return ConfluenceSource(name, location, options, limits)
        case NotionOptions():
            return NotionSource(name, location, options, limits)
        case SlackOptions():
            return SlackSource(name, location, options, limits)
    if config.kind == "mail":
        return MailSource(name, location, limits)
    return FolderSource(location, limits)
