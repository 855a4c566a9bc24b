import dataclasses
import math

import pytest

from rag.answer_settings import CheckSettings
from rag.calibration import Logistic, load
from rag.check import Checker, Owned
from rag.models.protocols import ScoredToken
from rag.timer import Timer
from rag.types import ClaimVerdict, ModelInfo
from tests.fakes.chat import FakeChat
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


# those that need no model beside the embedder
ALONE = CheckSettings(layers=("agreement", "alignment"))


@pytest.fixture
def checker(embedder):
    return Checker(embedder, [LEAVE, PARKING, KELLER, CLAIM], ALONE)


async def test_a_verbatim_sentence_is_supported(checker):
    got = await checker.check("Employees have 25 days of annual leave.", [1])
    assert got.verdict is ClaimVerdict.SUPPORTED
    assert load("support").enough("same", got.score)
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
    assert got.signals["objection"] == 1.0
    assert got.signals["reason"] == reason


async def test_what_has_nothing_to_do_with_the_evidence_is_unsupported(checker):
    got = await checker.check("Bananas grow in warm and humid regions.", [1])
    assert got.verdict is ClaimVerdict.UNSUPPORTED
    assert not load("support").enough("same", got.score)


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


ALL = CheckSettings(layers=("agreement", "alignment", "translation", "contrast", "judge"))
# a Chinese sentence on English evidence: words cannot be compared
ACROSS = "员工每年有25天年假。"
DOUBT = 0.5
# what the packaged layers were fitted with
FITTED = ModelInfo("qwen2.5-coder-1.5b-instruct", "r1", "Apache-2.0")


def owned(chat):
    return Owned(chat, "?", lambda evidence: [{"role": "user", "content": evidence[0].quote}])


@pytest.fixture
def doubtful(monkeypatch):
    """The first two layers leave every sentence in doubt."""
    original = Logistic.probability

    def probability(self, group, signals):
        return DOUBT if self.name == "support" else original(self, group, signals)

    monkeypatch.setattr(Logistic, "probability", probability)


def expected(name, before, after="support", group="cross", **told):
    """The layer's probability, given that of the model ``after`` which it is asked."""
    return load(f"support_{name}").probability(group, {"before": load(after).tells(group, before), **told})


def scored_after(prompt: str) -> ScoredToken:
    if "翻译" in prompt:
        return ScoredToken(-4.0, -0.5)
    return ScoredToken(-0.1, -0.05) if "annual" in prompt else ScoredToken(-3.0, -1.0)


async def test_in_doubt_the_served_model_is_asked(embedder, doubtful):
    chat = FakeChat(scored=lambda messages, _: [scored_after(messages[0]["content"])] * 4, model=FITTED)
    timer = Timer()
    across = CheckSettings(layers=("agreement", "alignment", "translation", "contrast"))
    got = await Checker(embedder, [LEAVE], across, owned(chat), timer).check(ACROSS, [1])
    after = expected("translation", DOUBT, lapse=3.5, sure=3.5 * math.exp(-0.5), unlike=4.0, denial=0.0)
    assert got.score == pytest.approx(
        expected("contrast", after, "support_translation", contrast=2.9, gain=2.9, surprise=0.1), abs=1e-4
    )
    assert got.signals["contrast"] == 2.9
    assert {f"check.{name}" for name in across.layers} <= set(timer.total())


@pytest.mark.parametrize(
    ("yes", "verdict"), [(0.98, ClaimVerdict.SUPPORTED), (0.2, ClaimVerdict.UNSUPPORTED)]
)
async def test_what_is_said_in_other_words_is_put_to_the_served_model(embedder, yes, verdict):
    chat = FakeChat(shares={"Yes": yes, "No": 1 - yes}, model=FITTED)
    said = "Employees have 25 days of annual leave to take."
    before = (await Checker(embedder, [LEAVE], ALONE).check(said, [1])).score
    got = await Checker(embedder, [LEAVE], CheckSettings(), owned(chat)).check(said, [1])
    assert got.score == pytest.approx(
        expected("judge", before, group="same", judge=math.log(yes / (1 - yes))), abs=1e-3
    )
    assert got.verdict is verdict
    assert "Rule: Leave rules" in chat.asked[0][1]["content"]
    # without the model nobody knows
    alone = await Checker(embedder, [LEAVE], CheckSettings()).check(said, [1])
    assert (alone.verdict, alone.signals["judge"]) == (ClaimVerdict.NOT_CHECKED, "not_checked")


def test_above_its_threshold_a_model_of_words_tells_the_next_one_no_more():
    model = Logistic("x", {"same": {}}, {"same": 0.0}, 0.5, thresholds={"same": 0.6})
    assert model.tells("same", 0.4) == pytest.approx(math.log(0.4 / 0.6))
    assert model.tells("same", 0.6) == model.tells("same", 0.99) == pytest.approx(math.log(0.6 / 0.4))
    assert model.tells("cross", 0.99) == pytest.approx(math.log(99))


async def test_a_layer_that_cannot_be_asked_leaves_the_doubt(embedder, doubtful):
    for model in (owned(FakeChat(model=FITTED)), None):
        got = await Checker(embedder, [LEAVE], ALL, model).check(ACROSS, [1])
        assert got.verdict is ClaimVerdict.NOT_CHECKED
        assert got.signals["contrast"] == "not_checked"


async def test_another_generator_s_log_probabilities_decide_nothing(embedder, doubtful):
    chat = FakeChat(scored=lambda *_: [ScoredToken(-0.1, -0.1)] * 4, shares={"Yes": 0.9, "No": 0.1})
    got = await Checker(embedder, [LEAVE], ALL, owned(chat)).check(ACROSS, [1])
    assert chat.asked == []
    assert {got.signals[name] for name in ("translation", "contrast")} == {"not_checked"}
    assert got.score == DOUBT
    threshold = load("support").thresholds["cross"]
    assert got.verdict is (ClaimVerdict.SUPPORTED if threshold <= DOUBT else ClaimVerdict.UNSUPPORTED)


async def test_where_the_words_are_the_same_or_a_rule_refuses_nobody_is_asked(embedder):
    chat = FakeChat()
    checker = Checker(embedder, [LEAVE], ALL, owned(chat))
    same = await checker.check(LEAVE.quote, [1])
    assert same.verdict is ClaimVerdict.SUPPORTED
    assert not {"translation", "contrast", "judge"} & set(same.signals)
    assert (await checker.check("员工每年有28天年假。", [1])).verdict is ClaimVerdict.UNSUPPORTED
    assert chat.asked == []


async def test_a_layer_that_is_switched_off_is_not_checked(embedder):
    only = CheckSettings(layers=("agreement",))
    got = await Checker(embedder, [LEAVE], only).check(LEAVE.quote, [1])
    assert (got.verdict, got.signals["alignment"]) == (ClaimVerdict.NOT_CHECKED, "not_checked")
    refused = await Checker(embedder, [LEAVE], only).check("Employees have 28 days of annual leave.", [1])
    assert refused.verdict is ClaimVerdict.UNSUPPORTED
    loose = CheckSettings(layers=("alignment",))
    got = await Checker(embedder, [LEAVE], loose).check("Employees have 25 days of annual leave!", [1])
    assert got.verdict is ClaimVerdict.SUPPORTED


async def test_of_several_sentences_the_weakest_tells(checker):
    got = await checker.check("Employees have 25 days of annual leave. They have 28 days of leave.", [1])
    assert got.verdict is ClaimVerdict.UNSUPPORTED
    assert "28" in got.signals["reason"]
    assert got.citations == (1,)
