import gzip
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.app import create_app
from server.problems import add_problem_handlers
from server.web import HOW, NONCE, Page, serve_page
from tests.fakes.assistant import FakeAssistant

INDEX = f'<!doctype html><meta property="csp-nonce" nonce="{NONCE}"><script nonce="{NONCE}"></script>'
SCRIPT = "console.log('水泵')\n"


@pytest.fixture
def folder(tmp_path):
    built = tmp_path / "page"
    (built / "assets").mkdir(parents=True)
    (built / ".vite").mkdir()
    (built / "index.html").write_text(INDEX, "utf-8")
    (built / ".vite/manifest.json").write_text("{}", "utf-8")
    (built / "favicon.svg").write_text("<svg/>", "utf-8")
    (built / "assets/app-1a2b.js").write_text(SCRIPT, "utf-8")
    (built / "assets/app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (built / "assets/app-1a2b.js.br").write_bytes(b"brotli")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    return built


@pytest.fixture
def page(folder):
    app = FastAPI()

    @app.post("/v1/ask")
    def ask() -> str:
        return "asked"

    add_problem_handlers(app)
    serve_page(app, Page(folder))
    return TestClient(app)


def test_every_index_has_a_nonce_of_its_own(page):
    first, second = page.get("/"), page.get("/")
    nonces = [re.findall(r'nonce="([^"]+)"', one.text) for one in (first, second)]
    assert len(set(nonces[0])) == 1
    assert nonces[0] != nonces[1]
    policy = first.headers["content-security-policy"]
    assert f"style-src 'self' 'nonce-{nonces[0][0]}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/c/5e0c3f7a", "/admin/sources", "/keys"])
def test_places_of_the_page_are_the_index(page, path):
    answered = page.get(path, headers={"accept": "text/html"})
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "accept, encoding",
    [("br, gzip", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", None), ("", None)],
)
def test_a_file_is_sent_as_it_was_compressed_at_the_build(page, accept, encoding):
    with page.stream("GET", "/assets/app-1a2b.js", headers={"accept-encoding": accept}) as answered:
        body = b"".join(answered.iter_raw())
    expected = {"br": b"brotli", None: SCRIPT.encode()}
    assert answered.headers.get("content-encoding") == encoding
    assert body == expected[encoding] if encoding != "gzip" else gzip.decompress(body) == SCRIPT.encode()
    assert answered.headers["content-type"].startswith("text/javascript")
    assert answered.headers["vary"] == "Accept-Encoding"
    assert answered.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_what_has_no_hash_in_its_name_is_asked_for_again(page):
    answered = page.get("/favicon.svg")
    assert answered.headers["cache-control"] == "no-cache"
    assert answered.headers["content-type"].startswith("image/svg+xml")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone-9.js",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/.vite/manifest.json",
        "/assets/app-1a2b.js.gz",
    ],
)
def test_nothing_else_is_served(page, path):
    answered = page.get(path, headers={"accept": "text/html"})
    assert answered.status_code == 404
    assert answered.headers["content-type"] == "application/problem+json"


def test_the_api_keeps_its_own_answers(page):
    assert page.get("/v1/ask").status_code == 405
    assert page.get("/v1/nothing", headers={"accept": "text/html"}).status_code == 404
    assert page.post("/c/1").status_code == 404
    assert page.get("/nothing", headers={"accept": "application/json"}).status_code == 404


def test_a_page_that_was_not_built_says_how_to_build_it(tmp_path, caplog):
    app = FastAPI()
    serve_page(app, Page(tmp_path))
    answered = TestClient(app).get("/")
    assert answered.status_code == 503
    assert HOW in answered.text
    assert "default-src 'none'" in answered.headers["content-security-policy"]
    assert HOW in caplog.text


def test_the_application_serves_the_page(settings):
    client = TestClient(create_app(settings, FakeAssistant()), base_url="http://127.0.0.1:8100")
    assert client.get("/").headers["content-type"].startswith("text/html")
