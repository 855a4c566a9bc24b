"""A run goes on where it was stopped, and nothing is asked twice."""

import json
import math

import pytest

from rag.answer_settings import CheckSettings
from rag.errors import GeneratorUnavailableError, QuestionSetError
from rag.eval.questions import LabelledSentence, Question
from rag.eval.run import RunFolder, ask_all, check_all, key_of, read_results
from rag.types import ClaimVerdict, Turn
from tests.fakes.assistant import DOCUMENT, QUOTE, FakeAssistant, answer_to, nothing_found
from tests.fakes.embedder import HashingEmbedder

QUESTIONS = [
    Question("What to do at E55?", "a", (QUOTE,), ("HS-900维护手册.docx",), language="en"),
    Question("unanswerable?", "b", (), language="en"),
    Question("And then?", "c", history=(Turn("user", "What to do at E55?"),), language="en"),
]


class Assistant(FakeAssistant):
    """Stops answering when ``answers`` are given; ``ready``: whether a generator answers."""

    def __init__(self, answers=99, ready=True):
        super().__init__()
        self.left = answers
        self.ready = ready

    async def ask(self, question, *, user, history=()):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return await super().ask(question, user=user, history=history)

    async def generator_ready(self):
        return self.ready


def silent(stage, done, total):
    pass


def asked(assistant):
    return [question for question, _, _ in assistant.asked]


async def test_every_question_is_asked_and_kept(tmp_path):
    assistant = Assistant()
    results = await ask_all(QUESTIONS, assistant, RunFolder(tmp_path, {}), silent, drafts=True)
    assert [result.question for result in results] == QUESTIONS
    assert results[0].answer == answer_to(QUESTIONS[0].question)
    assert results[1].answer == nothing_found(QUESTIONS[1].question)
    assert [(f.document_id, f.title, f.source, f.text) for f in results[0].found] == [
        (DOCUMENT.id, DOCUMENT.title, DOCUMENT.source, QUOTE)
    ] * 3
    assert assistant.asked[2][1] == QUESTIONS[2].history
    # as they lie in the folder they are the same
    assert list(read_results(tmp_path).values()) == results


async def test_a_stopped_run_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        await ask_all(QUESTIONS, Assistant(answers=2), RunFolder(tmp_path, {}), silent, drafts=True)
    assistant = Assistant()
    results = await ask_all(QUESTIONS, assistant, RunFolder(tmp_path, {}), silent, drafts=True)
    assert asked(assistant) == ["And then?"]
    assert [result.question for result in results] == QUESTIONS
    await ask_all(QUESTIONS, assistant, RunFolder(tmp_path, {}), silent, drafts=True)
    assert asked(assistant) == ["And then?"]


async def test_a_line_that_a_crash_cut_short_is_asked_again(tmp_path):
    await ask_all(QUESTIONS, Assistant(), RunFolder(tmp_path, {}), silent, drafts=True)
    file = tmp_path / "results.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    assistant = Assistant()
    for _ in range(2):
        results = await ask_all(QUESTIONS, assistant, RunFolder(tmp_path, {}), silent, drafts=True)
        assert [result.question for result in results] == QUESTIONS
    assert asked(assistant) == ["And then?"]


async def test_a_corrected_question_is_another_one(tmp_path):
    await ask_all(QUESTIONS, Assistant(), RunFolder(tmp_path, {}), silent, drafts=True)
    corrected = Question(QUESTIONS[1].question, "b", ("an answer",), language="en")
    assistant = Assistant()
    results = await ask_all(
        [QUESTIONS[0], corrected], assistant, RunFolder(tmp_path, {}), silent, drafts=True
    )
    assert asked(assistant) == ["unanswerable?"]
    assert [result.question for result in results] == [QUESTIONS[0], corrected]


async def test_a_folder_belongs_to_one_run(tmp_path):
    RunFolder(tmp_path, {"generator": "a", "answer": {"policy": "strict"}})
    RunFolder(tmp_path, {"generator": "a", "answer": {"policy": "strict"}})
    with pytest.raises(QuestionSetError, match=r"what differs: answer, generator\)"):
        RunFolder(tmp_path, {"generator": "b", "answer": {"policy": "flag"}})


async def test_without_the_generator_that_is_measured_nothing_is_asked(tmp_path):
    assistant = Assistant(ready=False)
    with pytest.raises(GeneratorUnavailableError):
        await ask_all(QUESTIONS, assistant, RunFolder(tmp_path, {}), silent, drafts=True)
    assert asked(assistant) == []
    assert len(await ask_all(QUESTIONS, assistant, RunFolder(tmp_path, {}), silent, drafts=False)) == 3


async def test_a_question_that_cannot_be_asked_is_told(tmp_path):
    class Strict(Assistant):
        def _check(self, question):
            super()._check(question.replace("And then?", ""))

    results = await ask_all(QUESTIONS, Strict(), RunFolder(tmp_path, {}), silent, drafts=True)
    assert (results[2].answer, results[2].error) == (None, "The question is empty.")


def test_a_folder_without_results(tmp_path):
    with pytest.raises(QuestionSetError, match="is not the folder of a run"):
        read_results(tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "results.jsonl").touch()
    with pytest.raises(QuestionSetError) as raised:
        read_results(tmp_path)
    assert raised.value.remedy == "Name one of the folders in it: tiny."


LONG = "The pump weighs 12 kg. " * 60 + "The valve weighs 9 kg."


async def test_labelled_sentences_are_checked(tmp_path):
    labelled = [
        LabelledSentence("The pump weighs 12 kg.", ("The pump weighs 12 kg.",), True, "a", "en"),
        LabelledSentence("The pump weighs 13 kg.", ("The pump weighs 12 kg.",), False, "b", "en"),
        LabelledSentence("The valve weighs 9 kg.", (LONG,), True, "c", "en"),
    ]
    embedder = HashingEmbedder(common=0.78)
    results = await check_all(labelled, embedder, CheckSettings(), RunFolder(tmp_path, {}), silent)
    assert [result.labelled for result in results] == labelled
    verdicts = [result.verdict for result in results]
    # the last one's evidence stands at the end of a text that is longer than the embedder reads at once
    assert verdicts == [ClaimVerdict.SUPPORTED, ClaimVerdict.UNSUPPORTED, ClaimVerdict.SUPPORTED]
    assert results[1].score < results[0].score
    assert "13" in results[1].signals["reason"]
    assert results[2].signals["cover"] == 1.0
    again = await check_all(labelled, embedder, CheckSettings(), RunFolder(tmp_path, {}), silent)
    assert again == results
    assert list(read_results(tmp_path)) == [key_of(sentence) for sentence in labelled]


async def test_labelled_sentences_are_checked_with_a_calibration_of_one_s_own(tmp_path):
    strict = {"groups": {"same": {"intercept": -1.0, "coefficients": {}, "threshold": 0.9}}}
    own = tmp_path / "calibration"
    own.mkdir()
    (own / "support.json").write_text(json.dumps(strict), "utf-8")
    labelled = [LabelledSentence("The pump weighs 12 kg.", ("The pump weighs 12 kg.",), True, "a", "en")]
    folder, embedder = RunFolder(tmp_path / "run", {}), HashingEmbedder(common=0.78)
    (checked,) = await check_all(labelled, embedder, CheckSettings(), folder, silent, calibration=own)
    assert checked.score == pytest.approx(1 / (1 + math.e))
    assert checked.verdict is ClaimVerdict.UNSUPPORTED
