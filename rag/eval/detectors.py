"""The measures of scores that tell one thing from another: support, answerability, scope.

Beside each stands what trivial detectors reach on the same questions: the length alone (in the better of the
two directions), and the language alone (scored by its own share of positives, the most that it can tell). A
set on which these do well is a trap, not a test.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from scipy.stats import rankdata

from rag.eval.figures import Better, Column, Measure, mean, measure, share
from rag.eval.run import Asked, CheckedSentence, Result
from rag.types import ClaimVerdict

__all__ = [
    "answerable_measures", "area", "aurc", "average_precision", "calibration_error", "confidence", "f1",
    "false_positives", "risk_coverage", "scope_measures", "support_measures",
]  # fmt: skip

R = TypeVar("R", bound=Result)
BINS = 10
TPR = 0.95
COVERAGE = 0.8
NAN = float("nan")


def _both(labels: Column) -> bool:
    return bool(0 < labels.sum() < len(labels))


# scikit-learn's functions give the same values (the tests compare them), but take milliseconds each, and a
# bootstrap asks for thousands


def area(labels: Column, scores: Column) -> float:
    """Area under the ROC curve, from ranks (Mann and Whitney 1947); NaN when all labels are alike."""
    if not _both(labels):
        return NAN
    positives = float(labels.sum())
    above = float(rankdata(scores) @ labels) - positives * (positives + 1) / 2
    return above / (positives * (len(labels) - positives))


def _length_area(labels: Column, lengths: Column) -> float:
    found = area(labels, lengths)
    return max(found, 1 - found)


def _language_area(labels: Column, languages: Column) -> float:
    codes = languages.astype(int)
    shares = np.bincount(codes, labels) / np.maximum(np.bincount(codes), 1)
    return area(labels, shares[codes])


def average_precision(labels: Column, scores: Column) -> float:
    """Area under the precision-recall curve as average precision; equal scores are taken together."""
    if not _both(labels):
        return NAN
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(labels[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    gained = np.diff(found[last], prepend=0.0)
    return float((gained * found[last] / (last + 1)).sum() / labels.sum())


def f1(labels: Column, told: Column) -> float:
    """Harmonic mean of precision and recall."""
    return float(2 * (labels * told).sum() / (labels.sum() + told.sum())) if _both(labels) else NAN


def false_positives(labels: Column, scores: Column) -> float:
    """Share of negatives that pass where 95% of positives do (FPR at 95% TPR)."""
    if not _both(labels):
        return NAN
    positives = np.sort(scores[labels > 0])[::-1]
    threshold = positives[math.ceil(TPR * len(positives) - 1e-9) - 1]
    return float((scores[labels == 0] >= threshold).mean())


def calibration_error(labels: Column, scores: Column) -> float:
    """Expected calibration error over ten bins of equal width (Guo et al. 2017, arXiv:1706.04599)."""
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, scores - labels, BINS)
    return float(np.abs(gap).sum() / len(labels))


def risk_coverage(confidences: Column, correct: Column) -> tuple[Column, Column]:
    """Coverage and risk, [n] each: of the k surest answers, the share that is wrong, k from 1 to n. Equally
    sure ones share their mean, so that their order does not matter.
    """
    order = np.argsort(-confidences, kind="stable")
    sure = confidences[order]
    _, inverse, counts = np.unique(-sure, return_inverse=True, return_counts=True)
    wrong = (np.bincount(inverse, 1 - correct[order]) / counts)[inverse]
    taken = np.arange(1, len(sure) + 1)
    return taken / len(sure), np.cumsum(wrong) / taken


def aurc(confidences: Column, correct: Column) -> float:
    """Area under the risk-coverage curve (Geifman and El-Yaniv 2017, arXiv:1705.08500)."""
    return float(risk_coverage(confidences, correct)[1].mean())


def _risk_at(confidences: Column, correct: Column) -> float:
    coverage, risk = risk_coverage(confidences, correct)
    return float(risk[np.searchsorted(coverage, COVERAGE - 1e-9)])


def _codes(results: Sequence[Result]) -> dict[str, float]:
    spoken = {(r.question if isinstance(r, Asked) else r.labelled).language for r in results}
    return {language: float(code) for code, language in enumerate(sorted(spoken))}


def _pair(label: Callable[[R], bool], column: Callable[[R], float], result: R) -> tuple[float, float]:
    return label(result), column(result)


def _areas(
    section: str,
    what: str,
    results: Sequence[R],
    label: Callable[[R], bool],
    score: Callable[[R], float],
    text: Callable[[R], str],
    language: Callable[[R], str],
) -> list[Measure]:
    """AUROC of a score, and of the trivial ones beside it."""
    codes = _codes(results)
    kinds: list[tuple[str, Better, str, Callable[[R], float], Callable[..., float]]] = [
        ("AUROC", "higher", what, score, area),
        ("AUROC of the length alone", "", "baseline", lambda r: len(text(r)), _length_area),
        ("AUROC of the language alone", "", "baseline", lambda r: codes[language(r)], _language_area),
    ]
    found = []
    for name, better, meaning, column, statistic in kinds:
        values = functools.partial(_pair, label, column)
        found.append(measure(section, name, better, meaning, results, values, statistic))
    return found


# ---------------------------------------------------------------- is it there? is it about that?


def confidence(result: Asked) -> float:
    """P(the evidence answers); 0 where it did not come to that, because nothing was found or the question is
    out of scope.
    """
    return result.answer.scores.get("answerable", 0.0) if result.answer else 0.0


def answerable_measures(asked: Sequence[Asked], right: Callable[[Asked], bool]) -> list[Measure]:
    """Of questions whose answers are judged. ``right``: whether what was said is right."""
    section = "Is it there?"
    return [
        *_areas(
            section, "answerable from unanswerable questions, by the answer's score", asked,
            lambda r: bool(r.question.answers), confidence,
            lambda r: r.question.question, lambda r: r.question.language,
        ),
        measure(
            section, "AURC", "lower",
            "mean share of wrong answers among the surest, over all shares answered",
            asked, lambda r: (confidence(r), right(r)), aurc,
        ),
        measure(
            section, "risk at 80% coverage", "lower", "share of wrong ones among the surest 80% of answers",
            asked, lambda r: (confidence(r), right(r)), _risk_at,
        ),
    ]  # fmt: skip


def _scope(result: Asked) -> float:
    return result.answer.scores.get("scope", 0.0) if result.answer else 0.0


def scope_measures(asked: Sequence[Asked]) -> list[Measure]:
    """Of questions that are labelled with their topic."""
    section = "Is it about that?"
    return [
        *_areas(
            section, "questions within the documents' topics from others, by the scope's score", asked,
            lambda r: r.question.topic == "in", _scope,
            lambda r: r.question.question, lambda r: r.question.language,
        ),
        measure(
            section, "FPR at 95% TPR", "lower", "others that pass where 95% of those within do",
            asked, lambda r: (r.question.topic == "in", _scope(r)), false_positives,
        ),
    ]  # fmt: skip


# ---------------------------------------------------------------- is the sentence supported?


def _shown(result: CheckedSentence) -> bool:
    return result.verdict is ClaimVerdict.SUPPORTED


def support_measures(checked: Sequence[CheckedSentence]) -> list[Measure]:
    """Of labelled sentences. Unsupported ones are what is to be found."""
    section = "Is the sentence supported?"
    return [
        *_areas(
            section, "supported from unsupported sentences, by the claim's score", checked,
            lambda r: r.labelled.supported, lambda r: r.score,
            lambda r: r.labelled.sentence, lambda r: r.labelled.language,
        ),
        measure(
            section, "AUPRC", "higher", "unsupported sentences found: precision over recall",
            checked, lambda r: (not r.labelled.supported, 1 - r.score), average_precision,
        ),
        measure(
            section, "share of unsupported sentences", "", "baseline of AUPRC",
            checked, lambda r: (not r.labelled.supported,), mean,
        ),
        measure(
            section, "F1 at the threshold", "higher", "unsupported sentences found by the verdict",
            checked, lambda r: (not r.labelled.supported, not _shown(r)), f1,
        ),
        measure(
            section, "wrong among supported", "lower", "unsupported, of the sentences shown as supported",
            checked, lambda r: (_shown(r) and not r.labelled.supported, _shown(r)), share,
        ),
        measure(
            section, "supported ones shown", "higher", "of the supported sentences, those that pass",
            checked, lambda r: (_shown(r) and r.labelled.supported, r.labelled.supported), share,
        ),
        measure(
            section, "ECE", "lower", "expected calibration error of the score",
            checked, lambda r: (r.labelled.supported, r.score), calibration_error,
        ),
        measure(
            section, "not checked", "lower", "sentences whose check failed",
            checked, lambda r: (r.verdict is ClaimVerdict.NOT_CHECKED,), mean,
        ),
        measure(section, "check, mean ms", "lower", "time of one check", checked, lambda r: (r.ms,), mean),
        *_caught(section, checked),
    ]  # fmt: skip


def _caught(section: str, checked: Sequence[CheckedSentence]) -> list[Measure]:
    """For each kind of unsupported sentence, the share that is not shown as supported."""
    kinds = sorted({r.labelled.kind for r in checked if r.labelled.kind and not r.labelled.supported})
    return [
        measure(
            section, f"caught: {kind}", "higher", f"of the sentences that are wrong in this ({kind})",
            [r for r in checked if r.labelled.kind == kind], lambda r: (not _shown(r),), mean,
        )
        for kind in kinds
    ]  # fmt: skip
