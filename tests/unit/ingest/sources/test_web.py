import gzip
import socket
import threading
import types

import httpx
import pytest

from ingest.source import Failure, Known, SourceFile
from ingest.sources import open_source, web_client
from ingest.sources.web import WebSource
from ingest.sources.web_client import SiteClient, WebOptions
from ingest.sources.web_site import Site
from rag.errors import (
    SettingsError,
    SourceNotFoundError,
    SourceUnavailableError,
    TooLargeError,
    UnreadableFileError,
)
from rag.settings import IngestSettings, Settings, SourceSettings

HTML = {"Content-Type": "text/html; charset=utf-8"}


def page(*links, title="", text="text", head="", headers=None):
    anchors = " ".join(f'<a href="{link}">x</a>' for link in links)
    body = f"<html><head><title>{title}</title>{head}</head><body><p>{text}</p>{anchors}</body></html>"
    return 200, {**HTML, **(headers or {})}, body.encode()


class Syncs:
    """A web source of which each sync begins as in a new process, with what the last one left."""

    def __init__(self, tmp_path):
        self.place = tmp_path / "sources" / "site"
        self.known = {}

    def __call__(self, location, *, excluded=lambda path: False, limits=None, fetch=True, **options):
        options = WebOptions(**{"delay_s": 0, "timeout_s": 5, **options})
        source = WebSource(location, options, limits or IngestSettings(), self.place, excluded)
        self.failures, self.files, self.data = [], {}, {}
        try:
            for found in source.list(self.known):
                if isinstance(found, Failure):
                    self.failures.append(found)
                else:
                    assert isinstance(found, SourceFile)
                    assert found.uri not in self.files
                    self.files[found.uri] = found
            for uri, file in self.files.items() if fetch else ():
                if uri not in self.known or self.known[uri].etag != file.etag:
                    self.data[uri] = source.fetch(file).data
        finally:
            source.close()
        assert not self.place.with_name("site.pages").exists()
        self.known = {uri: Known(one.size, one.modified, one.etag) for uri, one in self.files.items()}
        return {uri.partition("//")[2].partition("/")[2] for uri in self.files}


@pytest.fixture
def sync(tmp_path):
    return Syncs(tmp_path)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_a_crawl_follows_links_on_its_host_only(http, sync):
    http.pages = {
        "/": page("/a", "b/", "http://other.example/x", "mailto:me@x.example", "/pic.png", "#top"),
        "/a": page("/", "/a?utm_source=x&id=2", "javascript:x()", "//127.0.0.1:1/y", title="A"),
        "/a?id=2": page("b/../c.pdf?sessionid=1234"),
        "/b/": page("/%E6%96%87%E6%A1%A3", f"{http.url}/a#part"),
        "/c.pdf": (200, {"Content-Type": "application/pdf"}, b"%PDF-1.4"),
        "/%E6%96%87%E6%A1%A3": page(text="中文"),
    }
    assert sync(http.url) == {"", "a", "a?id=2", "b/", "c.pdf", "%E6%96%87%E6%A1%A3"}
    assert sync.failures == []
    assert [(file.name, file.path) for file in sync.files.values()] == [
        ("index.html", "index.html"),
        ("a.html", "a"),
        ("index.html", "b/index.html"),
        ("a.html", "a?id=2"),
        ("文档.html", "文档"),
        ("c.pdf", "c.pdf"),
    ]
    assert sync.data[f"{http.url}/c.pdf"] == b"%PDF-1.4"
    assert "<p>中文</p>" in sync.data[f"{http.url}/%E6%96%87%E6%A1%A3"].decode("utf-8-sig")
    assert len(http.paths()) == 6
    assert {headers["User-Agent"] for _, _, headers in http.asked} == {"Citewell"}


def test_a_crawl_stays_below_its_start_page(http, sync):
    http.pages = {
        "/docs": (301, {"Location": "/docs/"}, b""),
        "/docs/": page("a", "/other", "../docs/b", "/docsx"),
        "/docs/a": page(),
        "/docs/b": page(),
        "/other": page(),
        "/docsx": page(),
    }
    assert sync(f"{http.url}/docs") == {"docs/", "docs/a", "docs/b"}
    assert sync(f"{http.url}/docs", scope="host") == {"docs/", "docs/a", "docs/b", "other", "docsx"}


def test_unchanged_pages_do_not_come_again_and_their_links_are_known(http, sync):
    def unless(mark, links, header="ETag"):
        asked = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[header]

        def answer(headers):
            same = headers.get(asked) == mark
            return (304, {header: mark}, b"") if same else page(*links, headers={header: mark})

        return answer

    date = "Sat, 03 Feb 2024 04:05:06 GMT"
    http.pages = {
        "/": unless('"1"', ["/a"]),
        "/a": unless(date, ["/b"], "Last-Modified"),
        "/b": page(text="b"),
    }
    assert sync(http.url) == {"", "a", "b"}
    first = dict(sync.files)
    assert first[f"{http.url}/a"].modified == 1706933106.0
    assert len(sync.data) == 3
    assert sync(http.url) == {"", "a", "b"}
    assert sync.files == first
    assert sync.data == {}
    http.pages["/a"] = page("/c", text="new")
    http.pages["/c"] = page(text="c")
    del http.pages["/b"]
    assert sync(http.url) == {"", "a", "c"}
    assert set(sync.data) == {f"{http.url}/a", f"{http.url}/c"}
    # what was never stored is fetched whole, whatever the validators say
    sync.known = {}
    assert sync(http.url) == {"", "a", "c"}
    assert len(sync.data) == 3


def test_pages_that_are_gone_and_pages_that_fail(http, sync):
    http.pages = {
        "/": page("/gone", "/fails", "/old"),
        "/gone": page(),
        "/fails": page("/below"),
        "/old": page(),
    }
    http.pages["/below"] = page("/deep")
    http.pages["/deep"] = page()
    assert sync(http.url) == {"", "gone", "fails", "below", "deep", "old"}
    http.pages["/gone"] = (410, {}, b"")
    http.pages["/fails"] = (503, {}, b"busy")
    del http.pages["/old"]
    assert sync(http.url) == {"", "below", "deep"}
    assert sync.failures == [Failure(f"{http.url}/fails", "the server answers 503")]
    # the state of a page that fails outlives the failing sync
    assert sync(http.url) == {"", "below", "deep"}
    http.pages["/fails"] = page("/below")
    assert sync(http.url) == {"", "fails", "below", "deep"}


def test_what_a_redirect_led_to_is_met_even_if_the_redirect_fails(http, sync):
    http.pages = {"/": page("/a"), "/a": (302, {"Location": "/b"}, b""), "/b": page()}
    assert sync(http.url) == {"", "b"}
    http.pages["/a"] = (500, {}, b"")
    assert sync(http.url) == {"", "b"}


def test_robots_txt_is_obeyed(http, sync):
    http.pages = {
        "/robots.txt": (200, {}, b"User-agent: *\nDisallow: /private\nUser-agent: Citewell\nDisallow: /no"),
        "/": page("/private", "/no", "/a", "/to-no"),
        "/private": page(),
        "/a": page(),
        "/to-no": (302, {"Location": "/no"}, b""),
    }
    assert sync(http.url) == {"", "private", "a"}
    assert sync.failures == [
        Failure(f"{http.url}/to-no", "it redirects to a page that robots.txt does not let us read")
    ]
    assert "/no" not in http.paths()
    assert sync(http.url, user_agent="Other/1.0") == {"", "a"}
    http.pages["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /")
    with pytest.raises(
        SourceUnavailableError, match=r"robots\.txt of .* does not let us read the start page"
    ):
        sync(http.url)
    http.pages["/robots.txt"] = (503, {}, b"")
    with pytest.raises(SourceUnavailableError, match=r"robots\.txt: the server answers 503"):
        sync(http.url)


def test_the_pause_between_requests(http, monkeypatch):
    clock = [100.0]
    slept = []
    monkeypatch.setattr(web_client.time, "monotonic", lambda: clock[0])

    def sleep(seconds):
        slept.append(round(seconds, 3))
        clock[0] += seconds

    monkeypatch.setattr(web_client.time, "sleep", sleep)
    http.pages = {"/robots.txt": (200, {}, b"User-agent: *\nCrawl-delay: 3"), "/": page()}
    site = Site(http.url)
    client = SiteClient(site, WebOptions(delay_s=1), 10**6, str)
    assert client.allows(site.start)
    client.get(site.start)
    clock[0] += 2
    client.get(site.start)
    client.close()
    assert slept == [0.0, 3.0, 1.0]


def test_noindex_and_nofollow(http, sync):
    http.pages = {
        "/": page("/meta", "/header", "/nofollow", "/pdf"),
        "/meta": page("/a", head='<meta name="Robots" content="NOINDEX">'),
        "/header": page("/b", headers={"X-Robots-Tag": "noindex, nofollow"}),
        "/nofollow": page("/c", head='<meta name="citewell" content="nofollow">'),
        "/pdf": (200, {"Content-Type": "application/pdf", "X-Robots-Tag": "none"}, b"%PDF-"),
        "/a": page(),
        "/b": page(),
        "/c": page(),
    }
    http.pages["/a"] = (200, HTML, b'<base href="/d/"><a href="e">x</a><a rel="nofollow" href="f">x</a>')
    http.pages["/d/e"] = page()
    http.pages["/d/f"] = page()
    assert sync(http.url) == {"", "nofollow", "a", "d/e"}


def test_one_page_under_several_addresses_comes_once(http, sync):
    def canonical(path):
        return f'<link rel="canonical" href="{path}">'

    http.pages = {
        "/": page("/a?print=1", "/b", "/;jsessionid=9", "/?fbclid=3", "/moved"),
        "/a?print=1": page(head=canonical("/a")),
        "/a": page(head=canonical("/a")),
        "/b": page(head=canonical("/")),
        "/moved": (301, {"Location": "/b"}, b""),
    }
    assert sync(http.url) == {"", "a", "b"}


def test_redirects_stay_on_the_host(http, sync):
    http.pages = {
        "/": page("/out", "/loop", "/a"),
        "/out": (302, {"Location": "http://user:pw@169.254.169.254/latest/meta-data?x=1"}, b""),
        "/loop": (302, {"Location": "/loop"}, b""),
        "/a": page(),
    }
    assert sync(http.url) == {"", "a"}
    assert sync.failures == [
        Failure(
            f"{http.url}/out",
            f"it redirects to http://169.254.169.254/latest/meta-data, but only {http.url} is read",
        ),
        Failure(f"{http.url}/loop", "it redirects more than 5 times"),
    ]
    http.pages["/"] = (302, {"Location": "https://elsewhere.example/"}, b"")
    with pytest.raises(
        SourceUnavailableError, match=r"it redirects to https://elsewhere\.example/, but only"
    ):
        sync(http.url)


def test_limits_leave_the_rest_there(http, sync):
    http.pages = {"/": page(*(f"/{n}" for n in range(6)))} | {
        f"/{n}": page(text="x" * 3000) for n in range(6)
    }
    assert sync(http.url, pages=3) == {"", "0", "1"}
    assert sync.failures == [Failure(http.url, "stopped after 3 pages (option pages)")]
    assert len(http.paths()) == 3
    assert sync(http.url, max_mb=0.004) == {"", "0", "1"}
    assert sync.failures == [Failure(http.url, "stopped after 0.004 MB (option max_mb)")]
    assert sync(http.url, depth=0) == {""}
    assert sync.failures == []


def test_a_page_that_is_too_large_is_a_failure(http, sync):
    http.pages = {"/": page("/big", "/bomb"), "/big": page(text="x" * 20_000)}
    packed = gzip.compress(b"x" * 5_000_000)
    http.pages["/bomb"] = (200, {**HTML, "Content-Encoding": "gzip"}, packed)
    assert sync(http.url, limits=IngestSettings(max_file_mb=0.01)) == {""}
    assert [failure.error for failure in sync.failures] == ["over 0.01 MB (setting ingest.max_file_mb)"] * 2
    source = WebSource(http.url, WebOptions(delay_s=0), IngestSettings(max_file_mb=0.01), sync.place, bool)
    with pytest.raises(TooLargeError):
        source.fetch(SourceFile(f"{http.url}/big", "big.html"))
    with pytest.raises(UnreadableFileError, match="the server answers 404"):
        source.fetch(SourceFile(f"{http.url}/none", "none.html"))
    source.close()


def test_types_that_no_parser_reads_are_left_out(http, sync):
    http.pages = {
        "/": page("/video", "/data", "/manual.docx", "/notes.md", "/feed"),
        "/video": (200, {"Content-Type": "video/mp4"}, b"x"),
        "/data": (200, {"Content-Type": "application/octet-stream"}, b"x"),
        "/manual.docx": (200, {"Content-Type": "application/octet-stream"}, b"PK"),
        "/notes.md": (200, {"Content-Type": "text/plain"}, b"# x"),
        "/feed": (200, {"Content-Type": "application/rss+xml"}, b"<rss/>"),
    }
    assert sync(http.url) == {"", "manual.docx", "notes.md"}
    assert [file.name for file in sync.files.values()] == ["index.html", "manual.docx", "notes.md"]


def test_the_charset_of_the_response_is_believed(http, sync):
    text = "<html><meta charset=utf-8><p>规章制度</p><a href='/日本'>x</a></html>"
    http.pages = {
        "/": (200, {"Content-Type": "text/html; charset=GB2312"}, text.encode("gb18030")),
        "/%E6%97%A5%E6%9C%AC": (200, {"Content-Type": "text/html; charset=utf-8"}, b"<p>\xff</p>"),
    }
    assert sync(http.url) == {"", "%E6%97%A5%E6%9C%AC"}
    assert "规章制度" in sync.data[f"{http.url}/"].decode("utf-8-sig")
    assert sync.data[f"{http.url}/%E6%97%A5%E6%9C%AC"] == b"<p>\xff</p>"


def sitemap(*entries, kind="url"):
    inner = "".join(
        f"<{kind}><loc>{loc}</loc>{f'<lastmod>{lastmod}</lastmod>' if lastmod else ''}</{kind}>"
        for loc, lastmod in entries
    )
    name = {"url": "urlset", "sitemap": "sitemapindex"}[kind]
    return (
        f'<?xml version="1.0"?><{name} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</{name}>'
    )


def test_a_sitemap_with_an_index_gzip_and_lastmod(http, sync):
    xml = {"Content-Type": "application/xml"}
    index = sitemap((f"{http.url}/one.xml.gz", ""), (f"{http.url}/two.txt", ""), kind="sitemap")
    http.pages = {
        "/sitemap.xml": (200, xml, index.encode()),
        "/one.xml.gz": (
            200,
            {"Content-Type": "application/gzip"},
            gzip.compress(
                sitemap(
                    (f"{http.url}/a", "2024-02-03"),
                    (f"{http.url}/b?x=1&amp;y=2", "2024-02-03T04:05:06+00:00"),
                    ("http://other.example/c", ""),
                ).encode()
            ),
        ),
        "/two.txt": (200, {}, f"{http.url}/d\n\n{http.url}/a\n".encode()),
        "/a": page(text="a"),
        "/b?x=1&y=2": page(text="b"),
        "/d": page(text="d"),
    }
    assert sync(f"{http.url}/sitemap.xml") == {"a", "b?x=1&y=2", "d"}
    assert [file.modified for file in sync.files.values()] == [1706918400.0, 1706933106.0, None]
    first = dict(sync.files)
    http.asked.clear()
    assert sync(f"{http.url}/sitemap.xml") == {"a", "b?x=1&y=2", "d"}
    assert sync.files == first
    assert http.paths() == ["/sitemap.xml", "/one.xml.gz", "/two.txt", "/d"]
    http.asked.clear()
    sync(f"{http.url}/sitemap.xml", trust_lastmod=False)
    assert len(http.paths()) == 6


def test_the_sitemap_that_robots_txt_names(http, sync):
    http.pages = {
        "/robots.txt": (200, {}, f"Sitemap: {http.url}/maps/main.xml\nUser-agent: *\nDisallow: /no".encode()),
        "/maps/main.xml": (200, {}, sitemap((f"{http.url}/a", ""), (f"{http.url}/no", "")).encode()),
        "/a": page("/b"),
        "/b": page(),
        "/sitemap.xml": (200, {}, sitemap((f"{http.url}/b", "")).encode()),
    }
    assert sync(http.url, mode="sitemap") == {"a"}
    http.pages["/robots.txt"] = (404, {}, b"")
    assert sync(http.url, mode="sitemap") == {"b"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<urlset><url>", "the sitemap is not XML: "),
        (b"\x1f\x8b\x08broken", "the sitemap is damaged: it cannot be unpacked"),
        (None, "the server answers 404"),
    ],
)
def test_a_sitemap_that_cannot_be_read_removes_nothing(http, sync, body, reason):
    if body is not None:
        http.pages["/sitemap.xml"] = (200, {}, body)
    with pytest.raises(
        SourceUnavailableError, match=f"the sitemap {http.url}/sitemap.xml cannot be read: {reason}"
    ):
        sync(f"{http.url}/sitemap.xml")
    index = sitemap((f"{http.url}/sitemap.xml", ""), (f"{http.url}/b.xml", ""), kind="sitemap")
    http.pages["/index.xml"] = (200, {}, index.encode())
    http.pages["/b.xml"] = (200, {}, sitemap((f"{http.url}/a", "")).encode())
    http.pages["/a"] = page()
    assert sync(f"{http.url}/index.xml") == {"a"}
    assert [failure.source for failure in sync.failures] == [http.url]
    assert reason in sync.failures[0].error


def test_entities_of_a_sitemap_are_not_expanded(http, sync, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("/secret")
    bomb = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{secret}">]><urlset><url><loc>{http.url}&a;</loc></url></urlset>'
    http.pages = {"/sitemap.xml": (200, {}, bomb.encode()), "/": page()}
    assert sync(f"{http.url}/sitemap.xml") <= {""}
    assert "/secret" not in http.paths()


def test_a_site_that_is_away_raises(sync):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceUnavailableError, match=r"robots\.txt: no connection: .*refused"):
        sync(f"http://127.0.0.1:{port}/")
    with pytest.raises(SourceUnavailableError, match=r"no\.such\.host\.invalid is not found"):
        sync("http://no.such.host.invalid/")


def test_a_site_that_goes_away_in_the_middle_raises(http, sync, monkeypatch):
    http.pages = {"/": page(*(f"/{n}" for n in range(20)))} | {f"/{n}": page() for n in range(20)}
    ask = SiteClient._ask

    def fails(self, url, *rest):
        if len(http.paths()) > 3:
            raise httpx.ReadError("connection reset")
        return ask(self, url, *rest)

    monkeypatch.setattr(SiteClient, "_ask", fails)
    with pytest.raises(
        SourceUnavailableError, match="does not answer any more: no connection: connection reset"
    ):
        sync(http.url)


def test_a_server_that_says_nothing(http, sync):
    release = threading.Event()

    def silent(headers):
        release.wait(20)
        return page()

    http.pages = {"/": page("/slow", "/a"), "/slow": silent, "/a": page()}
    try:
        assert sync(http.url, timeout_s=0.2) == {"", "a"}
    finally:
        release.set()
    assert sync.failures == [Failure(f"{http.url}/slow", "no answer within 0.2 s")]


def test_a_busy_server_is_asked_once_more(http, sync):
    answers = iter([(429, {"Retry-After": "0"}, b""), page(text="now")])
    http.pages = {"/": page("/a"), "/a": lambda headers: next(answers)}
    assert sync(http.url) == {"", "a"}
    assert http.paths() == ["/", "/a", "/a"]
    http.pages["/a"] = (429, {"Retry-After": "3600"}, b"")
    assert sync(http.url) == {""}
    assert sync.failures == [Failure(f"{http.url}/a", "the server answers 429")]


def test_a_start_page_that_is_gone(http, sync):
    with pytest.raises(SourceNotFoundError, match=r"the start page .* is gone"):
        sync(http.url)
    http.pages["/"] = (500, {}, b"")
    with pytest.raises(
        SourceUnavailableError, match=r"the start page .* cannot be read: the server answers 500"
    ):
        sync(http.url)


def test_a_public_name_that_leads_to_a_private_address_later(http, sync, monkeypatch):
    http.pages = {"/": page()}
    looked_up = [(2, 1, 6, "", ("93.184.216.34", 80))]
    fake = types.SimpleNamespace(getaddrinfo=lambda *_, **__: looked_up, SOCK_STREAM=1)
    monkeypatch.setattr(web_client, "socket", fake)
    with pytest.raises(SourceUnavailableError, match="the public name now leads to a private address"):
        sync(http.url)


def test_sign_in_is_sent_and_never_shown(http, sync):
    seen = []

    def members(headers):
        seen.append(headers.get("Authorization"))
        return page() if headers.get("Authorization") else (401, {}, b"")

    http.pages = {"/": members}
    location = http.url.replace("//", "//me:hunter2@")
    assert sync(location) == {""}
    assert sync(http.url, token="t0ken") == {""}
    assert seen == ["Basic bWU6aHVudGVyMg==", "Bearer t0ken"]
    assert list(sync.files) == [f"{http.url}/"]
    with pytest.raises(SourceUnavailableError, match="the server answers 401") as error:
        sync(http.url)
    assert "hunter2" not in str(error.value)


def test_excluded_pages_are_not_asked_for(http, tmp_path):
    http.pages = {"/": page("/keep/a", "/drop/b"), "/keep/a": page(), "/drop/b": page()}
    config = SourceSettings(
        kind="web",
        location=http.url,
        exclude=("drop/",),
        include=("/keep/",),
        rules=({"pattern": "keep/", "groups": ("staff",)},),
        options={"delay_s": 0, "pages": "10"},
    )
    source = open_source("site", config, Settings(home=tmp_path))
    assert [(file.path, file.groups) for file in source.list({})] == [("keep/a", ("staff",))]
    source.close()
    assert http.paths() == ["/", "/keep/a"]


@pytest.mark.parametrize("location", ["ftp://x/", "x", "http://", "http://x:99999/", "http://x:y/"])
def test_locations_that_are_no_web_address(tmp_path, location):
    with pytest.raises(SettingsError, match="is no web address"):
        open_source("site", SourceSettings(kind="web", location=location), Settings(home=tmp_path))
