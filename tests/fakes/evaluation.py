"""Results of an evaluation as they lie in the folder of a run, without anything being asked."""

from __future__ import annotations

from collections.abc import Sequence

from rag.eval.questions import LabelledSentence, Question
from rag.eval.run import Asked, CheckedSentence, Found
from rag.types import Answer, AnswerVerdict, Citation, ClaimVerdict, Gap, ModelInfo

__all__ = ["answered", "checked", "found"]


def found(source: str, text: str = "") -> Found:
    """A passage of the document that lies there."""
    return Found(f"id of {source}", f"title of {source}", source, text)


def _citation(n: int, source: str, quote: str) -> Citation:
    return Citation(n, f"id of {source}", f"title of {source}", source, None, (), quote, 0, len(quote))


def answered(
    question: Question,
    text: str = "",
    *,
    verdict: AnswerVerdict = AnswerVerdict.QUOTED,
    cited: Sequence[tuple[str, str]] = (),
    passages: Sequence[Found] = (),
    gaps: Sequence[Gap] = (),
    ms: float = 10.0,
    tokens: int = 0,
    **scores: float,
) -> Asked:
    """``cited``: (source, quote) of each citation."""
    answer = Answer(
        question=question.question,
        answer=text,
        verdict=verdict,
        claims=(),
        citations=tuple(_citation(n, *about) for n, about in enumerate(cited, start=1)),
        language=question.language,
        model=ModelInfo("tiny", "r1", "Apache-2.0") if tokens else None,
        usage={"prompt_tokens": tokens, "completion_tokens": 2} if tokens else {},
        timings_ms={"total": ms},
        gaps=tuple(gaps),
        scores=scores,
    )
    return Asked(question, answer, tuple(passages))


def checked(sentence: str, supported: bool, score: float, shown: bool) -> CheckedSentence:
    """A labelled sentence with what the checker said."""
    labelled = LabelledSentence(sentence, ("evidence",), supported, sentence, "en")
    verdict = ClaimVerdict.SUPPORTED if shown else ClaimVerdict.UNSUPPORTED
    return CheckedSentence(labelled, verdict, score, 5.0)
