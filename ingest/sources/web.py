"""Web sites, by sitemap or by following links from a start page; see web_client.py for the manners."""

from __future__ import annotations

import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.options import Scrub
from ingest.sources.web_client import Answer, SiteClient, UnreachableError, WebOptions
from ingest.sources.web_page import Page, SitemapEntry, read_page, read_sitemap, seconds_of, to_utf8
from ingest.sources.web_site import Site, file_name, page_path, suffix_of
from ingest.sources.web_state import PageState, SiteState
from rag.errors import IngestError, SourceNotFoundError, SourceUnavailableError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["WebSource"]

_AWAY = 10
_GONE = (404, 410)
_SITEMAPS = 500
_TEXT = (".html", ".xhtml", ".txt", ".md", ".csv")


class WebSource:
    """The pages of one host and port. Every address is a page's URL in its canonical spelling.

    Pages whose content did not change are told by a hash of it, so that servers without validators cost a
    download but no parsing. What was downloaded while the links were read waits in a folder for fetch. Pages
    that want no index are left out; a page that answers 404 or 410 is gone; one that fails otherwise is a
    Failure, and the links that it had lead on. A site that is away, or whose robots.txt cannot be had, raises
    SourceUnavailableError.
    """

    def __init__(
        self,
        location: str,
        options: WebOptions,
        limits: IngestSettings,
        place: Path,
        excluded: Callable[[str], bool],
    ) -> None:
        """``place`` with the ending .json keeps the state, with .pages what waits. ``excluded`` paths are not
        even asked for. Raises SettingsError.
        """
        self._site = Site(location)
        self._options, self._limits, self._excluded = options, limits, excluded
        self._state_file = place.parent / f"{place.name}.json"
        self._waiting = place.parent / f"{place.name}.pages"
        self._state = SiteState()
        secrets = {"password": options.password, "token": options.token}
        self._client = SiteClient(
            self._site, options, int(limits.max_file_mb * 1e6), Scrub(location, secrets)
        )
        self._asked = self._away = 0
        self._listing = self._cut = False

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list. Raises SourceNotFoundError, SourceUnavailableError."""
        self._state = SiteState(self._state_file)
        self._listing = True
        shutil.rmtree(self._waiting, ignore_errors=True)  # of a sync that was killed
        self._waiting.mkdir(parents=True)
        self._asked = self._away = self._client.downloaded = 0
        self._cut, whole = False, False
        try:
            path = urlsplit(self._site.start).path.lower()
            named = path.endswith((".xml", ".xml.gz", ".txt"))
            if self._options.mode == "sitemap" or (self._options.mode == "auto" and named):
                yield from self._by_sitemap(known, [self._site.start] if named else self._sitemaps())
            else:
                yield from self._by_links(known)
            whole = True
        finally:
            self._state.save(whole=whole and not self._cut)

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        waiting = self._waits_at(file.uri)
        if waiting.exists():
            data = waiting.read_bytes()
            waiting.unlink()
            return Fetched(data, file.etag, file.modified)
        answer = self._client.get(file.uri)
        if answer.status != 200 or answer.suffix is None:
            raise UnreadableFileError(f"the server answers {answer.status}")
        data = _content(answer)
        if refused := size_refusal(len(data), self._limits):
            raise UnreadableFileError(refused)
        return Fetched(data, _mark(data), answer.modified)

    def close(self) -> None:
        """Close the connections and remove what waited."""
        self._client.close()
        if self._listing:
            shutil.rmtree(self._waiting, ignore_errors=True)

    # ------------------------------------------------------------------ which pages

    def _by_links(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        start, folder = self._site.start, "/"
        waiting = deque([(start, 0)])
        seen, listed = {start}, set[str]()
        while waiting:
            url, depth = waiting.popleft()
            if not self._allowed(url):
                if url == start:
                    raise _shut(self._site)
                continue
            if (stop := self._stop()) is not None:
                yield stop
                return
            final, page, failure = self._visit(url, known)
            if url == start:
                self._judge_start(page, failure)
                folder = "/" if self._options.scope == "host" else _folder(final)
            if failure is not None:
                yield failure
            if page is None or not urlsplit(final).path.startswith(folder):
                continue
            seen.add(final)
            if failure is None and final not in listed and page.kept:
                listed.add(final)
                yield self._file(final, page)
            if depth < self._options.depth:
                within = [link for link in page.links if urlsplit(link).path.startswith(folder)]
                waiting.extend((link, depth + 1) for link in within if link not in seen)
                seen.update(within)

    def _judge_start(self, page: PageState | None, failure: Failure | None) -> None:
        if failure is not None:
            raise SourceUnavailableError(
                f"the start page {self._site.start} cannot be read: {failure.error}.",
                "Check the address and the network.",
            )
        if page is None:
            raise SourceNotFoundError(f"the start page {self._site.start} is gone.", "Check the address.")

    def _sitemaps(self) -> Sequence[str]:
        """Those that robots.txt names, else the one at the usual place."""
        named = [self._site.canonical(url) for url in self._client.sitemaps]
        return [url for url in named if url] or [self._site.root + "/sitemap.xml"]

    def _by_sitemap(
        self, known: Mapping[str, Known], sitemaps: Sequence[str]
    ) -> Iterator[SourceFile | Failure]:
        listed = set[str]()
        for found in self._entries(sitemaps):
            if isinstance(found, Failure):
                yield found
                continue
            url = self._site.canonical(found.url)
            if url is None or url in listed or not self._allowed(url):
                continue
            listed.add(url)
            before = self._state.get(url)
            if before is not None and self._unchanged(found, before, known.get(url)):
                self._state.put(url, before)
                if before.kept:
                    yield self._file(url, before)
                continue
            if (stop := self._stop()) is not None:
                yield stop
                return
            final, page, failure = self._visit(url, known, found.modified)
            if failure is not None:
                yield failure
            elif page is not None and page.kept and (final == url or final not in listed):
                listed.add(final)
                yield self._file(final, page)

    def _unchanged(self, entry: SitemapEntry, before: PageState, known: Known | None) -> bool:
        """Does the sitemap say that a page is as it was, and do we have it?"""
        if not (self._options.trust_lastmod and entry.modified and entry.modified == before.lastmod):
            return False
        have = known is not None and known.etag == "sha256:" + before.sha256
        return have or not before.kept

    def _entries(self, sitemaps: Sequence[str]) -> Iterator[SitemapEntry | Failure]:
        """The pages that sitemaps name. One that cannot be read leaves everything else on the site there."""
        waiting, seen = deque(sitemaps), set(sitemaps)
        while waiting:
            url = waiting.popleft()
            try:
                answer = self._client.get(url, any_type=True)
                if answer.status != 200:
                    raise UnreadableFileError(f"the server answers {answer.status}")
                for entry in read_sitemap(answer.body, url):
                    nested = self._site.canonical(entry.url) if entry.nested else None
                    if not entry.nested:
                        yield entry
                    elif nested and nested not in seen and len(seen) < _SITEMAPS:
                        seen.add(nested)
                        waiting.append(nested)
            except IngestError as error:
                if url in sitemaps and len(sitemaps) == 1:
                    raise SourceUnavailableError(
                        f"the sitemap {url} cannot be read: {error.message}.", "Check the address."
                    ) from error
                yield Failure(self._site.root, f"the sitemap {url} cannot be read: {error.message}")

    def _allowed(self, url: str) -> bool:
        wanted = suffix_of(url, "?") is not None and not self._excluded(page_path(url))
        return wanted and self._client.allows(url)

    def _stop(self) -> Failure | None:
        """Has this sync taken what it may? Then whatever was not met counts as there."""
        if self._asked >= self._options.pages:
            reason = f"stopped after {self._options.pages} pages (option pages)"
        elif self._client.downloaded > self._options.max_mb * 1e6:
            reason = f"stopped after {self._options.max_mb:g} MB (option max_mb)"
        else:
            return None
        self._cut = True
        return Failure(self._site.root, reason)

    # ------------------------------------------------------------------ one page

    def _visit(
        self, url: str, known: Mapping[str, Known], lastmod: str = ""
    ) -> tuple[str, PageState | None, Failure | None]:
        """Ask for a page: (its address after redirects, what it is now or was, why it could not be read)."""
        self._asked += 1
        try:
            answer = self._client.get(url, lambda one: self._validators(one, known))
        except IngestError as error:
            self._away = self._away + 1 if isinstance(error, UnreachableError) else 0
            if self._away >= _AWAY:
                raise SourceUnavailableError(
                    f"{self._site.root} does not answer any more: {error.message}.",
                    "Check the network; the next sync tries again.",
                ) from error
            return url, self._state.keep(url), Failure(url, error.message, page_path(url))
        self._away = 0
        final = answer.url
        if answer.status == 304 and (before := self._state.get(final)) is not None:
            page = before.model_copy(update={"lastmod": lastmod})
        elif answer.status in _GONE:
            return final, None, None
        elif answer.status != 200:
            reason = f"the server answers {answer.status}"
            return final, self._state.keep(final), Failure(url, reason, page_path(url))
        else:
            page = self._read(answer, lastmod, known)
        self._state.put(final, page)
        if final != url:  # should it fail next time, what it led to is still met
            self._state.put(url, PageState(links=(final,)))
        return final, page, None

    def _validators(self, url: str, known: Mapping[str, Known]) -> Mapping[str, str]:
        """Headers that ask for a page only if it changed, when we have all that it was."""
        before = self._state.get(url)
        if before is None:
            return {}
        if before.kept and (url not in known or known[url].etag != "sha256:" + before.sha256):
            return {}
        headers = {"If-None-Match": before.etag, "If-Modified-Since": before.last_modified}
        return {name: value for name, value in headers.items() if value}

    def _read(self, answer: Answer, lastmod: str, known: Mapping[str, Known]) -> PageState:
        """What a page is now; its content waits for fetch unless it is known."""
        if answer.suffix is None or not answer.body:
            return PageState(etag=answer.etag, last_modified=answer.last_modified, lastmod=lastmod)
        data = _content(answer)
        page = Page()
        if answer.suffix in (".html", ".xhtml"):
            page = read_page(data, answer.robots, self._options.user_agent)
        elif "noindex" in answer.robots.lower() or "none" in answer.robots.lower():
            page = Page(index=False)
        links = [self._site.canonical(link, urljoin(answer.url, page.base)) for link in page.links]
        canonical = self._site.canonical(page.canonical, answer.url) if page.canonical else None
        # a canonical link is believed only where it says that a query makes no other page
        alias = canonical and canonical != answer.url and _bare(canonical) == _bare(answer.url)
        mark, before = _mark(data), self._state.get(answer.url)
        modified = answer.modified or seconds_of(lastmod)
        if before is not None and "sha256:" + before.sha256 == mark:
            modified = before.modified  # some servers say "now"
        if page.index and not alias and (answer.url not in known or known[answer.url].etag != mark):
            self._waits_at(answer.url).write_bytes(data)
        return PageState(
            etag=answer.etag,
            last_modified=answer.last_modified,
            lastmod=lastmod,
            sha256=mark.partition(":")[2],
            size=len(data),
            modified=modified,
            suffix=answer.suffix,
            index=page.index and not alias,
            links=tuple(dict.fromkeys(link for link in (canonical if alias else None, *links) if link)),
        )

    def _file(self, url: str, page: PageState) -> SourceFile:
        return SourceFile(
            uri=url,
            name=file_name(url, page.suffix),
            path=page_path(url),
            size=page.size,
            modified=page.modified,
            etag="sha256:" + page.sha256,
        )

    def _waits_at(self, url: str) -> Path:
        return self._waiting / hashlib.sha256(url.encode()).hexdigest()


def _shut(site: Site) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"robots.txt of {site.root} does not let us read the start page.",
        "Ask its owner to allow the name in the option user_agent, or choose another start page.",
    )


def _content(answer: Answer) -> bytes:
    return to_utf8(answer.body, answer.charset) if answer.suffix in _TEXT else answer.body


def _mark(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _bare(url: str) -> str:
    return url.partition("?")[0].removesuffix("/")


def _folder(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[0] + "/"
