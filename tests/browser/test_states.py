"""What an answer can be beside right: each state is told in words, and looks like what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_page import faults

pytestmark = pytest.mark.browser

WHEN = "2026-11-25T08:00:00Z"
NEWER = {
    "document_id": "d2", "title": "Travel policy 2026", "source": "travel-2026.docx", "edition": "2026-01-01",
    "modified": None,
}  # fmt: skip
OLDER = {**NEWER, "document_id": "d1", "title": "Travel policy 2024", "edition": "2024-03-01"}
CITED = {
    **OLDER, "n": 1, "page": None, "heading": ["Hotels"], "quote": "The allowance is 120 EUR.",
    "start": 10, "end": 35, "superseded_by": NEWER, "supersedes": [],
}  # fmt: skip
NEAR = {**NEWER, "language": "en", "superseded_by": None}


def claim(text: str, verdict: str, *citations: int, **signals: Any) -> dict[str, Any]:
    return {
        "text": text, "start": 0, "end": len(text), "verdict": verdict, "score": 0.5,
        "citations": citations, "signals": signals,
    }  # fmt: skip


def answer(verdict: str, *claims: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {
        "answer": " ".join(one["text"] for one in claims), "verdict": verdict, "claims": claims,
        "citations": [CITED] if claims else [], "language": "en", "model": None, "usage": {},
        "timings_ms": {"retrieve": 21.4}, "question": "q", "standalone_question": "q", "nearest": [],
        "notices": [], "disagreements": [], "gaps": [], "scores": {}, **given,
    }  # fmt: skip


MIXED = answer(
    "partial",
    claim("The **allowance** is 120 EUR. ![x](https://elsewhere.example/x.png)", "supported", 1),
    claim("Breakfast is [included](https://elsewhere.example).", "unsupported"),
    claim("Taxis are free.", "not_checked"),
    claim("“The allowance is 120 EUR.”", "quoted", 1),
    notices=["A drafted sentence was left out.", "The newer version says: “The allowance is 140 EUR.”"],
    disagreements=[
        {
            "n": 1,
            "document": NEWER,
            "quote": "The allowance is 140 EUR.",
            "start": 4,
            "end": 29,
            "newer": True,
        }
    ],
    gaps=[
        {"kind": "part", "text": "Who approves exceptions?", "n": None},
        {"kind": "fact", "text": "In Berlin it is 140 EUR.", "n": 1},
    ],
)
SILENT = answer("insufficient_context", answer="The documents do not say.", nearest=[NEAR])


def message(key: str, parent: str | None, **given: Any) -> dict[str, Any]:
    role = "user" if key.startswith("q") else "assistant"
    return {
        "id": key, "parent": parent, "role": role, "content": "What is the allowance?", "created": WHEN,
        "status": "done", "answer": None, "suggestions": [], "feedback": None, **given,
    }  # fmt: skip


CONVERSATION = {
    "id": "states", "title": "States", "created": WHEN, "updated": WHEN, "collections": [], "active": "a3",
    "messages": [
        message("q1", None), message("a1", "q1", answer=MIXED), message("q2", "a1"),
        message("a2", "q2", answer=SILENT), message("q3", "a2"), message("a3", "q3", status="failed"),
    ],
}  # fmt: skip


def opened(desk: Any, **given: Any) -> Page:
    page = desk.window(**given)
    page.route("**/v1/conversations/states", lambda route: route.fulfill(json=CONVERSATION))
    page.goto("/c/states")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_is_told_in_words(desk, shots, scheme):
    page = opened(desk, color_scheme=scheme, viewport={"width": 1280, "height": 1500})
    mixed, silent, failed = (page.get_by_role("article").nth(at) for at in range(3))
    expect(mixed).to_contain_text("Not every sentence is supported")
    marks = [mixed.locator("[data-verdict]").nth(at) for at in range(4)]
    for mark, word in zip(marks, ("Supported", "Unsupported", "Not checked", "Verbatim"), strict=True):
        expect(mark).to_contain_text(f"Verdict {word}")
    expect(mixed.get_by_role("region", name="Another version says otherwise")).to_contain_text(
        "The allowance is 140 EUR."
    )
    # what a section shows is not told a second time
    expect(mixed.get_by_role("list", name="Notices").get_by_role("listitem")).to_have_count(1)
    expect(mixed.get_by_role("region", name="Left unanswered")).to_contain_text("Who approves exceptions?")
    expect(mixed.get_by_role("region", name="The sources add")).to_contain_text("In Berlin it is 140 EUR.")
    expect(silent).to_contain_text("The documents do not say.")
    expect(silent.get_by_role("button", name="Travel policy 2026")).to_be_visible()
    expect(failed).to_contain_text("This answer was broken off.")
    assert faults(page) == []
    page.screenshot(path=shots / f"states-{scheme}.png")
    mixed.get_by_role("button", name="Source 1: Travel policy 2024").first.hover()
    expect(page.get_by_text("Superseded by Travel policy 2026, 2026-01-01")).to_be_visible()


def test_an_answer_loads_nothing_from_elsewhere(desk):
    asked: list[str] = []
    page = opened(desk)
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    article = page.get_by_role("article").first
    expect(article.locator("strong").first).to_have_text("allowance")
    expect(article.locator("img")).to_have_count(0)
    expect(article.locator("a")).to_have_count(0)
    assert asked
    assert {url for url in asked if "elsewhere" in url} == set()


def test_a_quote_that_does_not_stand_there_is_not_marked(desk):
    page = opened(desk)
    row = {
        "id": "d1", "title": "Travel policy 2024", "source": "", "uri": "t.docx", "collection": "default",
        "language": "en", "mime": "text/plain", "size": 1, "modified": None, "edition": "", "error": "",
        "superseded_by": None, "readable": True,
    }  # fmt: skip
    text = {"title": "t", "text": "Something else stands here now, word by word.", "from": 0, "headings": []}
    page.route("**/v1/documents/d1", lambda route: route.fulfill(json=row))
    page.route(
        "**/v1/documents/d1/text?*", lambda route: route.fulfill(json={**text, "start": 10, "end": 35})
    )
    page.get_by_role("article").first.get_by_role("button", name="Source 1").first.click()
    expect(page.get_by_text("The quote cannot be placed in this text")).to_be_visible()
    expect(page.get_by_text("Something else stands here now")).to_be_visible()
    expect(page.locator("mark")).to_have_count(0)


def test_usage_over_days_is_drawn_and_told(desk, shots):
    verdicts = ["supported"] * 5 + ["quoted"] * 3 + ["insufficient_context", "partial"]
    now = datetime.now(UTC)
    items = [
        {
            "id": at, "at": (now - timedelta(days=at % 9, hours=at % 3)).isoformat(), "user_id": f"u{at % 4}",
            "name": "Ann", "channel": "chat", "question": "q", "sentences": [], "language": "en", "model": "",
            "verdict": verdicts[at % 10], "usage": {"completion_tokens": 20}, "ms": 100.0 * at,
        }
        for at in range(200)
    ]  # fmt: skip

    def serve(route: Any) -> None:
        second = "cursor" in route.request.url
        page = {"items": items[100:], "next": None} if second else {"items": items[:100], "next": "c"}
        route.fulfill(body=json.dumps(page), content_type="application/json")

    page = desk.window(who="Ada")
    page.route("**/v1/audit?*", serve)
    page.goto("/admin/usage")
    figures = page.locator("dl").first
    expect(figures).to_contain_text("Answers200")
    expect(figures).to_contain_text("Supported50%")
    expect(figures).to_contain_text("Tokens written4,000")
    expect(page.get_by_role("img", name="Answers a day, by verdict").locator("canvas")).to_be_visible()
    beyond = page.get_by_role("region", name="Usage").evaluate(
        "(one) => one.parentElement.scrollWidth - one.parentElement.clientWidth"
    )
    assert beyond == 0
    assert faults(page) == []
    page.screenshot(path=shots / "admin-usage.png")
