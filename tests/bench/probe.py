"""Does a probe of the generator's hidden states help to tell supported sentences from others, out of domain?

    python tests/bench/probe.py DATA --model qwen2.5-coder-0.5b-instruct --count 120 --work var/bench/probe

DATA is a folder with the public sets (see probe_domains.py). Every figure is of a domain that neither the
probe, nor the choice of its layer, nor the model that fuses it with the words' and tokens' signals has seen;
once with the other domains of its family in the training (BEGIN's three sets, XQuAD's two languages), once
without the whole family. "fitted" fuses L1's signals and the probe by a logistic regression, "summed" adds
the log-odds of L1's regression and of the probe; both stand behind L0. Prints Markdown; states and signals
are kept below --work."""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from probe_domains import SUPPORT, support, truth
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rag.check.alignment import Aligner
from rag.check.names import missing_names
from rag.check.negation import negations
from rag.check.numbers import missing_numbers
from rag.eval.probe_fit import Area, LeaveDomainsOut, area, difference, pairs
from rag.eval.questions import LabelledSentence
from rag.models.embedder import Embedder
from rag.models.hidden import HiddenStates
from rag.models.hidden_cache import CachedStates
from rag.models.protocols import Floats
from rag.settings import load_settings
from rag.text import language

REFUSED = -100.0  # a sentence that L0 refuses stands behind all others
BEFORE, FITTED, SUMMED = "L0 + L1", "all, fitted", "all, summed"
COLUMNS = ("length", "L1", BEFORE, "probe", FITTED, SUMMED)


def refused(evidence: str, sentence: str) -> bool:
    """L0's rules, as rag/check/checker.py applies them to one cited text; but for "affirms what the evidence
    denies", which needs the quote within it.
    """
    denied, there = negations(sentence) > 0, negations(evidence)
    return bool(
        missing_numbers(sentence, [evidence])
        or missing_names(sentence, [evidence], language(sentence))
        or (denied and not there)
    )


def signals(examples: Sequence[LabelledSentence], work: Path) -> tuple[Floats, Floats]:
    """L1's signals [n, signals] and whether L0 refuses [n], kept on disk."""
    key = hashlib.sha256(json.dumps(pairs(examples)).encode()).hexdigest()[:16]
    file = work / f"signals-{key}.npz"
    if not file.is_file():
        settings = load_settings()
        embedder = Embedder.load(settings.embedder, settings.models_dir)
        rows = [
            list(Aligner(embedder, [told]).signals(said, [0], language(said)).values())
            for told, said in pairs(examples)
        ]
        work.mkdir(parents=True, exist_ok=True)
        np.savez(
            file, aligned=np.array(rows, np.float32), refused=[refused(*pair) for pair in pairs(examples)]
        )
    with np.load(file) as stored:
        return stored["aligned"], stored["refused"]


class Bench:
    """Scores of every held-out domain by every combination of signals."""

    def __init__(self, folds: LeaveDomainsOut, aligned: Floats, denied: Floats, family: bool) -> None:
        self._folds, self._aligned, self._denied, self._family = folds, aligned, denied, family

    def _with(self, name: str) -> frozenset[str]:
        """The domains that are left out together with this one."""
        kind = name.split()[0] if self._family else name
        return frozenset(each for each in self._folds.names if each == name or each.split()[0] == kind)

    def scores(self, name: str) -> dict[str, np.ndarray]:
        """Scores of the rows of domain ``name``, and the layer that the other domains chose."""
        folds, held = self._folds, self._with(name)
        layer = folds.chosen(held)
        own, rest = folds.domains == name, ~np.isin(folds.domains, list(held))
        probe = folds.scores(layer, held).copy()
        for other in set(folds.names) - held:  # what the fusion learns from must be out of domain as well
            rows = folds.domains == other
            probe[rows] = folds.scores(layer, held | self._with(other))[rows]
        found = {"probe": probe[own], "layer": np.array([layer])}
        inputs = {"L1": self._aligned, "fitted": np.column_stack([self._aligned, probe])}
        for kind, values in inputs.items():
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, class_weight="balanced"))
            found[kind] = model.fit(values[rest], folds.labels[rest]).decision_function(values[own])
        last = REFUSED * self._denied[own]
        found[BEFORE], found[FITTED] = found["L1"] + last, found["fitted"] + last
        found[SUMMED] = found["L1"] + found["probe"] + last
        return found


def line(name: str, labels: np.ndarray, scores: dict[str, np.ndarray]) -> str:
    areas = [area(labels, scores[column]) for column in COLUMNS]
    if any(each is None for each in areas):
        return ""
    gains = [difference(labels, scores[BEFORE], scores[column]) for column in (FITTED, SUMMED)]
    told = [f"{each.value:+.3f} [{each.low:+.3f}, {each.high:+.3f}]" for each in gains]
    return "| " + " | ".join([name, f"{len(labels)} ({labels.sum()})", *map(str, areas), *told]) + " |"


def report(examples: Sequence[LabelledSentence], bench: Bench, folds: LeaveDomainsOut) -> None:
    """One line for each domain, its negated sentences, and each kind of corruption."""
    print("| held out | pairs (supported) | " + " | ".join(COLUMNS) + " | gain, fitted | gain, summed |")
    print("|---" * (len(COLUMNS) + 4) + "|")
    for name in SUPPORT:
        scores = bench.scores(name)
        own = [each for each in examples if each.domain == name]
        labels = folds.labels[folds.domains == name]
        scores["length"] = np.array([float(len(each.sentence)) for each in own])
        parts = {f"{name}, layer {scores['layer'][0]}": np.full(len(own), True)}
        parts[f"{name}: negated"] = np.array([negations(each.sentence) > 0 for each in own])
        for kind in ("number", "name", "negation"):
            parts[f"{name}: {kind} changed"] = np.array([each.kind == kind or each.supported for each in own])
            if not any(each.kind == kind for each in own):
                del parts[f"{name}: {kind} changed"]
        for title, rows in parts.items():
            cut = {column: scores[column][rows] for column in COLUMNS}
            if told := line(title, labels[rows], cut):
                print(told)


def negations_of_truth(states: Floats, examples: Sequence[LabelledSentence], layers: Sequence[int]) -> None:
    """Probes of plain statements on another topic, and on that topic's negated statements."""
    folds = LeaveDomainsOut(states, examples, layers)
    negated = frozenset(name for name in folds.names if name.startswith("neg_"))
    print("| fitted on | tested on | layer | probe | length |\n|---|---|---|---|---|")
    for topic in ("facts", "companies", "cities"):
        held = negated | {topic}
        # two topics are left to fit on: the layer is the one in the middle, not chosen
        layer = layers[len(layers) // 2]
        for name in (topic, f"neg_{topic}"):
            rows = folds.domains == name
            if rows.any():
                own = folds.labels[rows]
                length = np.array([float(len(e.sentence)) for e in examples if e.domain == name])
                areas: list[Area | None] = [area(own, folds.scores(layer, held)[rows]), area(own, length)]
                others = " + ".join(sorted(set(folds.names) - held))
                print(f"| {others} | {name} | {layer} | {areas[0]} | {areas[1]} |")


def cost(hidden: HiddenStates) -> None:
    """Seconds for three sentences of one answer, as many layers as the bench reads."""
    evidence = "The pump HS-900 is delivered with a warranty of 24 months from the date of delivery. " * 12
    asked = [(evidence, f"The warranty of the pump is {n} months.") for n in (12, 24, 36)]
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        hidden.states(asked)
        taken.append(time.perf_counter() - begun)
    tokens = len(hidden._tokenizer(evidence).input_ids)
    print(
        f"Three sentences over {tokens} tokens of evidence: median {statistics.median(taken):.2f} s of five."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--count", type=int, default=120, help="pairs of each domain")
    parser.add_argument("--work", type=Path, default=Path("var/bench/probe"))
    arguments = parser.parse_args()
    hidden = HiddenStates.load(arguments.model, load_settings().models_dir)
    cached = CachedStates(hidden, arguments.work / "states")
    examples = support(arguments.data, arguments.count)
    states = cached.states(pairs(examples))
    folds = LeaveDomainsOut(states, examples, hidden.layers)
    aligned, denied = signals(examples, arguments.work)
    print(f"## {arguments.model}: layers {hidden.layers}, {len(examples)} pairs\n")
    for family in (False, True):
        print(
            f"### Support, held out with {'all of its family' if family else 'its sisters in the training'}\n"
        )
        report(examples, Bench(folds, aligned, denied, family), folds)
        print()
    print("### Truth without evidence, and its negation\n")
    statements = truth(arguments.data, arguments.count)
    read = cached.states(pairs(statements))
    negations_of_truth(read, statements, hidden.layers)
    print("\n### Cost\n")
    cost(hidden)


if __name__ == "__main__":
    main()
