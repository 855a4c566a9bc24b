"""A text from elsewhere, held to the sources that come with it."""

import pytest

from rag.answer_settings import CheckSettings
from rag.check import Checker
from rag.errors import QuestionError
from rag.examine import Given, examine
from rag.types import AnswerVerdict, ClaimVerdict

LEAVE = Given("Employees have 25 days of annual leave. Unused days lapse on 31 March.", "Leave")
HOTEL = Given("The hotel allowance in Berlin is 140 EUR a night. Parking fees are not refunded.", "Travel")
RIGHT = "Employees have 25 days of annual leave."


@pytest.fixture
def check(settings, embedder):
    async def run(text, *sources):
        return await examine(text, sources, "", embedder, None, settings)

    return run


async def test_verdicts_quotes_and_offsets(check):
    text = f"{RIGHT} The hotel allowance in Berlin is 150 EUR a night."
    examined = await check(text, LEAVE, HOTEL)
    assert [claim.verdict for claim in examined.claims] == [ClaimVerdict.SUPPORTED, ClaimVerdict.UNSUPPORTED]
    assert examined.verdict is AnswerVerdict.PARTIAL
    assert [text[claim.start : claim.end] for claim in examined.claims] == [c.text for c in examined.claims]
    sources = {"1": LEAVE, "2": HOTEL}
    for citation in examined.citations:
        assert sources[citation.document_id].text[citation.start : citation.end] == citation.quote
        assert sources[citation.document_id].title == citation.title
    quotes = {citation.n: citation.quote for citation in examined.citations}
    assert quotes[examined.claims[0].citations[0]] == RIGHT
    assert [citation.n for citation in examined.citations] == list(range(1, len(quotes) + 1))
    assert "number" in examined.claims[1].signals["reason"]


async def test_a_marked_sentence_is_held_to_what_it_names(check):
    for text, verdict in ((f"{RIGHT[:-1]} [1].", "supported"), (f"{RIGHT[:-1]} [2].", "unsupported")):
        (claim,) = (await check(text, LEAVE, HOTEL)).claims
        assert (claim.verdict, claim.text) == (verdict, text)
    # after the full stop, too
    first, second = (await check(f"{RIGHT} [2] {RIGHT} [1]", LEAVE, HOTEL)).claims
    assert (first.verdict, second.verdict) == ("unsupported", "supported")
    assert first.text == second.text == RIGHT


async def test_a_source_that_is_not_there_supports_nothing(check):
    examined = await check(f"{RIGHT[:-1]} [7].", LEAVE)
    assert [claim.verdict for claim in examined.claims] == [ClaimVerdict.UNSUPPORTED]
    assert examined.citations == ()


async def test_all_right(check):
    examined = await check(RIGHT, HOTEL, LEAVE)
    assert examined.verdict is AnswerVerdict.SUPPORTED
    assert [(one.document_id, one.quote) for one in examined.citations] == [("2", RIGHT)]


@pytest.mark.parametrize("text", ["", "  \n", "[1]"])
async def test_nothing_to_check(check, text):
    with pytest.raises(QuestionError, match="0 sentences to check"):
        await check(text, LEAVE)
    with pytest.raises(QuestionError, match="against 0 of the sources"):
        await check(RIGHT, Given("\n"))


async def test_layers_that_read_a_model_here_are_asked_as_for_answers(settings, embedder):
    asked = []

    def ask(evidence, sentence):
        asked.append(sentence)
        return {"probe": 1.5}

    check = CheckSettings(layers=("agreement", "alignment", "probe"))
    probing = settings.model_copy(update={"check": check})
    sentence = "The days of annual leave that employees have are 25."
    got = await examine(sentence, [LEAVE], "", embedder, None, probing, {"probe": ask})
    assert asked == [sentence]
    assert got.claims[0].signals["probe"] == 1.5


async def test_where_no_generator_is_wanted_none_leaves_a_doubt(settings, embedder, monkeypatch):
    asked = []

    class Seen(Checker):
        def __init__(self, embedder, evidence, check, *rest, **named):
            asked.append(check.layers)
            super().__init__(embedder, evidence, check, *rest, **named)

    monkeypatch.setattr("rag.examine.Checker", Seen)
    for enabled in (True, False):
        generator = settings.generator.model_copy(update={"enabled": enabled})
        known = settings.model_copy(update={"generator": generator, "check": CheckSettings()})
        await examine(RIGHT, [LEAVE], "", embedder, None, known)
    assert asked == [("agreement", "alignment", "translation", "judge"), ("agreement", "alignment")]
