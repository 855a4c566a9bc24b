"""What Slack shows of answers: escaped, linked, split at sentences; and that every phrase is there."""

from __future__ import annotations

import itertools
import tomllib
from importlib import resources
from string import Formatter

import pytest

import server.slack
from rag.types import Answer, AnswerVerdict, Citation, Claim, ClaimVerdict, DocumentRef
from server.slack.blocks import View, closing, message_parts, streamed
from server.slack.rendering import escaped, linked, plain, split, tables
from server.slack.words import LANGUAGES, say
from tests.unit.server.slack.conftest import texts


def test_text_of_documents_is_shown_and_not_obeyed() -> None:
    nasty = "<!channel> & <@U1> *bold* a_b_c `x`"
    assert plain(nasty) == "&lt;!channel&gt; &amp; &lt;@U1&gt; *bold* a_b_c `x`"
    shown = escaped(nasty, "mrkdwn")
    assert "<" not in shown
    assert shown.replace("\u200b", "") == plain(nasty)
    assert "*\u200bbold" in shown
    assert "a_b_c" in shown
    assert escaped("# *a* [b](c) <x>\n- d\n12. e 3.5", "markdown") == (
        "\\# \\*a\\* \\[b\\](c) &lt;x&gt;\n\\- d\n12\\. e 3.5"
    )


def test_markers_become_links_where_there_is_something_to_link_to() -> None:
    def link(n: int) -> str:
        return f"https://a.example/?x=1&n={n}" if n == 1 else ""

    assert linked("A [1] b [2] c [7].", {1, 2}, link, "mrkdwn") == (
        "A <https://a.example/?x=1&amp;n=1|[1]> b [2] c [7]."
    )
    assert linked("A [1] b [2]", {1, 2}, link, "markdown") == (
        "A [\\[1\\]](https://a.example/?x=1&n=1) b \\[2\\]"
    )


def test_long_texts_are_split_where_sentences_end() -> None:
    english = "One sentence here. Another one there. A third."
    assert split(english, 40) == ["One sentence here. Another one there.", "A third."]
    chinese = "第一句话。第二句话很长。第三句！"
    assert split(chinese, 12) == ["第一句话。第二句话很长。", "第三句！"]
    assert split("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert split("word " * 5, 11) == ["word word", "word word", "word"]
    assert split("", 10) == []


def test_rows_are_aligned_by_the_width_of_their_characters() -> None:
    assert tables("部件 | Price\n密封圈 | 12\ntext") == "部件    Price\n密封圈  12\ntext"


def citation(n: int, title: str = "Leave <rules>") -> Citation:
    return Citation(n, f"d{n}", title, "leave.md", 3, (), "Quote.", 5, 11)


def answer(*claims: Claim, verdict: AnswerVerdict = AnswerVerdict.SUPPORTED, **about: object) -> Answer:
    given = {"citations": (citation(1),), "notices": (), "nearest": ()} | about
    return Answer("q", "text", verdict, claims, language="en", model=None, usage={}, timings_ms={}, **given)


VIEW = View("en", "m1", "c1", "https://citewell.example")


def claim(text: str, verdict: ClaimVerdict = ClaimVerdict.SUPPORTED) -> Claim:
    return Claim(text, 0, 0, verdict, 0.9, (1,))


def test_a_stream_only_grows() -> None:
    claims = [
        claim("One & two."),
        claim("- Three 3. of", ClaimVerdict.UNSUPPORTED),
        claim("Q", ClaimVerdict.QUOTED),
    ]
    shown = [streamed(answer(*claims[:n]), VIEW) for n in range(1, 4)]
    assert all(after.startswith(before) for before, after in itertools.pairwise(shown))
    assert "(not supported by the sources)" in shown[-1]


def test_what_stands_below_an_answer() -> None:
    blocks = closing(answer(claim("A."), notices=("Mind <this>.",)), VIEW)
    assert blocks[0]["elements"][0]["text"] == (
        ":white_check_mark: Every sentence agrees with its source\n:information_source: Mind &lt;this&gt;."
    )
    assert blocks[1]["elements"][0]["text"] == (
        "*Sources*\n[1] <https://citewell.example/d/d1?start=5&amp;end=11&amp;words=Quote."
        "|Leave &lt;rules&gt;>, page 3"
    )
    assert [one["action_id"] for one in blocks[2]["elements"]] == ["helpful", "not_helpful", "sources", "web"]
    assert blocks[2]["elements"][3]["url"] == "https://citewell.example/c/c1"


def test_without_a_public_address_there_are_no_links() -> None:
    shown = texts(closing(answer(claim("A.")), View("zh", "m1", "c1")))
    assert "http" not in shown
    assert "有帮助" in shown


def test_where_nothing_was_found_the_nearest_documents_are_named() -> None:
    nearest = (DocumentRef("d9", "x.md", "Handbook", "en"),)
    found = answer(verdict=AnswerVerdict.INSUFFICIENT_CONTEXT, citations=(), nearest=nearest)
    shown = texts(closing(found, VIEW))
    assert "The documents that everyone here may read do not say" in shown
    assert "<https://citewell.example/d/d9|Handbook>" in shown
    alone = texts(closing(found, View("en", "m1", "c1", shared_channel=False)))
    assert "The documents do not say" in alone


def test_a_long_answer_fits_into_blocks_and_messages() -> None:
    long = " ".join(f"Sentence & number {n} <of> many goes on for quite a while." for n in range(400))
    parts = message_parts(answer(claim(long)), VIEW)
    assert len(parts) > 1
    assert [any(one["type"] == "actions" for one in blocks) for _, blocks in parts] == [False] * (
        len(parts) - 1
    ) + [True]
    for _, blocks in parts:
        assert len(blocks) <= 50
        assert all(len(one["text"]["text"]) <= 3000 for one in blocks if one["type"] == "section")
    said = "".join(texts([b for b in blocks if b["type"] == "section"]) for _, blocks in parts)
    assert all(f"number {n} " in said for n in range(400))


def test_every_phrase_is_there_in_every_language_with_the_same_fields() -> None:
    phrases = tomllib.loads(resources.files(server.slack).joinpath("words.toml").read_text("utf-8"))
    for name, found in phrases.items():
        assert set(found) == set(LANGUAGES), name
        fields = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in found.values()]
        assert fields[0] == fields[1], name


@pytest.mark.parametrize(
    ("locale", "word"), [("zh-CN", "保存"), ("zh", "保存"), ("en-GB", "Save"), ("de", "Save")]
)
def test_words_follow_the_locale(locale: str, word: str) -> None:
    assert say("save", locale) == word
