"""Topicality: are questions that the documents are not about told from those that they are about?

    python tests/bench/topics.py DATA [--work DIR] [--count 300] [--examples 40]

CLINC150: each intent is a document of ``--examples`` training requests, the collection is the only
definition of scope; asked are test requests, in scope and out of scope. Chinese: CMRC 2018's questions of
its own paragraphs against XQuAD's Chinese questions, and the reverse. English: XQuAD's questions against
CLINC150's out-of-scope requests.

Told are AUROC and the false positive rate at 95% true positives ("positive": in scope) of the calibrated
score, of the best passage's cosine, of the question's length, and of the agreement of the question's
language with the collection's; and what is refused at the frozen threshold."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpora import Corpus, Question, build, build_from, read_questions, sample
from fit import Bench
from sklearn.metrics import roc_auc_score, roc_curve

from rag.evidence import group_of
from rag.models.embedder import Embedder
from rag.scope import in_scope
from rag.settings import load_settings

SEED = 13


def _clinc(data: Path, examples: int) -> tuple[tuple[str, ...], list[str], list[str]]:
    """Documents, requests in scope, requests out of scope."""
    sets = json.loads((data / "clinc150_data_full.json").read_text("utf-8"))
    intents: dict[str, list[str]] = {}
    for text, intent in sets["train"]:
        intents.setdefault(intent, []).append(text)
    documents = tuple("\n".join(texts[:examples]) for texts in intents.values())
    return documents, [text for text, _ in sets["test"]], [text for text, _ in sets["oos_test"]]


def _told(scores: Sequence[float], labels: Sequence[bool]) -> dict[str, float]:
    """AUROC and false positives at 95% true positives."""
    wrong, right, _ = roc_curve(labels, scores)
    return {
        "auroc": round(float(roc_auc_score(labels, scores)), 3),
        "fpr_at_95_tpr": round(float(wrong[np.searchsorted(right, 0.95)]), 3),
    }


def _measure(
    corpus: Corpus, embedder: Embedder, inside: Sequence[str], outside: Sequence[str]
) -> dict[str, object]:
    bench = Bench(corpus, embedder)
    texts = [*inside, *outside]
    labels = [True] * len(inside) + [False] * len(outside)
    scores, kept, cosines, same = [], [], [], []
    for item in bench.look(Question("", text, 0, ()) for text in texts):
        score, within = in_scope(group_of(item.query, item.hits[0]), item.hits)
        scores.append(score)
        kept.append(within)
        cosines.append(max(hit.dense or 0.0 for hit in item.hits))
        same.append(float(item.query.language == item.hits[0].document.language))
    right = np.array(labels)
    return {
        "in_scope": len(inside),
        "out_of_scope": len(outside),
        "score": _told(scores, labels),
        "cosine_only": _told(cosines, labels),
        "length_only": _told([len(text) for text in texts], labels),
        "language_only": _told(same, labels),
        "refused_out_of_scope": round(1 - float(np.mean(np.array(kept)[~right])), 3),
        "refused_in_scope": round(1 - float(np.mean(np.array(kept)[right])), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--examples", type=int, default=40)
    arguments = parser.parse_args()
    data, count, work = arguments.data, arguments.count, arguments.work
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    rng = random.Random(SEED)
    documents, inside, outside = _clinc(data, arguments.examples)
    drawn = {
        name: [q.text for q in sample(read_questions(data / f"{name}.json")[1], count, SEED)]
        for name in ("cmrc2018_trial", "xquad.zh", "xquad.en")
    }
    clinc = build_from(f"clinc150.{arguments.examples}", documents, work, embedder)
    strange = rng.sample(outside, min(count, len(outside)))
    plan = {
        "CLINC150": (clinc, rng.sample(inside, count), strange),
        "CMRC against XQuAD zh": ("cmrc2018_trial", drawn["cmrc2018_trial"], drawn["xquad.zh"]),
        "XQuAD zh against CMRC": ("xquad.zh", drawn["xquad.zh"], drawn["cmrc2018_trial"]),
        "XQuAD en against CLINC150": ("xquad.en", drawn["xquad.en"], strange),
    }
    for name, (where, yes, no) in plan.items():
        corpus = where if isinstance(where, Corpus) else build(data / f"{where}.json", work, embedder)
        print(json.dumps({name: _measure(corpus, embedder, yes, no)}, indent=2), flush=True)


if __name__ == "__main__":
    main()
