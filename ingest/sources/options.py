"""What a kind of source takes beside its location: typed, each option with its meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.errors import SettingsError

__all__ = ["NoOptions", "Options", "Scrub", "hidden", "public_url", "read_options", "split_login", "words"]

Scalar = str | int | float | bool
Read = TypeVar("Read", bound="Options")
_SECRET = re.compile(r"pass|secret|token|key|credential|auth|sas|connection_string|cookie", re.IGNORECASE)
# what stands before the @ of an Azure container is its name
_USERINFO = re.compile(r"(?<=://)(?<!abfs://)(?<!abfss://)[^/@\s]*@")
_SIGNED = re.compile(r"\?[^\s:]*")
MASK = "********"


class Options(BaseModel):
    """Options of one kind; a subclass has a field for each."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class NoOptions(Options):
    """The kind takes none."""


def read_options(name: str, kind: str, model: type[Read], given: Mapping[str, Scalar]) -> Read:
    """The given options as ``model``. Raises SettingsError naming the option that is wrong."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        known = ", ".join(model.model_fields) or "none"
        reason = "is unknown" if first["type"] == "extra_forbidden" else f": {first['msg']}"
        raise SettingsError(
            f"Source {name}: option {option}{'' if reason.startswith(':') else ' '}{reason}.",
            f"Options of {kind}: {known}.",
        ) from error


def words(text: str) -> tuple[str, ...]:
    """An option that lists names, separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def public_url(location: str) -> str:
    """A location without the user, password and signed query that it may carry."""
    return _SIGNED.sub("", _USERINFO.sub("", location)) if "://" in location else location


def split_login(url: str) -> tuple[str, str, str]:
    """(address without a password, user name, password); the user of an ssh address stays in it."""
    found = _USERINFO.search(url)
    if found is None or (url.startswith("ssh://") and ":" not in found[0]):
        return url, "", ""
    name, _, password = found[0][:-1].partition(":")
    bare = _USERINFO.sub(f"{name}@" if url.startswith("ssh://") else "", url, count=1)
    return bare, unquote(name), unquote(password)


def hidden(options: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Options as they may be shown: what names a secret is masked."""
    return {name: MASK if _SECRET.search(name) and value else value for name, value in options.items()}


class Scrub:
    """Takes the secrets of one source out of the messages that libraries and programs write."""

    def __init__(self, location: str, options: Mapping[str, Scalar]) -> None:
        userinfo = [found[:-1] for found in _USERINFO.findall(location)]
        values = [str(value) for name, value in options.items() if _SECRET.search(name)]
        values += userinfo + [part for info in userinfo for part in info.split(":", 1)[1:]]
        values += [found[1:] for found in _SIGNED.findall(location)] if "://" in location else []
        self._secrets = sorted({value for value in values if len(value) > 2}, key=len, reverse=True)

    def __call__(self, message: object) -> str:
        """The message in one line of at most 300 characters, its secrets masked."""
        text = " ".join(str(message).split())
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _USERINFO.sub("", text)[:300]
