"""Settings of one source; see rag.settings for where they come from."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["GroupRule", "Section", "SourceKind", "SourceSettings"]

SourceKind = Literal["folder", "files", "web", "git", "confluence", "notion", "slack", "mail"]


class Section(BaseModel):
    """A part of the tree of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GroupRule(Section):
    """Who may read the files of a source that match a pattern."""

    pattern: str = Field(
        description="Path below the source's location, with * ? [] and ** (gitignore style)."
    )
    groups: tuple[str, ...] = Field(description="Groups that may read them; empty: everyone.")


class SourceSettings(Section):
    """One place that documents come from, as ``[sources.NAME]`` or added by `citewell source add`."""

    kind: SourceKind = Field(
        "folder",
        description="folder (also a file or a glob), files (any fsspec URL: s3, gcs, az, sftp, smb, http), "
        "web, git, or an export archive: confluence, notion, slack, mail.",
    )
    location: str = Field(min_length=1, description="Path or URL; of a web site its start page or sitemap.")
    collection: str = Field("default", min_length=1, description="Collection that its documents belong to.")
    groups: tuple[str, ...] = Field((), description="Groups that may read its documents; empty: everyone.")
    rules: tuple[GroupRule, ...] = Field(
        (), description="Exceptions to groups by path; the last rule that matches decides."
    )
    include: tuple[str, ...] = Field((), description="Only paths that match one of these patterns.")
    exclude: tuple[str, ...] = Field((), description="No paths that match one of these patterns.")
    schedule: str = Field("", description="Cron expression of its syncs (minute hour day month weekday).")
    options: dict[str, str | int | float | bool] = Field(
        {}, description="What else the kind takes; `citewell source add --help` lists it."
    )
