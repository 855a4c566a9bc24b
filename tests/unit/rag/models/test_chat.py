"""The chat client against a loopback server that speaks the protocol, byte by byte."""

import asyncio
import json
import math
from contextlib import aclosing

import pytest

from rag.errors import GeneratorUnavailableError
from rag.models.chat import Chat
from rag.models.folder import ModelRecord, write_record
from rag.models.protocols import ScoredToken, TokenChunk, Usage
from rag.settings import GeneratorSettings, Settings

ASK = [{"role": "user", "content": "?"}]


def event(text, tokens=None, finish=None):
    """One streamed chunk; ``tokens`` are (text, log-probability) pairs."""
    content = [
        {"token": token, "logprob": value, "bytes": None, "top_logprobs": []} for token, value in tokens or []
    ]
    choice = {
        "index": 0,
        "delta": {"role": "assistant", "content": text},
        "finish_reason": finish,
        "logprobs": {"content": content} if tokens is not None else None,
    }
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def usage(prompt, completion):
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    base = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**base, "choices": [], "usage": counts}


class Server:
    """Answers /v1/models and /v1/chat/completions with what it was told to."""

    def __init__(self) -> None:
        self.models = ["tiny", "other"]
        self.status = 200
        self.events: list[object] = []
        self.completion: dict[str, object] = {}
        self.requests: list[tuple[str, dict[str, object]]] = []
        self.endless = False
        self.silent = False
        self.gone = asyncio.Event()
        self.models_asked = 0
        self.owner = "x"
        self.root = "/models/theirs"

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *headers = head.split("\r\n")
            length = next((int(h[15:]) for h in headers if h.lower().startswith("content-length:")), 0)
            body = json.loads(await reader.readexactly(length)) if length else {}
            path = line.split()[1]
            self.requests.append((path, body))
            if path == "/v1/models":
                self.models_asked += 1
                listed = [
                    {"id": name, "object": "model", "created": 1, "owned_by": self.owner, "root": self.root}
                    for name in self.models
                ]
                self._reply(writer, {"object": "list", "data": listed})
            elif self.status != 200:
                self._reply(writer, {"error": {"message": "no such model"}}, self.status)
            elif path == "/tokenize":
                self._reply(writer, {"count": 3, "max_model_len": 4096, "tokens": [1, 2, 3]})
            elif body.get("stream"):
                await self._stream(reader, writer)
            else:
                self._reply(writer, self.completion)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()

    def _reply(self, writer, content, status=200) -> None:
        data = json.dumps(content).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n".encode())
        writer.write(f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)

    async def _stream(self, reader, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for each in self.events:
            writer.write(f"data: {json.dumps(each)}\n\n".encode())
            await writer.drain()
        if self.silent:
            await reader.read()
            self.gone.set()
        while self.endless:
            writer.write(f"data: {json.dumps(event('x', [('x', -1.0)]))}\n\n".encode())
            await writer.drain()
            if reader.at_eof():
                self.gone.set()
                return
            await asyncio.sleep(0)
        writer.write(b"data: [DONE]\n\n")


@pytest.fixture
async def server():
    made = Server()
    await made.start()
    yield made
    await made.stop()


def settings(tmp_path, url, **options):
    return Settings(home=tmp_path, generator=GeneratorSettings(model="tiny", url=url, **options))


@pytest.fixture
async def chat(server, tmp_path):
    made = Chat(settings(tmp_path, server.url, timeout_s=5))
    yield made
    await made.close()


async def collect(stream):
    return [item async for item in stream]


async def test_ready(server, chat, tmp_path):
    assert await chat.ready()
    down = Chat(settings(tmp_path, "http://127.0.0.1:9/v1"))
    assert not await down.ready()
    await down.close()


async def test_which_model_is_served(server, chat, tmp_path):
    info = await chat.model_info()
    assert (info.name, info.revision, info.licence) == ("tiny", "", "")
    await chat.model_info()
    assert server.models_asked == 1
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    write_record(folder, ModelRecord("tiny", "r7", "0" * 64, "MIT", "x"))
    known = Chat(settings(tmp_path, server.url))
    info = await known.model_info()
    assert (info.revision, info.licence) == ("r7", "MIT")
    await known.close()


async def test_the_folder_that_is_served_tells_the_revision(server, tmp_path):
    for folder, revision in (("tiny", "r7"), (".int8/tiny", "r7-int8")):
        path = tmp_path / "models" / folder
        path.mkdir(parents=True)
        write_record(path, ModelRecord("tiny", revision, "0" * 64, "MIT", "x"))
        server.root = str(path)
        chat = Chat(settings(tmp_path, server.url))
        info = await chat.model_info()
        assert (info.name, info.revision) == ("tiny", revision)
        await chat.close()


async def test_another_server_names_its_own_model(server, chat):
    server.models = ["theirs"]
    assert (await chat.model_info()).name == "theirs"


async def test_stream(server, chat):
    server.events = [
        event(""),
        event("The pump", [("The", -0.1), (" pump", -0.2)]),
        event("", [("\ufffd", -0.5)]),
        event("水。", [("\ufffd", -0.25), ("。", -0.5)]),
        event(" end"),
        event("", [], "stop"),
        usage(11, 6),
    ]
    got = await collect(chat.stream(ASK, max_tokens=9, stop=["\n"]))
    assert got == [
        TokenChunk("The", -0.1),
        TokenChunk(" pump", -0.2),
        TokenChunk("", -0.5),
        TokenChunk("水。", -0.75, 2),
        TokenChunk(" end", None),
        Usage(11, 6, "stop"),
    ]
    _, body = server.requests[-1]
    assert body["model"] == "tiny"
    assert body["messages"] == ASK
    assert body["max_tokens"] == 9
    assert body["temperature"] == 0.0
    assert body["stop"] == ["\n"]
    assert body["logprobs"] is True
    assert body["stream_options"] == {"include_usage": True}


async def test_no_stop_is_not_sent(server, chat):
    assert await collect(chat.stream(ASK, max_tokens=1)) == [Usage(0, 0, "")]
    assert "stop" not in server.requests[-1][1]


async def test_closing_the_stream_closes_the_connection(server, chat):
    server.endless = True
    async with aclosing(chat.stream(ASK, max_tokens=10_000)) as stream:
        async for item in stream:
            assert item == TokenChunk("x", -1.0)
            break
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_cancelling_the_reader_closes_the_connection(server, chat):
    server.endless = True
    task = asyncio.create_task(collect(chat.stream(ASK, max_tokens=10_000)))
    async with asyncio.timeout(5):
        while not any(path.endswith("completions") for path, _ in server.requests):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.gone.wait(), 5)


@pytest.mark.parametrize("kind", ["endless", "silent"])
async def test_a_generation_has_a_time_limit(server, tmp_path, kind):
    setattr(server, kind, True)
    chat = Chat(settings(tmp_path, server.url, timeout_s=0.3))
    with pytest.raises(GeneratorUnavailableError) as raised:
        await collect(chat.stream(ASK, max_tokens=10_000))
    assert raised.value.remedy
    await asyncio.wait_for(server.gone.wait(), 5)
    await chat.close()


async def test_a_refusal(server, chat):
    server.status = 404
    with pytest.raises(GeneratorUnavailableError, match="404") as raised:
        await collect(chat.stream(ASK, max_tokens=1))
    assert raised.value.__cause__ is not None
    with pytest.raises(GeneratorUnavailableError, match="404"):
        await chat.label_probabilities(ASK, ["yes"])


async def test_nothing_listens(tmp_path):
    chat = Chat(settings(tmp_path, "http://127.0.0.1:9/v1"))
    for call in (
        chat.model_info(),
        collect(chat.stream(ASK, max_tokens=1)),
        chat.label_probabilities(ASK, ["a"]),
    ):
        with pytest.raises(GeneratorUnavailableError):
            await call
    await chat.close()


async def test_a_server_without_a_model(server, chat):
    server.models = []
    with pytest.raises(GeneratorUnavailableError, match="no model"):
        await chat.model_info()


async def test_garbage_in_the_middle_of_a_stream(server, chat):
    server.events = [event("a", [("a", -1.0)]), "not a chunk"]
    with pytest.raises(GeneratorUnavailableError):
        await collect(chat.stream(ASK, max_tokens=1))


def answer(*top):
    entries = [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in top]
    content = [{**entries[0], "top_logprobs": entries}] if entries else []
    choice = {
        "index": 0, "finish_reason": "length", "logprobs": {"content": content},
        "message": {"role": "assistant", "content": "x"},
    }  # fmt: skip
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


@pytest.mark.parametrize(
    "labels, top, want",
    [
        (["yes", "no"], [("Yes", 0.5), (" no", 0.2), ("YES", 0.1), ("Perhaps", 0.2)], [0.75, 0.25]),
        (["supported", "refuted"], [("sup", 0.3), (" ref", 0.1)], [0.75, 0.25]),
        (["no", "nothing"], [("n", 0.4), ("not", 0.4)], [0.25, 0.75]),
        (["是", "否"], [("是", 0.6), ("否。", 0.2), ("\ufffd", 0.1)], [0.75, 0.25]),
        (["yes", "no"], [("maybe", 0.9), (" ", 0.05)], [0.0, 0.0]),
        (["no"], [("nothing", 0.9)], [0.0]),
        (["yes"], [], [0.0]),
    ],
)
async def test_label_probabilities(server, chat, labels, top, want):
    server.completion = answer(*top)
    got = await chat.label_probabilities(ASK, labels)
    assert list(got) == labels
    assert list(got.values()) == pytest.approx(want)
    _, body = server.requests[-1]
    assert (body["max_tokens"], body["top_logprobs"], body["logprobs"]) == (1, 20, True)


async def test_token_logprobs(server, chat):
    scores = [-9.0, -8.0, -0.5, -0.25]
    entries = [{str(i): {"logprob": score, "rank": 1}} for i, score in enumerate(scores)]
    entries[-2]["99"] = {"logprob": -0.125, "rank": 1}
    server.completion = {**answer(("x", 1.0)), "prompt_logprobs": [None, *entries]}
    assert await chat.token_logprobs(ASK, "Two tokens") == [
        ScoredToken(-0.5, -0.125),
        ScoredToken(-0.25, -0.25),
    ]
    (_, counted), (path, body) = server.requests[-2:]
    assert (counted["messages"], counted["add_generation_prompt"]) == (ASK, True)
    assert path == "/v1/chat/completions"
    assert body["messages"] == [*ASK, {"role": "assistant", "content": "Two tokens"}]
    assert (body["prompt_logprobs"], body["continue_final_message"]) == (1, True)


async def test_a_server_that_scores_no_prompts(server, chat):
    server.completion = answer(("x", 1.0))
    with pytest.raises(GeneratorUnavailableError, match="no log-probabilities") as raised:
        await chat.token_logprobs(ASK, "Two tokens")
    assert "check.layers" in raised.value.remedy


@pytest.mark.parametrize(("owner", "salts"), [("vllm", ["a" * 8, "b" * 8, None]), ("x", [None, None, None])])
async def test_scopes_share_no_cache_of_prompts(server, chat, owner, salts):
    server.owner = owner
    server.events = [event("Yes.", [("Yes.", -0.1)], "stop"), usage(3, 1)]
    for scoped in (chat.within("a" * 8), chat.within("b" * 8), chat):
        async with aclosing(scoped.stream(ASK, max_tokens=4)) as stream:
            assert [piece.text async for piece in stream if isinstance(piece, TokenChunk)] == ["Yes."]
    bodies = [body for path, body in server.requests if path.endswith("completions")]
    assert [body.get("cache_salt") for body in bodies] == salts
    assert server.models_asked == 1

    server.completion = answer(("Yes", 1.0)) | {"prompt_logprobs": [None] * 3 + [{"1": {"logprob": -1.0}}]}
    await chat.within("a" * 8).label_probabilities(ASK, ["Yes"])
    await chat.within("a" * 8).token_logprobs(ASK, "Yes")
    bodies = [body for path, body in server.requests if path.endswith("completions")][3:]
    assert [body.get("cache_salt") for body in bodies] == [salts[0]] * 2
