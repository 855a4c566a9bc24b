"""The server under load: many askers, vLLM beside it, a long mixed run, a generator that is killed.

    python tests/bench/load.py [quotes] [generator] [killed] [mixed] [--askers 64] [--minutes 30] [--out FILE]

Each part starts `citewell up` in a home of its own (with the models of this installation), on loopback, and
stops it at the end. The questions are those of the sample papers.

quotes     without a generator: one asker, then ``--askers`` at once; their 95th percentile against his median
generator  1, 4, 8 and 16 askers with vLLM, three times; after each, vLLM alone with the requests that the
           path had sent, tokens and all
first      one asker: the first checked sentence, against vLLM alone writing as far
killed     vLLM is killed while 8 askers wait: when has each quotes or a clear error, when do drafts come back
mixed      questions, searches, conversations, uploads for ``--minutes``; the server's memory after a tenth of
           that time and at the end
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import psutil
from ingest_speed import machine
from tap import Tap, free_port

from rag.settings import load_settings

SAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "sample" / "questions.jsonl"
PARTS = ("quotes", "generator", "first", "killed", "mixed")
START_S = 300.0
SEED = 11
ROUNDS = 3
WITH_VLLM = {1: 16, 4: 5, 8: 3, 16: 2}  # askers, and how many questions for each of them
TURNS = 3
WAITING = 8  # when vLLM is killed


@dataclass
class Site:
    """A running `citewell up`."""

    process: subprocess.Popen[bytes]
    base: str
    generator: str
    client: httpx.AsyncClient
    questions: list[str]
    answerable: list[str]  # those that the documents answer

    def engines(self) -> list[psutil.Process]:
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [p for p in family if p.cmdline()[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]]

    async def ask(self, question: str) -> tuple[float, int, str]:
        """Seconds, status, and the verdict (or the title of the problem)."""
        begin = time.monotonic()
        try:
            reply = await self.client.post("/v1/ask", json={"question": question})
        except httpx.HTTPError as error:
            return time.monotonic() - begin, 0, type(error).__name__
        told = reply.json()
        return time.monotonic() - begin, reply.status_code, str(told.get("verdict", told.get("title")))

    async def generating(self) -> bool:
        return (await self.client.get("/readyz")).json()["generator"] == "ready"


def _answered(row: dict[str, Any]) -> bool:
    return bool(row["answers"])


@asynccontextmanager
async def site(generator: bool, url: str = "") -> AsyncIterator[Site]:
    """With a generator of its own, or the one at ``url``."""
    settings = load_settings()
    rows = [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]
    questions, answerable = ([row["question"] for row in some] for some in (rows, filter(_answered, rows)))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "models").symlink_to(settings.models_dir.resolve())
        ports = free_port(), free_port()
        environment = os.environ | {
            "CITEWELL_HOME": str(home),
            "CITEWELL_SERVER__PORT": str(ports[0]),
            "CITEWELL_GENERATOR__PORT": str(ports[1]),
            "CITEWELL_GENERATOR__ENABLED": str(generator).lower(),
            "CITEWELL_GENERATOR__PYTHON": str(settings.generator.python.absolute()),
            "CITEWELL_GENERATOR__URL": url,
        }
        with (home / "up.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "up"], env=environment, stdout=log, stderr=log
            )
        try:
            base = f"http://127.0.0.1:{ports[0]}"
            until(
                lambda: "Ctrl-C" in (home / "up.log").read_text("utf-8", "replace"), process, home / "up.log"
            )
            name, _, key = (home / "operator.header").read_text("utf-8").strip().partition(": ")
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
            async with httpx.AsyncClient(
                base_url=base, headers={name: key}, timeout=300, trust_env=False, limits=limits
            ) as client:
                yield Site(process, base, f"http://127.0.0.1:{ports[1]}/v1", client, questions, answerable)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(condition: object, process: subprocess.Popen[bytes], log: Path) -> None:
    assert callable(condition)
    end = time.monotonic() + START_S
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"citewell up did not come up:\n{log.read_text('utf-8', 'replace')}")
        time.sleep(0.2)


def spread(seconds: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=20)
    return {
        "median_s": round(median(seconds), 4),
        "p95_s": round(cuts[18], 4),
        "most_s": round(max(seconds), 4),
    }


async def at_once(place: Site, askers: int, each: int) -> tuple[list[tuple[float, int, str]], float]:
    """``askers`` that each ask the next of ``askers * each`` questions when they have an answer, and the
    seconds that all took.

    One list for all, as ``Tap.replayed`` has it: with lists of their own, whoever had the hard ones would
    be waited for by two idle cores.
    """
    turns = itertools.cycle(random.Random(SEED).sample(place.questions, len(place.questions)))
    waiting = iter([next(turns) for _ in range(askers * each)])

    async def asker() -> list[tuple[float, int, str]]:
        return [await place.ask(question) for question in waiting]

    begin = time.monotonic()
    told = await asyncio.gather(*(asker() for _ in range(askers)))
    return [one for answers in told for one in answers], time.monotonic() - begin


async def quotes(askers: int) -> dict[str, object]:
    async with site(generator=False) as place:
        await at_once(place, 1, len(place.questions))  # warm
        alone, seconds = await at_once(place, 1, len(place.questions))
        many, all_seconds = await at_once(place, askers, ROUNDS)
    one, crowd = spread([s for s, *_ in alone]), spread([s for s, *_ in many])
    return {
        "one": one,
        "askers": askers,
        "crowd": crowd,
        "p95_to_one": round(crowd["p95_s"] / one["median_s"], 2),
        "a_second": {"one": round(len(alone) / seconds, 1), "crowd": round(len(many) / all_seconds, 1)},
        "errors": sum(status != 200 for _, status, _ in many),
    }


@asynccontextmanager
async def vllm() -> AsyncIterator[Tap]:
    """A generator with a tap before it."""
    settings, port = load_settings(), free_port()
    environment = os.environ | {
        "CITEWELL_GENERATOR__PORT": str(port),
        "CITEWELL_GENERATOR__PYTHON": str(settings.generator.python.absolute()),
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "vllm.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "server.cli", "model", "serve"]
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        tap = Tap(f"http://127.0.0.1:{port}")
        serving = asyncio.create_task(tap.server.serve())
        try:
            until(lambda: "Ctrl-C" in log.read_text("utf-8", "replace"), process, log)
            yield tap
        finally:
            tap.server.should_exit = True
            await serving
            await tap.client.aclose()
            process.send_signal(signal.SIGINT)
            process.wait(60)


async def with_generator() -> list[dict[str, object]]:
    async with vllm() as tap, site(generator=True, url=f"http://127.0.0.1:{tap.port}/v1") as place:
        place.questions = place.answerable
        await at_once(place, 1, 4)  # warm
        return [await beside(place, tap, askers, each) for askers, each in WITH_VLLM.items()]


async def beside(place: Site, tap: Tap, askers: int, each: int) -> dict[str, object]:
    """So many askers at once, and vLLM alone with the same requests; in turns, because machines drift."""
    told, requests, tokens = [], 0, 0
    path_s = alone_s = 0.0
    for turn in range(TURNS):
        tap.kept.clear()
        tap.salt = f" {askers} {turn}"
        answers, seconds = await at_once(place, askers, each)
        told += answers
        path_s += seconds
        seconds, written = await tap.replayed(askers, f"afresh {askers} {turn}")
        alone_s += seconds
        requests += len(tap.kept)
        tokens += written
    return {
        "askers": askers,
        "answers": len(told),
        "errors": sum(status != 200 for _, status, _ in told),
        "verdicts": Counter(verdict for *_, verdict in told),
        **spread([s for s, *_ in told]),
        "requests": requests,
        "tokens": tokens,
        "path_s": round(path_s, 2),
        "vllm_alone_s": round(alone_s, 2),
        "share_of_raw": round(alone_s / path_s, 3),
    }


async def first() -> dict[str, object]:
    """Of questions whose answer begins with a draft: when its first sentence is shown, checked."""
    ours, alone = [], []
    async with vllm() as tap, site(generator=True, url=f"http://127.0.0.1:{tap.port}/v1") as place:
        await at_once(place, 1, 4)  # warm
        for number, question in enumerate(place.answerable):
            tap.kept.clear()
            tap.salt = f" first {number}"
            seconds, drafted = await to_first_sentence(place, question)
            drafts = [one for one in tap.kept if one["body"].get("stream")]
            if drafted and len(drafts) == 1:
                tap.kept[:] = drafts
                ours.append(seconds)
                alone.append((await tap.replayed(1, f"first afresh {number}"))[0])
    ratios = [one / other for one, other in zip(ours, alone, strict=True)]
    return {
        "questions": len(ours),
        "path_s": round(median(ours), 3),
        "vllm_alone_s": round(median(alone), 3),
        "ratio": round(median(ratios), 3),
    }


async def to_first_sentence(place: Site, question: str) -> tuple[float, bool]:
    """Seconds, and whether the generator wrote it; the answer is read to its end."""
    begin, seconds, drafted = time.monotonic(), 0.0, False
    asked = {"question": question}
    headers = {"Accept": "text/event-stream"}
    async with place.client.stream("POST", "/v1/ask", json=asked, headers=headers) as reply:
        event = ""
        async for line in reply.aiter_lines():
            name, _, data = line.partition(": ")
            event = data if name == "event" else event
            if name == "data" and event == "sentence" and not seconds:
                seconds = time.monotonic() - begin
                drafted = json.loads(data)["claim"]["verdict"] == "supported"
    return seconds, drafted


async def killed() -> dict[str, object]:
    async with site(generator=True) as place:
        await place.ask(place.questions[0])
        waiting = [asyncio.create_task(place.ask(q)) for q in place.questions[1 : 1 + WAITING]]
        await asyncio.sleep(1.0)  # in the middle of it
        begin = time.monotonic()
        for engine in place.engines():
            engine.kill()
        told = []
        for task in waiting:
            told.append((*(await task)[1:], round(time.monotonic() - begin, 2)))
        while not await place.generating():
            await asyncio.sleep(0.2)
        back = time.monotonic() - begin
        again = [await place.ask(q) for q in place.questions[:4]]
    return {
        "after_the_kill": told,
        "last_answer_s": max(seconds for *_, seconds in told),
        "drafts_again_s": round(back, 1),
        "verdicts_again": Counter(verdict for *_, verdict in again),
    }


async def mixed(minutes: float) -> dict[str, object]:
    async with site(generator=False) as place:
        server = psutil.Process(place.process.pid)
        end, counted, errors = time.monotonic() + 60 * minutes, Counter[str](), Counter[str]()
        memory: list[tuple[float, float]] = []

        async def asks(seed: int) -> None:
            rng = random.Random(seed)
            while time.monotonic() < end:
                kind = rng.choices(("ask", "search", "talk", "list", "upload"), (6, 4, 3, 2, 1))[0]
                status = await one(kind, rng)
                counted[kind] += 1
                if status >= 400 or not status:
                    errors[f"{kind} {status}"] += 1
                await asyncio.sleep(rng.random())

        async def one(kind: str, rng: random.Random) -> int:
            question = rng.choice(place.questions)
            try:
                if kind == "ask":
                    return (await place.ask(question))[1]
                if kind == "search":
                    return (await place.client.get("/v1/search", params={"q": question})).status_code
                if kind == "list":
                    return (await place.client.get("/v1/documents")).status_code
                if kind == "upload":
                    text = (
                        f"# Note {rng.random()}\n\nThe shelf number of this note is {rng.randrange(10**6)}.\n"
                    )
                    files = {"file": (f"note-{rng.randrange(50)}.md", text.encode())}
                    return (await place.client.post("/v1/documents", files=files)).status_code
                talk = (await place.client.post("/v1/conversations", json={})).json()["id"]
                path = f"/v1/conversations/{talk}/messages"
                status = (await place.client.post(path, json={"content": question})).status_code
                await place.client.delete(f"/v1/conversations/{talk}")
                return status
            except httpx.HTTPError:
                return 0

        async def weighed() -> None:
            begin = time.monotonic()
            while time.monotonic() < end:
                memory.append((time.monotonic() - begin, server.memory_info().rss / 2**20))
                await asyncio.sleep(5)

        await asyncio.gather(weighed(), *(asks(seed) for seed in range(8)))
    warm = [mb for seconds, mb in memory if 6 * minutes <= seconds <= 12 * minutes]
    last = [mb for seconds, mb in memory if seconds >= 54 * minutes]
    return {
        "minutes": minutes,
        "requests": counted,
        "errors": errors,
        "warm_mb": round(median(warm)),
        "end_mb": round(median(last)),
        "growth": round(median(last) / median(warm) - 1, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--askers", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    made = {
        "quotes": lambda: quotes(arguments.askers),
        "generator": with_generator,
        "first": first,
        "killed": killed,
        "mixed": lambda: mixed(arguments.minutes),
    }
    report: dict[str, object] = {"machine": machine()}
    for part in arguments.parts or PARTS:
        report[part] = asyncio.run(made[part]())
        print(json.dumps({part: report[part]}, ensure_ascii=False), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
