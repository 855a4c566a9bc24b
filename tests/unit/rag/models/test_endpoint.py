"""Against a server that speaks OpenAI's API over HTTP, with the vectors of a tiny model."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from rag.errors import EmbedderUnavailableError, ModelError
from rag.models.embedder import Embedder
from rag.models.endpoint import TEXTS, EmbeddingEndpoint
from rag.models.lazy import LazyEmbedder
from rag.settings import EmbedderSettings, Settings
from tests.fakes.embedder_folder import LENGTH, make_embedder


class Elsewhere(ThreadingHTTPServer):
    """Embeds what it is given as it stands: the prompt is the caller's to set."""

    def __init__(self, embedder: Embedder):
        super().__init__(("127.0.0.1", 0), Handler)
        embedder.prompts = {"query": "", "passage": ""}
        self.embedder = embedder
        self.names = ["tiny"]
        self.requests: list[dict] = []
        self.failures = 0  # answers of 503 that come first
        self.shift = 0.0
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        listed = [{"id": n, "object": "model", "created": 1, "owned_by": "x"} for n in self.server.names]
        self.reply({"object": "list", "data": listed})

    def do_POST(self):
        server = self.server
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if server.failures:
            server.failures -= 1
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        server.requests.append({**asked, "key": self.headers["Authorization"]})
        assert asked["encoding_format"] == "base64"
        ids = [server.embedder._tokenizer.encode(text) for text in asked["input"]]
        if any(len(one.ids) > LENGTH for one in ids):
            self.reply({"error": {"message": "too long", "type": "invalid", "code": 400}}, 400)
            return
        rows = 3 * server.embedder.embed_passages(asked["input"]) + server.shift  # not of unit length
        data = [
            {"object": "embedding", "index": n, "embedding": base64.b64encode(row.tobytes()).decode()}
            for n, row in enumerate(rows)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self.reply({"object": "list", "model": asked["model"], "data": data[::-1], "usage": usage})

    def reply(self, content, status=200):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def settings(tmp_path):
    make_embedder(tmp_path / "models" / "tiny")
    given = EmbedderSettings(model="tiny", precision="float32", device="cpu", api_key="s3cret")
    return Settings(home=tmp_path, embedder=given)


@pytest.fixture
def elsewhere(settings):
    server = Elsewhere(Embedder.load(settings.embedder, settings.models_dir))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(30)


@pytest.fixture
def here(settings):
    return Embedder.load(settings.embedder, settings.models_dir)


def endpoint(here, settings, url):
    return EmbeddingEndpoint(here, settings.embedder.model_copy(update={"url": url}))


def test_the_vectors_are_those_of_this_process(here, settings, elsewhere):
    texts = [f"the pump {n}" for n in range(2 * TEXTS + 5)]
    far = endpoint(here, settings, elsewhere.url)
    np.testing.assert_allclose(far.embed_passages(texts), here.embed_passages(texts), atol=1e-6)
    known, *asked = elsewhere.requests
    assert len(known["input"]) == 2
    assert sorted(len(one["input"]) for one in asked) == [5, TEXTS, TEXTS]
    assert {one["key"] for one in elsewhere.requests} == {"Bearer s3cret"}
    assert all(text.startswith("passage: ") for one in asked for text in one["input"])
    far.embed_passages(texts[:1])
    assert len(elsewhere.requests) == 5, "compared once"
    assert far.embed_passages([]).shape == (0, 16)


def test_questions_and_tokens_stay_here(here, settings, elsewhere):
    far = endpoint(here, settings, elsewhere.url)
    np.testing.assert_array_equal(far.embed_queries(["the pump"]), here.embed_queries(["the pump"]))
    assert far.token_spans("the pump") == here.token_spans("the pump")
    assert far.fingerprint == here.fingerprint
    assert elsewhere.requests == []


def test_a_long_text_is_cut_as_here(here, settings, elsewhere):
    text = "the pump " * LENGTH
    far = endpoint(here, settings, elsewhere.url)
    np.testing.assert_allclose(far.embed_passages([text]), here.embed_passages([text]), atol=1e-5)


def test_another_model_is_refused(here, settings, elsewhere):
    elsewhere.shift = 1.0
    far = endpoint(here, settings, elsewhere.url)
    with pytest.raises(ModelError, match="not those of tiny") as raised:
        far.embed_passages(["the pump"])
    assert "embedder.url" in raised.value.remedy
    elsewhere.shift = 0.0
    assert far.embed_passages(["the pump"]).shape == (1, 16), "asked again after it was put right"


def test_a_server_may_call_it_otherwise(here, settings, elsewhere):
    elsewhere.names = ["their-name"]
    endpoint(here, settings, elsewhere.url).embed_passages(["the pump"])
    assert {one["model"] for one in elsewhere.requests} == {"their-name"}


def test_what_passes_is_tried_again(here, settings, elsewhere):
    elsewhere.failures = 2
    far = endpoint(here, settings, elsewhere.url)
    np.testing.assert_allclose(far.embed_passages(["a"]), here.embed_passages(["a"]), atol=1e-6)


def test_a_server_that_is_down_is_named(here, settings):
    far = endpoint(here, settings, "http://127.0.0.1:9/v1")
    with pytest.raises(EmbedderUnavailableError, match=r"127\.0\.0\.1:9") as raised:
        far.embed_passages(["the pump"])
    assert "embedder.url" in raised.value.remedy


def test_ingestion_asks_the_server_that_the_settings_name(settings, elsewhere, here):
    given = settings.embedder.model_copy(update={"url": elsewhere.url})
    lazy = LazyEmbedder(settings.model_copy(update={"embedder": given}), "tiny")
    np.testing.assert_allclose(lazy.embed_passages(["a"]), here.embed_passages(["a"]), atol=1e-6)
    assert len(elsewhere.requests) == 2
