"""Requests to one web site, politely: robots.txt, pauses, limits, and never to another host."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpx
from protego import Protego
from pydantic import Field

from ingest.sources.options import Options, Scrub, public_url
from ingest.sources.web_site import Site, suffix_of
from rag.errors import SourceUnavailableError, TooLargeError, UnreadableFileError

__all__ = ["Answer", "SiteClient", "UnreachableError", "WebOptions"]

log = logging.getLogger(__name__)

Validators = Callable[[str], Mapping[str, str]]

_REDIRECTS = 5
_MAX_ROBOTS = 512_000  # RFC 9309 asks for at least 500 KiB
_MAX_DELAY_S = 30.0
_MAX_RETRY_AFTER_S = 60.0
_ATTEMPTS = 2
# A response that trickles in may take this many timeouts in all
_PATIENCE = 10


class WebOptions(Options):
    """How a web site is read."""

    mode: str = Field(
        "auto",
        pattern="^(auto|crawl|sitemap)$",
        description="crawl follows links from the start page, sitemap takes what sitemap.xml names; "
        "auto takes a location that ends in .xml, .xml.gz or .txt for a sitemap.",
    )
    scope: str = Field(
        "folder",
        pattern="^(folder|host)$",
        description="A crawl stays below the folder of its start page, or takes the whole host.",
    )
    pages: int = Field(2000, ge=1, description="Pages that one sync asks for at most.")
    depth: int = Field(20, ge=0, description="Links from the start page to a page at most.")
    max_mb: float = Field(2000, gt=0, description="Megabytes that one sync downloads at most.")
    delay_s: float = Field(0.5, ge=0, description="Pause between two requests; robots.txt may ask for more.")
    timeout_s: float = Field(20, gt=0, description="Seconds without an answer after which a page has failed.")
    trust_lastmod: bool = Field(
        True, description="Do not ask again for pages whose <lastmod> in the sitemap has not changed."
    )
    user_agent: str = Field(
        "Citewell", min_length=1, description="Name given to the site and its robots.txt."
    )
    username: str = Field("", description="User name of the site (HTTP basic authentication).")
    password: str = Field("", description="Password of the site.")
    token: str = Field("", description="Token sent as Authorization: Bearer.")


class UnreachableError(UnreadableFileError):
    """The site did not answer at all; many of these in a row mean that it is away."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``url`` is where it came from in the end; ``body`` is empty unless ``status`` is 200
    and ``suffix`` names a kind of document.
    """

    url: str
    status: int
    suffix: str | None = None
    charset: str = ""
    etag: str = ""
    last_modified: str = ""
    robots: str = ""
    body: bytes = field(default=b"", repr=False)

    @property
    def modified(self) -> float | None:
        """Last-Modified in seconds since the epoch."""
        try:
            return parsedate_to_datetime(self.last_modified).timestamp()
        except (ValueError, OverflowError):
            return None


class SiteClient:
    """A connection to one host and port.

    Redirects to another host are refused. A host that answers from a public address when it is first asked
    is not followed to a private one later (DNS rebinding); one that has a private address from the start is a
    company's own and is read as it is. Behind a proxy the proxy decides. Safe to use from several threads.
    """

    def __init__(self, site: Site, options: WebOptions, max_bytes: int, scrub: Scrub) -> None:
        self._site, self._options, self._max_bytes, self._scrub = site, options, max_bytes, scrub
        user, password = options.username or site.username, options.password or site.password
        headers = {"User-Agent": options.user_agent, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        if options.token:
            headers["Authorization"] = f"Bearer {options.token}"
        self._http = httpx.Client(
            headers=headers, timeout=options.timeout_s, auth=(user, password) if user else None
        )
        self._robots: Protego | None = None
        self._delay = options.delay_s
        self._last = 0.0
        self._turn = threading.Lock()
        self._guarded: bool | None = None
        self.downloaded = 0

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def sitemaps(self) -> list[str]:
        """Sitemaps that robots.txt names."""
        return list(self._rules().sitemaps)

    def allows(self, url: str) -> bool:
        """Does robots.txt let us read a page? Raises SourceUnavailableError when it cannot be had."""
        return self._rules().can_fetch(url, self._options.user_agent)

    def get(self, url: str, validators: Validators = lambda _: {}, *, any_type: bool = False) -> Answer:
        """Ask for a page; ``validators`` gives the headers of a conditional request for an address.

        Raises UnreachableError, UnreadableFileError for what the site refuses or fails at, TooLargeError.
        """
        for _ in range(_REDIRECTS + 1):
            answer = self._patiently(url, validators(url), any_type)
            if isinstance(answer, Answer):
                return answer
            target = self._site.canonical(answer, url)
            if target is None:
                shown = public_url(urljoin(url, answer))[:200]
                raise UnreadableFileError(f"it redirects to {shown}, but only {self._site.root} is read")
            if not any_type and not self.allows(target):
                raise UnreadableFileError("it redirects to a page that robots.txt does not let us read")
            url = target
        raise UnreadableFileError(f"it redirects more than {_REDIRECTS} times")

    def _patiently(self, url: str, headers: Mapping[str, str], any_type: bool) -> Answer | str:
        """One request, repeated once when the site is busy or the connection breaks."""
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            self._pause()
            try:
                return self._ask(url, headers, any_type)
            except _BusyError as busy:
                if last or not 0 <= busy.wait_s <= _MAX_RETRY_AFTER_S:
                    raise UnreadableFileError(f"the server answers {busy.status}") from None
                time.sleep(busy.wait_s or self._delay)
            except httpx.TimeoutException as error:
                if last:
                    text = f"no answer within {self._options.timeout_s:g} s"
                    raise UnreachableError(text) from error
            except httpx.TransportError as error:
                if last:
                    raise UnreachableError(f"no connection: {self._scrub(error)}") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise UnreadableFileError(f"cannot be fetched: {self._scrub(error)}") from error
        raise AssertionError

    def _ask(self, url: str, headers: Mapping[str, str], any_type: bool) -> Answer | str:
        """The answer, or the address that it redirects to."""
        self._look_up()
        with self._http.stream("GET", url, headers=dict(headers)) as response:
            self._check_address(response)
            status = response.status_code
            if status in (301, 302, 303, 307, 308) and "location" in response.headers:
                return response.headers["location"]
            if status == 429 or status >= 500:
                raise _BusyError(status, response.headers.get("retry-after", ""))
            kind = Message()
            kind["Content-Type"] = response.headers.get("content-type", "")
            content_type = kind.get_content_type() if kind["Content-Type"] else ""
            suffix = "" if any_type else suffix_of(url, content_type)
            wanted = status == 200 and suffix is not None
            return Answer(
                url,
                status,
                suffix,
                str(kind.get_param("charset", "")),
                response.headers.get("etag", ""),
                response.headers.get("last-modified", ""),
                response.headers.get("x-robots-tag", ""),
                self._body(response) if wanted else b"",
            )

    def _body(self, response: httpx.Response) -> bytes:
        deadline = time.monotonic() + _PATIENCE * self._options.timeout_s
        parts, size = [], 0
        for part in response.iter_bytes(1 << 16):
            parts.append(part)
            size += len(part)
            self.downloaded += len(part)
            if size > self._max_bytes:
                raise TooLargeError(f"over {self._max_bytes / 1e6:g} MB (setting ingest.max_file_mb)")
            if time.monotonic() > deadline:
                raise UnreadableFileError(f"not whole after {_PATIENCE * self._options.timeout_s:g} s")
        return b"".join(parts)

    def _pause(self) -> None:
        """Wait for the next request's turn, whichever thread it is for."""
        with self._turn:
            time.sleep(max(0.0, self._last + self._delay - time.monotonic()))
            self._last = time.monotonic()

    def _rules(self) -> Protego:
        """robots.txt, read once. RFC 9309: without one all is allowed, with an unreachable one nothing."""
        if self._robots is None:
            try:
                answer = self.get(self._site.root + "/robots.txt", any_type=True)
            except UnreadableFileError as error:
                raise SourceUnavailableError(
                    f"{self._site.root} cannot be read now: robots.txt: {error.message}.",
                    "Check the address and the network; the next sync tries again.",
                ) from error
            text = answer.body[:_MAX_ROBOTS].decode("utf-8", "replace") if answer.status == 200 else ""
            self._robots = Protego.parse(text)
            asked = self._robots.crawl_delay(self._options.user_agent) or 0.0
            self._delay = max(self._options.delay_s, min(float(asked), _MAX_DELAY_S))
        return self._robots

    def _look_up(self) -> None:
        """Learn at the first request whether the site has a public address."""
        if self._guarded is not None:
            return
        proxy = self._site.scheme in urllib.request.getproxies()
        if proxy and not urllib.request.proxy_bypass(self._site.host):
            self._guarded = False
            return
        try:
            found = socket.getaddrinfo(self._site.host, self._site.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise UnreachableError(f"{self._site.host} is not found: {error.strerror or error}") from error
        self._guarded = all(_is_public(str(address[4][0])) for address in found)

    def _check_address(self, response: httpx.Response) -> None:
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if self._guarded and stream is not None else None
        if peer and not _is_public(str(peer[0])):
            raise UnreadableFileError("the public name now leads to a private address, which is not followed")


class _BusyError(Exception):
    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(status)
        self.status = status
        try:
            self.wait_s = float(retry_after or 0)
        except ValueError:
            # a date: not worth a clock comparison for one more try
            self.wait_s = 0.0


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return True
