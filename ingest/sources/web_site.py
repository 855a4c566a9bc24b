"""Addresses of one web site: which belong to it, in one spelling each, and what they are called here."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urljoin, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

from ingest.sources.names import printable
from rag.errors import SettingsError

__all__ = ["Site", "file_name", "page_path", "suffix_of"]

_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2000
# Parameters that say where a reader came from, or who he is; never which page this is
_TRACKING = re.compile(
    r"utm_.*|_ga|_gl|gclid|dclid|fbclid|msclkid|yclid|twclid|igshid|mc_[ce]id|mkt_tok|_hs(?:enc|mi)|hsctatracking"
    r"|vero_id|wickedid|spm|scm|pk_.*|mtm_.*|matomo_.*"
    r"|phpsessid|jsessionid|sessionid|session_id|aspsessionid.*|cfid|cftoken|zenid|oscsid",
    re.IGNORECASE,
)
_SESSION_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;?]*", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{24,}", re.IGNORECASE)
# Types that a parser reads, each with the ending that it is known by
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/rtf": ".rtf",
    "application/rtf": ".rtf",
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/epub+zip": ".epub",
    "message/rfc822": ".eml",
}
_KNOWN = frozenset(_SUFFIXES.values()) | {".htm", ".markdown", ".tsv", ".text", ".log", ".rst"}
_UNTYPED = ("", "application/octet-stream", "binary/octet-stream", "application/x-download")
# Endings of what is certainly no document, not even asked for
_OTHER = frozenset(
    ".png .jpg .jpeg .gif .webp .avif .svg .ico .bmp .tif .tiff .css .js .mjs .map .json .xml .rss .atom "
    ".woff .woff2 .ttf .otf .eot .mp3 .mp4 .m4a .m4v .mov .avi .mkv .webm .ogg .ogv .wav .flac "
    ".zip .tar .gz .tgz .bz2 .xz .7z .rar .exe .msi .dmg .pkg .deb .rpm .apk .iso .img .jar .war .whl "
    ".wasm .so .dll .ics .vcf .torrent".split()
)


class Site:
    """The one host and port of a start address. Plain http links of an https site are taken as https."""

    def __init__(self, start: str) -> None:
        """Raises SettingsError when ``start`` is no http(s) address."""
        parts = urlsplit(start.strip())
        try:
            valid = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise SettingsError(f"{start} is no web address.", "Write it as https://host/path.")
        self.username, self.password = unquote(parts.username or ""), unquote(parts.password or "")
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        first = urlsplit(canonicalize_url(bare))
        self.scheme, self.host = first.scheme, first.hostname or ""
        self.port = first.port or _PORTS[self.scheme]
        found = self.canonical(bare)
        assert found is not None
        self.start = found
        self.root = self.start.removesuffix("/") if first.path in ("", "/") and not first.query else ""
        self.root = self.root or urlunsplit((self.scheme, urlsplit(self.start).netloc, "", "", ""))

    def canonical(self, link: str, base: str = "") -> str | None:
        """A link in the one spelling that names its page for ever; None when it leads elsewhere.

        Fragments, parameters of tracking and of sessions are dropped, the others sorted.
        """
        try:
            link = link.strip()
            joined = urljoin(base, link) if base else link
            if len(joined) > _MAX_URL or not joined.lower().startswith(("http:", "https:")):
                return None
            parts = urlsplit(canonicalize_url(joined))
            if not self._admits(parts):
                return None
        except ValueError:
            return None
        query = urlencode(
            [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _is_noise(*pair)]
        )
        host = f"[{self.host}]" if ":" in self.host else self.host
        netloc = host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"
        path = _SESSION_IN_PATH.sub("", parts.path) or "/"
        return urlunsplit((self.scheme, netloc, path, query, ""))

    def _admits(self, parts: SplitResult) -> bool:
        port = parts.port or _PORTS[parts.scheme]
        same = parts.scheme == self.scheme and port == self.port
        secure = self.scheme == "https" and self.port == 443 and parts.scheme == "http" and port == 80
        return parts.hostname == self.host and (same or secure)


def _is_noise(name: str, value: str) -> bool:
    return bool(_TRACKING.fullmatch(name)) or (name.lower() in ("sid", "s") and bool(_HASH.fullmatch(value)))


def page_path(url: str) -> str:
    """Where a page lies below the root of its host, as patterns are matched against it."""
    parts = urlsplit(url)
    path = printable(unquote(parts.path)).lstrip("/")
    path = path + "index.html" if not path or path.endswith("/") else path
    return f"{path}?{unquote(parts.query)}" if parts.query else path


def suffix_of(url: str, content_type: str) -> str | None:
    """The ending that tells parsers what a response is; None when it is nothing that they read.

    With the type "?" only the address is judged, before anything is asked for.
    """
    ending = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    if content_type == "?":
        return None if ending in _OTHER else ending
    if content_type in _UNTYPED:
        return ending if ending in _KNOWN else None
    usual = _SUFFIXES.get(content_type)
    if usual == ".txt" and ending in _KNOWN and not ending.startswith((".htm", ".xhtm")):
        return ending
    return usual


def file_name(url: str, suffix: str) -> str:
    """A page's name as a file, with the ending ``suffix``."""
    name = page_path(url).partition("?")[0].rpartition("/")[2] or "index"
    return name if name.lower().endswith((suffix, ".htm")) else name + suffix
