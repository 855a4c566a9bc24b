"""The Slack bot against a stand-in of Slack's Web API: many mentions, redeliveries, kills, rate limits.

    python tests/bench/slack.py [storm] [crowd] [limits] [--events 1000] [--kills 5] [--out FILE]

A real server process (`citewell serve`, quotes alone, the sample papers) gets signed events over HTTP and
calls the stand-in, which runs here. Slack's waits between redeliveries (0, 1, 5 minutes) are made seconds.

storm   ``--events`` mentions, 30% of them delivered twice or thrice, the server killed ``--kills`` times;
        what is not acknowledged is delivered again. Told: threads without an answer, threads with two
crowd   50 mentions at once: how long each acknowledgement takes
limits  one call in five of every method is refused with 429 and Retry-After: answers that are missing, and
        calls that came before they were allowed to
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import uvicorn
from ingest_speed import machine
from load import SAMPLE, free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from rag.settings import load_settings
from rag.store import Store
from server.auth.people import People
from server.auth.principal import Role

PARTS = ("storm", "crowd", "limits")
SECRET, BOT, CHANNEL = "8f742231b10e8888abcd99yyyzzz85a5", "UBOT", "C1"
AGAIN_S = (0.1, 1.0, 5.0)  # Slack: at once, after one minute, after five
SEED = 3
READY_S = 60.0
RETRY_S, UNDER_WAY_S = 1, 0.1
END_S = 600.0


class StandIn:
    """Slack's Web API, as far as the bot calls it. ``refusing`` is the share of calls that get a 429."""

    def __init__(self, refusing: float = 0.0) -> None:
        self.refusing = refusing
        self.rng = random.Random(SEED)
        self.calls: Counter[str] = Counter()
        self.begun: dict[str, list[str]] = defaultdict(list)  # thread -> messages of the bot
        self.finished: set[str] = set()
        self.too_soon: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._closed: dict[str, float] = {}
        self._ts = 1_800_000_000
        self.port = free_port()
        routes = [Route("/api/{method}", self.answered, methods=["GET", "POST"])]
        config = uvicorn.Config(Starlette(routes=routes), port=self.port, log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)

    async def answered(self, request: Request) -> JSONResponse:
        method = request.path_params["method"]
        kind = request.headers.get("content-type", "")
        fields: dict[str, Any] = dict(request.query_params)
        fields |= await request.json() if "json" in kind else dict(await request.form())
        self.calls[method] += 1
        now = time.monotonic()
        # what was under way when the refusal was sent knew nothing of it
        if now < (closed := self._closed.get(method, 0.0)) and now > closed - RETRY_S + UNDER_WAY_S:
            self.too_soon[method] += 1
        if self.rng.random() < self.refusing and method != "auth.test":
            self.refused[method] += 1
            self._closed[method] = now + RETRY_S
            told = {"ok": False, "error": "ratelimited"}
            return JSONResponse(told, 429, {"Retry-After": str(RETRY_S)})
        return JSONResponse({"ok": True, **self._told(method, fields)})

    def _told(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {"team_id": "T1", "team": "Heron", "user_id": BOT, "user": "citewell", "bot_id": "B1"}
            case "users.info":
                about = {"profile": {"email": "ann@heron.example"}, "locale": "en-US"}
                return {"user": {"id": fields["user"], "team_id": "T1", **about}}
            case "conversations.info":
                return {"channel": {"id": CHANNEL, "is_channel": True, "is_private": True}}
            case "conversations.members":
                return {"members": ["UANN", BOT], "response_metadata": {"next_cursor": ""}}
            case "conversations.replies":
                there = [{"ts": fields["ts"], "user": "UANN", "text": "?"}]
                ours = {"user": BOT, "bot_id": "B1", "text": "“"}
                return {"messages": there + [{"ts": ts, **ours} for ts in self.begun[str(fields["ts"])]]}
            case "chat.startStream" | "chat.postMessage":
                self._ts += 1
                ts = f"{self._ts}.000100"
                self.begun[str(fields.get("thread_ts", ts))].append(ts)
                if "actions" in str(fields.get("blocks")):  # at once with its buttons: the whole answer
                    self.finished.add(ts)
                return {"ts": ts, "channel": fields["channel"]}
            case "chat.stopStream" | "chat.update":
                self.finished.add(str(fields["ts"]))
                return {"ts": fields["ts"], "channel": fields["channel"]}
            case "chat.postEphemeral":
                return {"message_ts": f"{self._ts}.000200"}
            case "chat.getPermalink":
                return {"permalink": f"https://slack.example/{fields['message_ts']}"}
        return {}


class Site:
    """A home with the sample papers, and a server on it that may be killed."""

    def __init__(self, home: Path, api: int) -> None:
        self.home = home
        self.port = free_port()
        self.questions = [json.loads(line)["question"] for line in SAMPLE.read_text("utf-8").splitlines()]
        self.environment = os.environ | {
            "CITEWELL_HOME": str(home),
            "CITEWELL_SERVER__PORT": str(self.port),
            "CITEWELL_SERVER__PUBLIC_URL": "https://citewell.example",
            "CITEWELL_GENERATOR__ENABLED": "false",
            "CITEWELL_SLACK__BOT_TOKEN": "xoxb-1",
            "CITEWELL_SLACK__SIGNING_SECRET": SECRET,
            "CITEWELL_SLACK__API_URL": f"http://127.0.0.1:{api}/api/",
            "CITEWELL_SLACK__PACE": "0",
            "CITEWELL_SLACK__LEASE_S": "3",
            "CITEWELL_SLACK__QUESTIONS_PER_HOUR": "0",
            "CITEWELL_SLACK__DIGEST": "",
            "CITEWELL_LIMITS__ANSWERS_PER_MINUTE": "0",  # one person asks them all
        }
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with (self.home / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "serve"], env=self.environment, stdout=log, stderr=log
            )
        end = time.monotonic() + READY_S
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < end:
                try:
                    reply = await client.get(f"http://127.0.0.1:{self.port}/readyz")
                    if reply.json()["index"] == "ready":
                        return
                except (httpx.HTTPError, ValueError):
                    pass
                await asyncio.sleep(0.2)
        raise SystemExit(f"the server did not come up:\n{(self.home / 'serve.log').read_text('utf-8')}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


@asynccontextmanager
async def site(refusing: float = 0.0) -> AsyncIterator[tuple[Site, StandIn, httpx.AsyncClient]]:
    slack = StandIn(refusing)
    serving = asyncio.create_task(slack.server.serve())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "models").symlink_to(load_settings().models_dir.resolve())
        place = Site(home, slack.port)
        papers = SAMPLE.parent / "documents"
        command = [sys.executable, "-m", "server.cli", "ingest", str(papers)]
        subprocess.run(command, env=place.environment, check=True, capture_output=True)
        store = Store.open(load_settings().model_copy(update={"home": home}))
        People(store).add(
            "Ann", "four plain words here", role=Role.READER, groups=[], email="ann@heron.example"
        )
        store.close()
        try:
            await place.start()
            base = f"http://127.0.0.1:{place.port}"
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False, limits=limits) as client:
                yield place, slack, client
        finally:
            place.stop()
            slack.server.should_exit = True
            await serving


async def delivered(client: httpx.AsyncClient, number: int, question: str, again: int = 0) -> float:
    """Seconds until it was acknowledged. Raises httpx.HTTPError where it was not."""
    event = {
        "type": "app_mention",
        "user": "UANN",
        "channel": CHANNEL,
        "ts": ts_of(number),
        "text": f"<@{BOT}> {question}",
    }
    body = json.dumps(
        {"token": "x", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_time": 1,
         "event_id": f"Ev{number:06}", "event": event,
         "authorizations": [{"team_id": "T1", "user_id": BOT, "is_bot": True}]}
    )  # fmt: skip
    stamp = str(int(time.time()))
    signed = hmac.new(SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signed}",
    }
    if again:
        headers |= {"X-Slack-Retry-Num": str(again), "X-Slack-Retry-Reason": "http_timeout"}
    begin = time.monotonic()
    (await client.post("/v1/slack/events", content=body, headers=headers)).raise_for_status()
    return time.monotonic() - begin


def ts_of(number: int) -> str:
    return f"{1_700_000_000 + number}.000100"


async def answered(slack: StandIn, events: int) -> dict[str, object]:
    """Wait until each thread has a finished answer, or nothing has changed for a minute."""
    begin = last = time.monotonic()
    seen = -1
    while time.monotonic() - begin < END_S:
        done = sum(bool(set(slack.begun[ts_of(n)]) & slack.finished) for n in range(events))
        if done != seen:
            seen, last = done, time.monotonic()
        if done == events or time.monotonic() - last > 60:
            break
        await asyncio.sleep(0.2)
    twice = sum(len(slack.begun[ts_of(n)]) > 1 for n in range(events))
    return {"events": events, "answered": seen, "lost": events - seen, "answered_twice": twice}


async def storm(events: int, kills: int) -> dict[str, object]:
    rng = random.Random(SEED)
    undelivered = 0
    async with site() as (place, slack, client):
        begin = time.monotonic()

        async def one(number: int) -> None:
            nonlocal undelivered
            question = place.questions[number % len(place.questions)]
            extra = rng.randrange(1, 3) if rng.random() < 0.3 else 0
            for again, wait in enumerate((0.0, *AGAIN_S, *AGAIN_S[-1:] * 6)):
                await asyncio.sleep(wait)
                try:
                    await delivered(client, number, question, again)
                except httpx.HTTPError:
                    continue
                if not extra:
                    return
                extra -= 1
            undelivered += 1

        async def killer() -> None:
            for _ in range(kills):
                await asyncio.sleep(rng.uniform(4, 10))
                place.kill()
                await place.start()

        async def sender() -> None:
            tasks = []
            for number in range(events):
                tasks.append(asyncio.create_task(one(number)))
                await asyncio.sleep(0.06)
            await asyncio.gather(*tasks)

        await asyncio.gather(sender(), killer())
        told = await answered(slack, events)
        return {
            **told,
            "kills": kills,
            "undelivered": undelivered,
            "seconds": round(time.monotonic() - begin),
        }


async def crowd() -> dict[str, object]:
    async with site() as (place, slack, client):
        await delivered(client, 0, place.questions[0])
        await answered(slack, 1)
        sent = [delivered(client, 1 + n, place.questions[n]) for n in range(50)]
        took = await asyncio.gather(*sent)
        told = await answered(slack, 51)
    return {
        **told,
        "acknowledged_s": {"median": round(median(took), 3), "p95": round(quantiles(took, n=20)[18], 3),
                           "most": round(max(took), 3)},
    }  # fmt: skip


async def limits(events: int = 60) -> dict[str, object]:
    async with site(refusing=0.2) as (place, slack, client):
        for number in range(events):
            await delivered(client, number, place.questions[number % len(place.questions)])
        told = await answered(slack, events)
    return {**told, "calls": slack.calls.total(), "refused": slack.refused, "too_soon": slack.too_soon}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    made = {"storm": lambda: storm(arguments.events, arguments.kills), "crowd": crowd, "limits": limits}
    report: dict[str, object] = {"machine": machine()}
    for part in arguments.parts or PARTS:
        report[part] = asyncio.run(made[part]())
        print(json.dumps({part: report[part]}), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
