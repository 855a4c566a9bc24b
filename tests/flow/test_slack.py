"""The Slack bot with everything real but Slack: `citewell up` with vLLM, the unmodified slack_bolt, a
stand-in that speaks Slack's protocol and keeps its limits (a minute takes six seconds there and here).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.feedback import Feedbacks
from rag.settings import load_settings
from rag.store import Store
from tests.fakes.slack import Message, Slack
from tests.fakes.slack.limits import Limits
from tests.flow.slack_house import PUBLIC_URL, House, house_of, until

pytestmark = [pytest.mark.vllm, pytest.mark.models]

FASTER = 10
ACKNOWLEDGED_S = 1.0


@pytest.fixture(scope="module")
def slack() -> Iterator[Slack]:
    with Slack(limits=Limits(60 / FASTER), retry_s=(0.1, 1.0, 5.0)) as made:
        yield made
        assert made.errors() == {}
        assert made.limits.exceeded == {}


@pytest.fixture(scope="module")
def house(slack: Slack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("slack") / "home"
    with house_of(home, slack, "up", SLACK__PACE=str(FASTER), SLACK__HELP_CHANNEL="CSTAFF") as made:
        yield made


def answered(slack: Slack, channel: str, thread: str, number: int = 0) -> Message:
    """The bot's answer of that number in a thread, once it is whole."""

    def there() -> Message | None:
        said = slack.workspace.said(channel, thread, seen_by="")
        return (
            said[number]
            if len(said) > number and said[number].state == "done" and said[number].blocks
            else None
        )

    return until(there, f"an answer in {channel}")


def shown_to(slack: Slack, channel: str, user: str, before: int = 0) -> Message:
    """What the bot says to one person alone, after so many messages."""
    until(lambda: len(slack.workspace.said(channel, seen_by=user)) > before, f"a word to {user}")
    return slack.workspace.said(channel, seen_by=user)[before]


@pytest.mark.parametrize(
    ("question", "words", "verdicts"),
    [
        (
            "How many days of annual leave do employees have?",
            "25 days",
            ("Every sentence agrees with its source", "Verbatim from the documents", "Some sentences"),
        ),
        ("员工出差住宿费上限是多少？", "600元", ("每句话都与来源一致", "文档原文", "部分句子")),
    ],
    ids=["en", "zh"],
)
def test_a_mention_is_answered_in_its_thread(
    house: House, slack: Slack, question: str, words: str, verdicts: tuple[str, ...]
) -> None:
    asked, sent = slack.says(question, "UANN", "CSTAFF")
    took = sent.result(20).took
    assert took is not None
    assert took <= ACKNOWLEDGED_S
    answer = answered(slack, "CSTAFF", asked.ts)
    assert answer.streamed
    assert words in answer.text
    assert f"{PUBLIC_URL}/d/" in answer.shown()
    assert any(verdict in answer.shown() for verdict in verdicts)
    assert ("CSTAFF", asked.ts) in {
        (channel, thread) for channel, thread, status in slack.workspace.statuses if status
    }
    assert {"helpful", "not_helpful", "sources", "person"} <= set(answer.buttons())


def test_a_thread_goes_on_without_a_mention(house: House, slack: Slack) -> None:
    asked, _ = slack.says("员工出差住宿费上限是多少？", "UBOB", "CSTAFF")
    answered(slack, "CSTAFF", asked.ts)
    slack.says("报销单须在几天内提交？", "UBOB", "CSTAFF", thread=asked.ts, mention=False)
    assert "三十天内提交" in answered(slack, "CSTAFF", asked.ts, 1).text
    # people who talk to each other are left alone
    talk, sent = slack.says("And what is for lunch?", "UBOB", "CSTAFF", mention=False)
    assert sent.result(20).took is not None
    slack.says("How many days of annual leave do employees have?", "UBOB", "DBOB")
    until(lambda: slack.workspace.said("DBOB"), "an answer to the next question")
    assert slack.workspace.said("CSTAFF", talk.ts) == []


def test_a_command_is_answered_to_one_who_may_share_it(house: House, slack: Slack) -> None:
    sent = slack.command("How many days of annual leave do employees have?", "UBOB", "CSTAFF").result(20)
    assert sent.status == 200
    assert sent.took is not None
    assert sent.took <= ACKNOWLEDGED_S
    assert "seen by you alone" in shown_to(slack, "CSTAFF", "UBOB").text
    answer = shown_to(slack, "CSTAFF", "UBOB", 1)
    assert "25 days" in answer.shown()
    before = len(slack.workspace.said("CSTAFF", seen_by=""))
    slack.press(answer, "share", "UBOB")
    until(lambda: len(slack.workspace.said("CSTAFF", seen_by="")) > before, "the answer for all")
    shared = slack.workspace.said("CSTAFF", seen_by="")[-1]
    assert "25 days" in shared.shown()
    assert "<@UBOB> asked" in shared.shown()


def test_buttons_below_an_answer(house: House, slack: Slack) -> None:
    asked, _ = slack.says(
        "How often is the password of the guest network at the plant changed?", "UADA", "CSTAFF"
    )
    answer = answered(slack, "CSTAFF", asked.ts)
    before = len(slack.workspace.said("CSTAFF", seen_by="UADA"))
    slack.press(answer, "sources", "UADA")
    assert "changed every 90 days" in shown_to(slack, "CSTAFF", "UADA", before).shown()
    slack.press(answer, "helpful", "UADA")
    assert "Thank you" in shown_to(slack, "CSTAFF", "UADA", before + 1).text
    slack.press(answer, "not_helpful", "UADA")
    form = until(
        lambda: [one for one in slack.workspace.views if one["callback_id"] == "reason"], "the form"
    )[0]
    fields = {one["block_id"]: one["element"] for one in form["blocks"] if one["type"] == "input"}
    values = {
        block: {element["action_id"]: _given(element, "It is 60 days.")} for block, element in fields.items()
    }
    assert slack.submit(form, values, "UADA").result(20).status == 200
    until(lambda: "It is 60 days." in corrections(house), "the correction among the feedback")
    slack.press(answer, "person", "UADA")
    until(
        lambda: "<@UADA>" in slack.workspace.said("CSTAFF", seen_by="")[-1].shown(), "the question for people"
    )


def corrections(house: House) -> list[str]:
    """As the reviewers of feedback see them."""
    store = Store.open(load_settings().model_copy(update={"home": house.home}))
    try:
        return [one.feedback.corrected for one in Feedbacks(store).reviewed()]
    finally:
        store.close()


def _given(element: dict[str, object], text: str) -> dict[str, object]:
    if element["type"] == "plain_text_input":
        return {"type": "plain_text_input", "value": text}
    return {"type": element["type"], "selected_option": element["options"][0]}  # type: ignore[index]


def test_a_channel_is_set_by_a_form(house: House, slack: Slack) -> None:
    before = len(slack.workspace.views)
    slack.command("settings", "UADA", "CALL").result(20)
    form = until(lambda: slack.workspace.views[before:], "the form")[0]
    values = {}
    for block in form["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            many = "initial_options" in element or element["type"] in ("checkboxes", "multi_static_select")
            value = {"selected_options": []} if many else {"selected_option": element["initial_option"]}
            values[block["block_id"]] = {element["action_id"]: {"type": element["type"], **value}}
    chosen = next(one for one in form["blocks"] if one["block_id"] == "language")["element"]
    chinese = next(one for one in chosen["options"] if one["value"] == "zh")
    values["language"][chosen["action_id"]]["selected_option"] = chinese
    slack.submit(form, values, "UADA")
    assert "saved" in shown_to(slack, "CALL", "UADA").text
    asked, _ = slack.says("How many days of annual leave do employees have?", "UBOB", "CALL")
    answer = answered(slack, "CALL", asked.ts)
    assert "25 days" in answer.text
    assert "有帮助" in answer.shown()


def test_the_pane_greets_and_its_questions_are_answered(house: House, slack: Slack) -> None:
    opened = slack.workspace.post(Message(slack.workspace.stamp(), "DCY", "UCY", ""))
    thread = {"user_id": "UCY", "context": {}, "channel_id": "DCY", "thread_ts": opened.ts}
    slack.event({"type": "assistant_thread_started", "assistant_thread": thread})
    prompts = until(lambda: [p for p in slack.workspace.prompts if p["channel_id"] == "DCY"], "the greeting")[
        0
    ]
    titles = {one["title"] for one in prompts["prompts"]}
    assert titles <= {"Leave", "差旅制度"}
    slack.says(prompts["prompts"][0]["message"], "UCY", "DCY", thread=opened.ts)
    answer = answered(slack, "DCY", opened.ts, 1)
    assert f"{PUBLIC_URL}/d/" in answer.shown()
