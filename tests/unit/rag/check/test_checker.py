import dataclasses

import pytest

from rag.calibration import load
from rag.check import Checker
from rag.settings import CheckSettings
from rag.types import ClaimVerdict
from tests.fakes.library import document_of, evidence_of

RULES = document_of(
    "rules.md",
    [
        "Employees have 25 days of annual leave. The days lapse on 31 March.",
        "Parking fees are not refunded.",
        "Ask Maria Keller about travel.",
    ],
    title="Leave rules",
)
REGELN = document_of("regeln.md", ["报销单须在30天内提交给财务部。"], title="报销办法")
LEAVE = evidence_of(RULES, "Employees have 25 days of annual leave.", 1)
PARKING = evidence_of(RULES, "Parking fees are not refunded.", 2)
KELLER = evidence_of(RULES, "Ask Maria Keller about travel.", 3)
CLAIM = evidence_of(REGELN, "报销单须在30天内提交给财务部。", 4)


@pytest.fixture
def checker(embedder):
    return Checker(embedder, [LEAVE, PARKING, KELLER, CLAIM], CheckSettings())


async def test_a_verbatim_sentence_is_supported(checker):
    got = await checker.check("Employees have 25 days of annual leave.", [1])
    assert got.verdict is ClaimVerdict.SUPPORTED
    assert got.score > load("support").threshold
    assert got.citations == (1,)
    assert got.signals["cover"] == 1.0
    assert "reason" not in got.signals


async def test_a_verbatim_chinese_sentence_is_supported(checker):
    assert (await checker.check("报销单须在三十天内提交给财务部。", [4])).verdict is ClaimVerdict.SUPPORTED


@pytest.mark.parametrize(
    ("sentence", "cited", "reason"),
    [
        ("Employees have 28 days of annual leave.", 1, "number not in the evidence: 28"),
        ("Employees have 25 weeks of annual leave.", 1, "number not in the evidence: 25"),
        ("Ask Peter Keller about travel.", 3, "name not in the evidence: Peter"),
        ("Employees have no annual leave.", 1, "denies or affirms otherwise than the evidence"),
        ("Parking fees are refunded.", 2, "denies or affirms otherwise than the evidence"),
        ("报销单须在60天内提交给财务部。", 4, "number not in the evidence: 60"),
    ],
)
async def test_the_deterministic_layer_refuses(checker, sentence, cited, reason):
    got = await checker.check(sentence, [cited])
    assert got.verdict is ClaimVerdict.UNSUPPORTED
    assert got.score == 0.0
    assert got.signals["reason"] == reason


async def test_what_has_nothing_to_do_with_the_evidence_is_unsupported(checker):
    got = await checker.check("Bananas grow in warm and humid regions.", [1])
    assert got.verdict is ClaimVerdict.UNSUPPORTED
    assert 0 < got.score < load("support").threshold


async def test_a_denial_of_the_evidence_may_be_repeated(checker):
    assert (await checker.check("Parking fees are not refunded.", [2])).verdict is ClaimVerdict.SUPPORTED


async def test_a_sentence_that_cites_nothing_is_held_to_what_fits_it_best(checker):
    got = await checker.check("Ask Maria Keller about travel.", [])
    assert got.citations == (3,)
    assert got.verdict is ClaimVerdict.SUPPORTED


async def test_numbers_that_do_not_exist_are_dropped(checker):
    for cited in ([0, 9, 1, 1], [77]):
        got = await checker.check("Employees have 25 days of annual leave.", cited)
        assert got.citations == (1,)


async def test_neighbours_and_headings_count_as_evidence(embedder):
    about = dataclasses.replace(
        LEAVE,
        context="Employees have 25 days of annual leave. The days lapse on 31 March.",
        heading=("HS-900",),
    )
    checker = Checker(embedder, [about], CheckSettings())
    for sentence in ("Employees have 25 days of annual leave until 31 March.", "Employees have HS-900."):
        assert "reason" not in (await checker.check(sentence, [1])).signals


async def test_the_header_of_a_table_gives_the_unit(embedder):
    table = document_of("prices.csv", ["HS-900 | 12"], title="Prices", spoken="en")
    row = evidence_of(table, "HS-900 | 12", header="Model | Price (EUR)")
    got = await Checker(embedder, [row], CheckSettings()).check("The HS-900 costs 12 EUR.", [1])
    assert "reason" not in got.signals


async def test_without_evidence_nothing_is_supported(embedder):
    got = await Checker(embedder, [], CheckSettings()).check("Anything.", [1])
    assert (got.verdict, got.citations) == (ClaimVerdict.UNSUPPORTED, ())


async def test_a_check_that_breaks_is_not_checked_never_supported(checker, embedder, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(embedder, "token_vectors", broken)
    got = await checker.check("Employees have 25 days of annual leave.", [1])
    assert (got.verdict, got.score) == (ClaimVerdict.NOT_CHECKED, 0.0)
    assert got.signals == {"error": "RuntimeError"}
    assert "A check failed" in caplog.text
