"""The bot on a real server, database and answer path; Slack's Web API is a list of what was asked of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient
from slack_sdk.webhook.webhook_response import WebhookResponse
from sqlalchemy import select

from rag.settings import Settings
from rag.store import Store
from rag.tables_conversations import message
from rag.tables_slack import slack_event
from server.app import create_app
from server.auth.people import People
from server.auth.principal import Role
from server.slack.client import SlackClient
from tests.fakes.served import LOCAL, assistant_of
from tests.fakes.slack import BOT, SECRET
from tests.fakes.slack.delivery import signed


class Web:
    """Slack's answers by method, and the calls that were made. ``fail`` gives a method an error."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.users: dict[str, dict[str, Any]] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.members: dict[str, list[str]] = {}
        self.replies: dict[str, list[dict[str, Any]]] = {}
        self.fail: dict[str, str] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self._ts = 1_800_000_000

    def person(self, key: str, email: str = "", **about: Any) -> None:
        self.users[key] = {
            "id": key,
            "team_id": "T1",
            "profile": {"email": email},
            "locale": "en-US",
            **about,
        }

    def channel(self, key: str, *members: str, **about: Any) -> None:
        self.channels[key] = {"id": key, "is_channel": True, "is_private": True, **about}
        self.members[key] = [*members, BOT]

    def made(self, method: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.calls if name == method]

    def answer(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((method, fields))
        if method in self.fail:
            return {"ok": False, "error": self.fail[method]}
        match method:
            case "auth.test":
                return {"team_id": "T1", "team": "Heron", "user_id": BOT, "user": "citewell", "bot_id": "B1"}
            case "users.info":
                known = self.users.get(fields["user"])
                return {"user": known} if known else {"ok": False, "error": "user_not_found"}
            case "users.lookupByEmail":
                for one in self.users.values():
                    if one["profile"]["email"] == fields["email"]:
                        return {"user": one}
                return {"ok": False, "error": "users_not_found"}
            case "conversations.info":
                known = self.channels.get(fields["channel"])
                return {"channel": known} if known else {"ok": False, "error": "channel_not_found"}
            case "conversations.members":
                at = int(fields.get("cursor") or 0)
                members = self.members[fields["channel"]]
                after = str(at + 2) if at + 2 < len(members) else ""
                return {"members": members[at : at + 2], "response_metadata": {"next_cursor": after}}
            case "conversations.replies":
                return {"messages": self.replies.get(fields["ts"], [])}
            case "chat.getPermalink":
                return {"permalink": f"https://slack.example/{fields['channel']}/{fields['message_ts']}"}
            case "chat.postMessage" | "chat.startStream" | "chat.postEphemeral":
                self._ts += 1
                return {"ts": f"{self._ts}.000100", "channel": fields["channel"]}
        return {}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    made = Web()
    made.person("UANN", "Ann@heron.example")
    made.person("UBOB", "bob@heron.example")
    made.person("UADA", "ada@heron.example")
    made.person(BOT, is_bot=True)
    made.channel("C1", "UANN", "UBOB")
    made.channels["DANN"] = {"id": "DANN", "is_im": True, "user": "UANN"}

    async def api_call(self: AsyncWebClient, api_method: str, **given: Any) -> AsyncSlackResponse:
        fields = given.get("json") or given.get("params") or given.get("data") or {}
        told = {"ok": True, **made.answer(api_method, dict(fields))}
        response = AsyncSlackResponse(
            client=self,
            http_verb="POST",
            api_url=api_method,
            req_args={},
            data=told,
            headers=made.headers.get(api_method, {}),
            status_code=200,
        )
        if not told["ok"]:
            raise SlackApiError("it failed", response)
        return response

    async def send(self: AsyncWebhookClient, **given: Any) -> WebhookResponse:
        made.calls.append(("response_url", given))
        return WebhookResponse(url=self.url, status_code=200, body="ok", headers={})

    monkeypatch.setattr(AsyncWebClient, "api_call", api_call)
    monkeypatch.setattr(AsyncWebhookClient, "send", send)
    return made


@pytest.fixture
def client(web: Web) -> SlackClient:
    from rag.slack_settings import SlackSettings

    return SlackClient(SlackSettings(bot_token="xoxb-1", pace=0))


@pytest.fixture
def slack() -> dict[str, Any]:
    """Settings of the bot; a test module may override it."""
    return {}


@pytest.fixture
def settings(settings: Settings, slack: dict[str, Any]) -> Settings:
    given = {"bot_token": "xoxb-1", "signing_secret": SECRET, "pace": 0, "lease_s": 6, "digest": "", **slack}
    bot = settings.slack.model_copy(update=given)
    server = settings.server.model_copy(update={"public_url": "https://citewell.example"})
    return settings.model_copy(update={"slack": bot, "server": server})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store.open(settings)
    people = People(opened)
    for name, role, groups in (
        ("Ann", Role.READER, ["staff", "board"]),
        ("Bob", Role.READER, ["staff"]),
        ("Ada", Role.ADMINISTRATOR, ["staff", "board"]),
    ):
        people.add(
            name, "four plain words here", role=role, groups=groups, email=f"{name.lower()}@heron.example"
        )
    yield opened
    opened.close()


@pytest.fixture
def app(settings: Settings, store: Store, web: Web) -> FastAPI:
    return create_app(settings, assistant_of(settings, store))


def texts(value: Any) -> str:
    """All of it, to look for words in."""
    return json.dumps(value, ensure_ascii=False)


def buttons_of(blocks: list[dict[str, Any]]) -> list[str]:
    return [one["action_id"] for one in blocks[-1]["elements"]]


class Sender:
    """Sends what Slack sends, signed; waits for what the bot does about it."""

    def __init__(self, http: TestClient, web: Web, store: Store) -> None:
        self.http = http
        self.web = web
        self.store = store
        self._count = 0

    def post(
        self,
        body: str,
        kind: str = "application/json",
        secret: str = SECRET,
        at: float | None = None,
        again: int = 0,
    ) -> Any:
        headers = {"Content-Type": kind, **signed(secret, body, time.time() if at is None else at)}
        if again:
            headers |= {"X-Slack-Retry-Num": str(again), "X-Slack-Retry-Reason": "http_timeout"}
        return self.http.post("/v1/slack/events", content=body.encode(), headers=headers)

    def event(self, event: dict[str, Any], key: str = "", again: int = 0) -> Any:
        self._count += 1
        body = {
            "token": "x", "team_id": "T1", "api_app_id": "A1", "type": "event_callback",
            "event_id": key or f"Ev{self._count:04}", "event_time": int(time.time()), "event": event,
            "authorizations": [{"team_id": "T1", "user_id": BOT, "is_bot": True}],
        }  # fmt: skip
        answered = self.post(json.dumps(body), again=again)
        assert answered.status_code == 200, answered.text
        return answered

    def mention(
        self, text: str, user: str = "UANN", channel: str = "C1", ts: str = "1700000001.000100", **more: Any
    ) -> Any:
        event = {
            "type": "app_mention",
            "user": user,
            "channel": channel,
            "ts": ts,
            "text": f"<@{BOT}> {text}",
        }
        return self.event(event | more)

    def message(
        self, text: str, user: str = "UANN", channel: str = "DANN", ts: str = "1700000001.000100", **more: Any
    ) -> Any:
        kind = "im" if channel.startswith("D") else "group"
        event = {
            "type": "message",
            "user": user,
            "channel": channel,
            "ts": ts,
            "text": text,
            "channel_type": kind,
        }
        return self.event(event | more)

    def form(self, payload: dict[str, Any]) -> Any:
        """Buttons and forms."""
        return self.post(urlencode({"payload": json.dumps(payload)}), "application/x-www-form-urlencoded")

    def command(self, **fields: str) -> Any:
        body = {
            "token": "x",
            "team_id": "T1",
            "channel_id": "C1",
            "user_id": "UANN",
            "command": "/ask",
            **fields,
        }
        return self.post(urlencode(body), "application/x-www-form-urlencoded")

    def press(self, name: str, value: str, user: str = "UANN", **more: Any) -> Any:
        """A button below an answer."""
        self._count += 1
        payload = {
            "type": "block_actions", "team": {"id": "T1"}, "user": {"id": user, "team_id": "T1"},
            "api_app_id": "A1", "token": "x", "trigger_id": f"9.{self._count}.x", "channel": {"id": "C1"},
            "container": {"type": "message", "channel_id": "C1", "message_ts": "1800000001.000100"},
            "response_url": "https://hooks.example/1",
            "actions": [{"type": "button", "action_id": name, "block_id": "b", "value": value}], **more,
        }  # fmt: skip
        return self.form(payload)

    def idle(self, done: int | None = None) -> None:
        """Until nothing is left to do, and so many events (any number) have been done."""

        def settled() -> bool:
            with self.store.read() as connection:
                states = list(connection.execute(select(slack_event.c.state)).scalars())
            return "new" not in states and (done is None or states.count("done") >= done)

        self.wait(settled, "the end")

    def understood(self) -> list[str]:
        """How the questions that were answered were understood, in their order."""
        self.idle()
        with self.store.read() as connection:
            query = select(message.c.answer).where(message.c.answer.is_not(None)).order_by(message.c.created)
            return [one["standalone_question"] for one in connection.execute(query).scalars()]

    def wait(self, there: Callable[[], Any], what: str = "it") -> Any:
        """What ``there`` returns once that is true."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if found := there():
                return found
            time.sleep(0.01)
        raise AssertionError(f"{what} did not happen; calls: {[name for name, _ in self.web.calls]}")

    def called(self, method: str, times: int = 1) -> dict[str, Any]:
        """The last of so many calls of a method."""
        return self.wait(
            lambda: len(self.web.made(method)) >= times and self.web.made(method)[times - 1], method
        )


@pytest.fixture
def slack_sends(app: FastAPI, web: Web, store: Store) -> Iterator[Sender]:
    with TestClient(app, base_url=LOCAL) as http:
        yield Sender(http, web, store)
