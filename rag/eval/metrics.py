"""The measures of answers: retrieval, what is said and cited, refusing, completeness, time and tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rag.eval.detectors import answerable_measures, scope_measures, support_measures
from rag.eval.figures import Measure, mean, measure, quantile, share
from rag.eval.matching import holds, relevant, token_f1
from rag.eval.questions import Part, Question
from rag.eval.run import Asked, CheckedSentence, Result
from rag.text import question_terms
from rag.types import Answer, AnswerVerdict

__all__ = ["REFUSALS", "measures", "right"]

REFUSALS = {AnswerVerdict.INSUFFICIENT_CONTEXT, AnswerVerdict.OFF_TOPIC}
DEPTHS = (1, 5, 10)
NAN = float("nan")
NAMED = 0.5  # a gap names a part of the question when it has this share of its words


def measures(results: Sequence[Result]) -> list[Measure]:
    """Every measure that the results allow; those without a question to measure on are left out."""
    asked = [r for r in results if isinstance(r, Asked) and r.answer is not None]
    checked = [r for r in results if isinstance(r, CheckedSentence)]
    found = [
        *_retrieval(asked),
        *_answers(asked),
        *_citations(asked),
        *_refusing(asked),
        *answerable_measures([r for r in asked if r.question.answers is not None], right),
        *scope_measures([r for r in asked if r.question.topic]),
        *_completeness([r for r in asked if r.question.parts]),
        *_cost(asked),
        *support_measures(checked),
    ]
    return [one for one in found if one.keys]


def _answer(result: Asked) -> Answer:
    assert result.answer is not None
    return result.answer


def _refused(result: Asked) -> bool:
    return _answer(result).verdict in REFUSALS


def right(result: Asked) -> bool:
    """An accepted answer stands in the answer; where the documents hold none, it was refused."""
    answers = result.question.answers or ()
    if not answers:
        return _refused(result)
    return not _refused(result) and holds(_answer(result).answer, answers)


# ---------------------------------------------------------------- retrieval


def _targets(question: Question) -> int:
    return len(question.sources or question.passages)


def _ranks(result: Asked) -> list[int]:
    """The ranks, from 1, at which what is looked for comes first; what is not found has none."""
    first: dict[int, int] = {}
    for rank, found in enumerate(result.found, start=1):
        about = (found.document_id, found.title, found.source, found.text)
        for target in relevant(result.question, *about):
            first.setdefault(target, rank)
    return sorted(first.values())


def _ndcg(ranks: Sequence[int], targets: int) -> float:
    gained = sum(1 / math.log2(rank + 1) for rank in ranks)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(targets, DEPTHS[-1]) + 1))


def _retrieval(asked: Sequence[Asked]) -> list[Measure]:
    known = [(r, _ranks(r)) for r in asked if _targets(r.question)]
    results, ranks = [r for r, _ in known], {id(r): found for r, found in known}

    def recall(depth: int) -> Measure:
        return measure(
            "Retrieval", f"R@{depth}", "higher",
            f"share of a question's documents (or passages) that are among the first {depth} passages found",
            results,
            lambda r: (sum(rank <= depth for rank in ranks[id(r)]) / _targets(r.question),),
            mean,
        )  # fmt: skip

    return [
        *(recall(depth) for depth in DEPTHS),
        measure(
            "Retrieval", "MRR", "higher", "one over the rank of the first right passage, 0 beyond 10",
            results, lambda r: (1 / ranks[id(r)][0] if ranks[id(r)] else 0.0,), mean,
        ),
        measure(
            "Retrieval", "nDCG@10", "higher", "discounted gain of the right passages, each counted once",
            results, lambda r: (_ndcg(ranks[id(r)], _targets(r.question)),), mean,
        ),
    ]  # fmt: skip


# ---------------------------------------------------------------- what is said and cited


def _answers(asked: Sequence[Asked]) -> list[Measure]:
    there = [r for r in asked if r.question.answers]
    return [
        measure(
            "Answers", "contains the answer", "higher",
            "an accepted answer stands in the answer; refusing counts as a miss",
            there, lambda r: (right(r),), mean,
        ),
        measure(
            "Answers", "token F1", "higher",
            "overlap with the best accepted answer in words (characters of Han and Kana); quotes lower it",
            there, lambda r: (0.0 if _refused(r) else token_f1(_answer(r).answer, r.question.answers or ()),),
            mean,
        ),
    ]  # fmt: skip


def _cited_sources(result: Asked) -> tuple[int, int, int, int]:
    """Citations of right documents, all citations, right documents cited, right documents there are."""
    citations = _answer(result).citations
    hits = [relevant(result.question, c.document_id, c.title, c.source, c.quote) for c in citations]
    return sum(map(bool, hits)), len(hits), len(set().union(*hits)), _targets(result.question)


def _cited_answers(result: Asked) -> tuple[int, int, int]:
    """Citations whose quote holds an accepted answer, all citations, whether there is one that does."""
    answers = result.question.answers or ()
    hits = [holds(citation.quote, answers) for citation in _answer(result).citations]
    return sum(hits), len(hits), any(hits)


def _citations(asked: Sequence[Asked]) -> list[Measure]:
    known = [r for r in asked if _targets(r.question)]
    there = [r for r in asked if r.question.answers]
    return [
        measure(
            "Citations", "precision by document", "higher",
            "of all citations, those of a document (or passage) that holds the answer",
            known, lambda r: _cited_sources(r)[:2], share,
        ),
        measure(
            "Citations", "recall by document", "higher",
            "of all documents (or passages) that hold the answer, those cited",
            known, lambda r: _cited_sources(r)[2:], share,
        ),
        measure(
            "Citations", "precision by quote", "higher",
            "of all citations, those whose quote holds an accepted answer",
            there, lambda r: _cited_answers(r)[:2], share,
        ),
        measure(
            "Citations", "recall by quote", "higher",
            "answerable questions with a citation whose quote holds an accepted answer",
            there, lambda r: _cited_answers(r)[2:], mean,
        ),
    ]  # fmt: skip


def _refusing(asked: Sequence[Asked]) -> list[Measure]:
    judged = [r for r in asked if r.question.answers is not None]
    there = [r for r in judged if r.question.answers]
    absent = [r for r in judged if not r.question.answers]
    return [
        measure(
            "Refusing", "refused though it is there", "lower", "of the questions that the documents answer",
            there, lambda r: (_refused(r),), mean,
        ),
        measure(
            "Refusing", "recall", "higher", "of the questions without an answer there, those refused",
            absent, lambda r: (_refused(r),), mean,
        ),
        measure(
            "Refusing", "precision", "higher", "of the refused questions, those without an answer there",
            judged if absent else [],
            lambda r: (_refused(r) and not r.question.answers, _refused(r)), share,
        ),
    ]  # fmt: skip


# ---------------------------------------------------------------- completeness


def _named(part: Part, result: Asked) -> bool:
    wanted = set(question_terms(part.text))
    told = (set(question_terms(gap.text)) for gap in _answer(result).gaps if gap.kind == "part")
    return any(len(wanted & words) >= NAMED * len(wanted) for words in told) if wanted else False


def _parts(result: Asked) -> tuple[int, int, int, int, int, int]:
    """Parts with an answer that stands in the answer, parts with an answer; parts not answered that are
    named, parts not answered; parts answered that are named all the same, parts named.
    """
    refused = _refused(result)
    text = _answer(result).answer
    given = [not refused and holds(text, part.answers) for part in result.question.parts]
    named = [_named(part, result) for part in result.question.parts]
    return (
        sum(given),
        sum(bool(part.answers) for part in result.question.parts),
        # an answer that refuses the whole question leaves nothing to be named
        sum(n and not g for n, g in zip(named, given, strict=True)) if not refused else 0,
        sum(not g for g in given) if not refused else 0,
        sum(n and g for n, g in zip(named, given, strict=True)),
        sum(named),
    )


def _completeness(asked: Sequence[Asked]) -> list[Measure]:
    return [
        measure(
            "Completeness", "parts answered", "higher",
            "of the parts that the documents answer, those whose answer stands in the answer",
            asked, lambda r: _parts(r)[:2], share,
        ),
        measure(
            "Completeness", "missing parts named", "higher",
            "of the parts that an answer leaves out, those that it names as left out (refusals aside)",
            asked, lambda r: _parts(r)[2:4], share,
        ),
        measure(
            "Completeness", "named though answered", "lower",
            "of the parts named as left out, those whose answer stands in the answer",
            asked, lambda r: _parts(r)[4:], share,
        ),
    ]  # fmt: skip


# ---------------------------------------------------------------- time and tokens


def _cost(asked: Sequence[Asked]) -> list[Measure]:
    def timed(timing: str) -> Callable[[Asked], tuple[float]]:
        return lambda r: (_answer(r).timings_ms.get(timing, NAN),)

    def used(counted: str) -> Callable[[Asked], tuple[float]]:
        return lambda r: (_answer(r).usage.get(counted, NAN),)

    section = "Time and tokens"
    times = {
        "answer": ("total", "time to the whole answer"),
        "first sentence": ("first_sentence", "time to the first drafted sentence"),
    }
    return [
        *(
            measure(
                section, f"{name}, p{100 * q:.0f}, ms", "lower", meaning, asked, timed(timing), quantile(q)
            )
            for name, (timing, meaning) in times.items()
            for q in (0.5, 0.9, 0.99)
        ),
        *(
            measure(
                section, counted.replace("_", " "), "lower", "mean of an answer", asked, used(counted), mean
            )
            for counted in ("prompt_tokens", "completion_tokens")
        ),
    ]  # fmt: skip
