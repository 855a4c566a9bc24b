import pytest

from ingest.sources.web_page import read_page, to_utf8
from ingest.sources.web_site import Site, file_name, page_path, suffix_of


@pytest.mark.parametrize(
    ("link", "canonical"),
    [
        ("/a#top", "https://wiki.example/a"),
        ("b", "https://wiki.example/docs/b"),
        ("", "https://wiki.example/docs/x"),
        ("HTTPS://Wiki.Example:443/a/../b/", "https://wiki.example/b/"),
        ("http://wiki.example/a", "https://wiki.example/a"),
        ("//wiki.example/a?b=2&a=1&utm_campaign=x&gclid=y", "https://wiki.example/a?a=1&b=2"),
        ("/a;jsessionid=1A2B?PHPSESSID=3", "https://wiki.example/a"),
        ("/a?sid=0123456789abcdef0123456789abcdef&s=news", "https://wiki.example/a?s=news"),
        ("/文档?q=中 国", "https://wiki.example/%E6%96%87%E6%A1%A3?q=%E4%B8%AD+%E5%9B%BD"),
        ("https://user:pw@wiki.example/a", "https://wiki.example/a"),
        ("https://wiki.example:8443/a", None),
        ("https://www.wiki.example/a", None),
        ("https://wiki.example.evil.example/a", None),
        ("https://evil.example/@wiki.example/", None),
        ("mailto:a@wiki.example", None),
        ("javascript:void(0)", None),
        ("https://wiki.example:x/", None),
        ("http://[::1", None),
        ("/" + "a" * 3000, None),
    ],
)
def test_links_in_one_spelling(link, canonical):
    assert Site("https://wiki.example/docs/").canonical(link, "https://wiki.example/docs/x") == canonical


@pytest.mark.parametrize(
    ("start", "canonical", "root"),
    [
        ("http://10.0.0.5:8080", "http://10.0.0.5:8080/", "http://10.0.0.5:8080"),
        ("http://[::1]:80/a?b", "http://[::1]/a?b=", "http://[::1]"),
        ("https://BÜCHER.example/x#y", "https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example"),
        ("https://me:pw@host.example/", "https://host.example/", "https://host.example"),
    ],
)
def test_where_a_site_starts(start, canonical, root):
    site = Site(start)
    assert (site.start, site.root) == (canonical, root)
    assert site.canonical("http://evil.example/") is None


@pytest.mark.parametrize(
    ("url", "content_type", "name", "path"),
    [
        ("https://h/", "text/html", "index.html", "index.html"),
        ("https://h/a/b", "text/html", "b.html", "a/b"),
        ("https://h/a.php?x=1", "text/html", "a.php.html", "a.php?x=1"),
        ("https://h/a.htm", "text/html", "a.htm", "a.htm"),
        ("https://h/get?id=7", "application/pdf", "get.pdf", "get?id=7"),
        ("https://h/%E6%89%8B%E5%86%8C.PDF", "application/pdf", "手册.PDF", "手册.PDF"),
        ("https://h/notes.md", "text/plain", "notes.md", "notes.md"),
        ("https://h/x.docx", "application/octet-stream", "x.docx", "x.docx"),
    ],
)
def test_what_a_page_is_called(url, content_type, name, path):
    suffix = suffix_of(url, content_type)
    assert suffix is not None
    assert (file_name(url, suffix), page_path(url)) == (name, path)


def test_what_is_no_document():
    assert suffix_of("https://h/x", "application/octet-stream") is None
    assert suffix_of("https://h/x.pdf", "image/png") is None
    assert suffix_of("https://h/x.PNG", "?") is None
    assert suffix_of("https://h/x.php", "?") == ".php"


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"<" * 1000, b"<a href=/x>" * 10_000, b"<div>" * 10_000])
def test_any_bytes_are_a_page_without_harm(body):
    assert set(read_page(body, "", "Citewell").links) <= {"/x"}


def test_text_in_the_charset_of_the_response():
    assert to_utf8("手冊".encode("big5"), "Big5") == b"\xef\xbb\xbf" + "手冊".encode()
    assert to_utf8("€".encode("cp1252"), "iso-8859-1") == b"\xef\xbb\xbf" + "€".encode()
    for left in (b"\xff\xfea\x00", b"\xef\xbb\xbfa"):
        assert to_utf8(left, "utf-8") == left
    assert to_utf8(b"abc", "no-such") == b"abc"
    assert to_utf8(b"abc", "") == b"abc"
