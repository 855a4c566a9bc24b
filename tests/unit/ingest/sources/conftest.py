"""A web server on loopback that answers from a dictionary, and exports written to disk."""

import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingest.source import Failure, Known, SourceFile
from ingest.sources import open_source
from rag.settings import Settings, SourceSettings


class Site:
    """``pages``: path -> (status, headers, body) or a function of the request's headers that gives these.

    ``asked``: every request as (method, path, headers), in order.
    """

    def __init__(self):
        self.pages = {}
        self.asked = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                site.asked.append((self.command, self.path, dict(self.headers)))
                page = site.pages.get(self.path, (404, {}, b"not here"))
                status, headers, body = page(self.headers) if callable(page) else page
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET" and status != 304:
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # clients that hang up are meant to

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def paths(self):
        """What was asked for, without robots.txt."""
        return [path for _, path, _ in self.asked if path != "/robots.txt"]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def http():
    site = Site()
    yield site
    site.close()


class Exports:
    """Writes exports (path -> content) and syncs them; each sync begins with what the last one saw."""

    def __init__(self, folder):
        self.folder = folder
        self.known = {}

    def zip(self, files, name="export.zip"):
        path = self.folder / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in files.items():
                archive.writestr(member, content)
        return path

    def unpacked(self, files, name="export"):
        for member, content in files.items():
            path = self.folder / name / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.folder / name

    def sync(self, kind, location, **config):
        config = SourceSettings(kind=kind, location=str(location), **config)
        source = open_source("team", config, Settings(home=self.folder))
        found = list(source.list(self.known))
        self.failures = [one for one in found if isinstance(one, Failure)]
        self.files = {one.uri: one for one in found if isinstance(one, SourceFile)}
        assert len(self.files) + len(self.failures) == len(found)
        changed = [
            file
            for uri, file in self.files.items()
            if uri not in self.known or self.known[uri].etag != file.etag
        ]
        self.fetched = {file.uri: source.fetch(file) for file in changed}
        source.close()
        times = {uri: fetched.modified for uri, fetched in self.fetched.items()}
        self.known = {
            uri: Known(one.size, times.get(uri) if one.modified is None else one.modified, one.etag)
            for uri, one in self.files.items()
        }
        return {one.path for one in self.files.values()}


@pytest.fixture
def exports(tmp_path):
    return Exports(tmp_path)
