"""A document deleted at its source is gone from a running server within a second of the sync's commit."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import httpx

from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.searcher import Searcher
from rag.settings import GeneratorSettings, ServerSettings, Settings
from rag.store import Store
from server.app import create_app
from server.listen import HttpServer, bind
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.ports import free_port

ROOT = Path(__file__).parents[2]
QUESTION = "What does the pump weigh?"
SECRET = "The pump weighs 4711 kg and is serviced each month."


class Worker:
    """Another process that syncs the folder when it is told to."""

    def __init__(self, home, folder):
        command = [sys.executable, "-m", "tests.fakes.sync_on_request", str(home), str(folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    def sync(self):
        self.process.stdin.write("sync\n")
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()) != "done\n":
            assert line, "the worker has ended"

    def close(self):
        self.process.communicate(timeout=30)


async def test_a_deleted_document_is_gone_from_a_running_server_within_a_second(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "pump.txt").write_text(f"# The pump\n\n{SECRET}")
    for n in range(30):
        (folder / f"other-{n}.txt").write_text(
            f"# Valve {n}\n\nValve {n} is checked on day {n} of the month."
        )
    settings = Settings(
        home=tmp_path / "home",
        generator=GeneratorSettings(enabled=False),
        server=ServerSettings(port=free_port(), open_on_loopback=True),
    )
    worker = Worker(settings.home, folder)
    await asyncio.to_thread(worker.sync)
    store, embedder = Store.open(settings), HashingEmbedder()
    index = DenseIndex(store, settings.index_dir, embedder)
    assistant = Assistant(settings, store, Searcher(store, embedder, index), None)
    server = HttpServer(create_app(settings, assistant), bind(settings), settings)
    await server.start()
    base = f"http://127.0.0.1:{settings.server.port}/v1"
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:

            async def sent():
                found = await client.get(f"{base}/search", params={"q": QUESTION, "k": 50})
                answer = await client.post(f"{base}/ask", json={"question": QUESTION})
                assert found.status_code == answer.status_code == 200
                return found.text + answer.text

            assert "4711" in await sent()
            (folder / "pump.txt").unlink()
            await asyncio.to_thread(worker.sync)
            committed = time.monotonic()
            # the very next question already does without it
            text = await sent()
            assert "4711" not in text
            assert "pump.txt" not in text
            assert time.monotonic() - committed < 1
            (folder / "pump.txt").write_text(f"# The pump\n\n{SECRET}")
            await asyncio.to_thread(worker.sync)
            assert "4711" in await sent()
    finally:
        await server.stop()
        await asyncio.to_thread(worker.close)
