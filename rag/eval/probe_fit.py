"""Fits a probe (rag/check/probe.py) and measures it where it counts: on domains that it has not seen.

The layer is chosen by leaving one domain out at a time. What is reported of a domain comes from a probe for
which both the fit and the choice of the layer did without that domain. Beside it stand two baselines that
know nothing of the model: the sentence's length and the share of its words that stand in the evidence.
scikit-learn is imported when something is fitted.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rag.check.negation import negations
from rag.check.probe import Probe
from rag.errors import QuestionSetError
from rag.eval.questions import LabelledSentence
from rag.models.protocols import Floats, HiddenStatesProtocol
from rag.text import terms

__all__ = ["Area", "LeaveDomainsOut", "Measured", "area", "difference", "pairs", "train", "word_cover"]

Doubles = NDArray[np.float64]
Labels = NDArray[np.bool_]
STRENGTH = 1e-3  # C of the regression over standardised states: far more dimensions than examples
RESAMPLES = 500
SEED = 20261125
FEW = 5  # of a label: too few for an AUROC that says anything


@dataclass(frozen=True, slots=True)
class Area:
    """AUROC with its bootstrap 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As it stands in a table."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of a report: a held-out domain, or its negated statements. ``layer`` is the one that the other
    domains chose.
    """

    domain: str
    pairs: int
    supported: int
    layer: int
    probe: Area
    length: Area
    cover: Area


def area(labels: Labels, scores: Doubles) -> Area | None:
    """AUROC of ``scores`` [n] for ``labels`` [n]; None where a label has fewer than FEW examples."""
    if min(labels.sum(), (~labels).sum()) < FEW:
        return None
    return _resampled(_wins(labels, scores))


def difference(labels: Labels, scores: Doubles, better: Doubles) -> Area:
    """How much more the AUROC of ``better`` is than that of ``scores``, resampled in pairs."""
    return _resampled(_wins(labels, better) - _wins(labels, scores))


def _wins(labels: Labels, scores: Doubles) -> Doubles:
    """[supported, unsupported]: 1 where the first scores higher, 0.5 for a tie; AUROC is the mean."""
    yes, no = scores[labels, None], scores[None, ~labels]
    return np.asarray((yes > no) + 0.5 * (yes == no), np.float64)


def _resampled(wins: Doubles) -> Area:
    """The mean and its bootstrap interval; rows and columns are resampled apart, so that neither is empty."""
    rng = np.random.default_rng(SEED)
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n for n in wins.shape)
    low, high = np.quantile(((rows @ wins) * columns).sum(axis=1), [0.025, 0.975])
    return Area(float(wins.mean()), float(low), float(high))


def pairs(examples: Iterable[LabelledSentence]) -> list[tuple[str, str]]:
    """(evidence, sentence) as the checker gives them to a probe: all texts of the evidence as one."""
    return [("\n".join(each.evidence), each.sentence) for each in examples]


def word_cover(evidence: str, sentence: str) -> float:
    """The share of the sentence's terms that stand in its evidence."""
    words = set(terms(sentence))
    return len(words & set(terms(evidence))) / len(words) if words else 0.0


def fit_logistic(features: Floats, labels: Labels, domains: NDArray[np.str_]) -> tuple[Doubles, float]:
    """Coefficients [f] and intercept of a logistic regression over ``features`` [n, f], standardised inside.

    Every domain weighs the same, and so do the labels within it.
    """
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros(len(labels))
    for domain in np.unique(domains):
        for label in (True, False):
            rows = (domains == domain) & (labels == label)
            weights[rows] = 1 / max(1, rows.sum())
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1
    model = LogisticRegression(C=STRENGTH, max_iter=1000)
    model.fit((features - mean) / scale, labels, sample_weight=weights * len(labels) / weights.sum())
    coefficients = model.coef_[0] / scale
    return coefficients, float(model.intercept_[0] - coefficients @ mean)


class LeaveDomainsOut:
    """Scores of examples by probes that did not see their domains. ``states`` is [n, layers, 2, d]."""

    def __init__(self, states: Floats, examples: Sequence[LabelledSentence], layers: Sequence[int]) -> None:
        """Raises QuestionSetError for fewer than two domains with both labels."""
        self.layers = tuple(layers)
        self.labels: Labels = np.array([each.supported for each in examples])
        self.domains = np.array([each.domain for each in examples])
        self.names = tuple(dict.fromkeys(each.domain for each in examples))
        self._states = states.reshape(len(examples), len(self.layers), -1)
        both = [name for name in self.names if len(set(self.labels[self.domains == name])) == 2]
        if len(both) < 2:
            raise QuestionSetError(
                "A probe is measured on domains that it has not seen, and two with both labels are needed.",
                "Fill in the field `domain`, and give supported and unsupported sentences of each.",
            )
        self.scores = functools.cache(self._scores)
        self.chosen = functools.cache(self._chosen)

    def fit(self, layer: int, without: frozenset[str] = frozenset()) -> tuple[Doubles, float]:
        """Coefficients and intercept at a layer, fitted on all domains but these."""
        rows = ~np.isin(self.domains, list(without))
        return fit_logistic(
            self._states[rows, self.layers.index(layer)], self.labels[rows], self.domains[rows]
        )

    def _scores(self, layer: int, without: frozenset[str]) -> Doubles:
        """Log-odds [n] of every example, by a probe that did not see the domains ``without``."""
        coefficients, intercept = self.fit(layer, without)
        return np.asarray(self._states[:, self.layers.index(layer)] @ coefficients + intercept)

    def _chosen(self, without: frozenset[str] = frozenset()) -> int:
        """The layer with the best mean AUROC over the domains not in ``without``, each held out in turn; the
        middle one where fewer than two are left.
        """
        from sklearn.metrics import roc_auc_score

        usable = [
            (name, self.domains == name)
            for name in self.names
            if name not in without and len(set(self.labels[self.domains == name])) == 2
        ]
        if len(usable) < 2:
            return self.layers[len(self.layers) // 2]
        means = {
            layer: np.mean(
                [
                    roc_auc_score(self.labels[rows], self.scores(layer, without | {name})[rows])
                    for name, rows in usable
                ]
            )
            for layer in self.layers
        }
        return max(means, key=means.__getitem__)


def _measured(folds: LeaveDomainsOut, examples: Sequence[LabelledSentence]) -> list[Measured]:
    length = np.array([len(each.sentence) for each in examples], np.float64)
    cover = np.array([word_cover(*pair) for pair in pairs(examples)])
    negated = np.array([negations(each.sentence) > 0 for each in examples])
    found = []
    for name in folds.names:
        held = frozenset({name})
        layer = folds.chosen(held)
        scores = folds.scores(layer, held)
        own = folds.domains == name
        for title, rows in ((name, own), (f"{name}, negated", own & negated)):
            areas = [area(folds.labels[rows], each[rows]) for each in (scores, length, cover)]
            if areas[0] and areas[1] and areas[2]:
                supported = int(folds.labels[rows].sum())
                found.append(Measured(title, int(rows.sum()), supported, layer, *areas))  # type: ignore[arg-type]
    return found


def train(hidden: HiddenStatesProtocol, states: Floats, examples: Sequence[LabelledSentence]) -> Probe:
    """A probe for the model that ``hidden`` reads, from the states [n, layers, 2, d] of the examples.

    Its notes hold the report on held-out domains. Raises QuestionSetError when the examples do not allow one.
    """
    folds = LeaveDomainsOut(states, examples, hidden.layers)
    measured = _measured(folds, examples)
    layer = folds.chosen(frozenset())
    coefficients, intercept = folds.fit(layer)
    counted = {name: int((folds.domains == name).sum()) for name in folds.names}
    return Probe(
        model=hidden.model,
        model_sha256=hidden.model_sha256,
        template_sha256=hidden.template_sha256,
        layer=layer,
        coefficients=np.asarray(coefficients, np.float32),
        intercept=intercept,
        notes={
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "trained_on": counted,
            "held_out": [asdict(each) for each in measured],
        },
    )
