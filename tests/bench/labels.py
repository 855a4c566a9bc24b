"""Public sets and made ones as files of labelled sentences, for `citewell eval calibrate` and `check.py`.

    python tests/bench/labels.py DATA OUT

OUT/fit and OUT/measure get one JSONL file for each set. People's labels: BEGIN (dev; generic replies are left
out) and WiCE (dev, with its gold sentences). Made by a script: sentences with one thing changed
(corruptions.py), from SQuAD 2 without XQuAD's paragraphs and CMRC 2018 to fit on, from XQuAD to measure;
Chinese sentences with clauses left out; and, across languages, sentences of XQuAD against the parallel
paragraph, the next one, and changed: from every second paragraph to fit on, from the others to measure.
Written by us: sentences reworded, rightly and with one ordinary word changed (reworded.jsonl)."""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from corpora import read_questions
from corruptions import Pair, pairs

from rag.text import sentences

SEED = 20261125
Row = dict[str, object]
REWORDED = Path(__file__).with_name("reworded.jsonl")
LANGUAGES = ("de", "ru", "ar", "zh", "en")


def row(evidence: str, sentence: str, label: bool, kind: str = "") -> Row:
    return {"evidence": evidence, "sentence": sentence, "label": label, "kind": kind}


def begin(file: Path) -> Iterator[Row]:
    """Generated replies, labelled by people."""
    with file.open(encoding="utf-8", newline="") as lines:
        for item in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if item["begin_label"] in ("Fully attributable", "Not fully attributable"):
                yield row(item["knowledge"], item["response"], item["begin_label"] == "Fully attributable")


def wice(file: Path) -> Iterator[Row]:
    """Claims of Wikipedia with the sentences that annotators chose."""
    for line in file.read_text("utf-8").splitlines():
        item = json.loads(line)
        gold = sorted({i for group in item["supporting_sentences"] for i in group}) or range(
            min(10, len(item["evidence"]))
        )
        yield row(
            " ".join(item["evidence"][i] for i in gold),
            item["claim"],
            item["label"] == "supported",
            item["label"],
        )


def shortened(file: Path, count: int) -> Iterator[Row]:
    """Chinese sentences with clauses left out, against their own paragraph and against a neighbour."""
    rng = random.Random(SEED)
    paragraphs, _ = read_questions(file)
    for _ in range(count):
        i = rng.randrange(len(paragraphs) - 1)
        start, end = rng.choice(sentences(paragraphs[i]))
        clauses = [c for c in re.split(r"[，；]", paragraphs[i][start:end].rstrip("。")) if c]
        kept = [c for c in clauses if rng.random() < 0.6] or clauses[:1]
        yield row(paragraphs[i], "，".join(kept) + "。", True, "intact")
        yield row(paragraphs[i + 1], "，".join(kept) + "。", False, "neighbour")


def corrupted(made: Iterable[Pair]) -> Iterator[Row]:
    """Each pair once."""
    for pair in made:
        yield row(pair.context, pair.sentence, pair.kind == "intact", pair.kind)


def across(data: Path, spoken: str, written: str, count: int, remainder: int) -> Iterator[Row]:
    """Sentences in one language against paragraphs in another, of every second paragraph: intact, against the
    next paragraph, and (English and Chinese) with one number, name or denial changed.
    """
    rng = random.Random(f"{SEED}{spoken}{written}")
    mine, _ = read_questions(data / f"xquad.{spoken}.json")
    theirs, _ = read_questions(data / f"xquad.{written}.json")
    chosen = [i for i in range(len(mine)) if i % 2 == remainder]
    for _ in range(count):
        i = rng.choice(chosen)
        sentence = mine[i][slice(*rng.choice(sentences(mine[i])))]
        yield row(theirs[i], sentence, True, "intact")
        yield row(theirs[(i + 1) % len(theirs)], sentence, False, "neighbour")
    if spoken not in ("en", "zh"):
        return
    others = frozenset(text for i, text in enumerate(mine) if i % 2 != remainder)
    for pair in pairs(data / f"xquad.{spoken}.json", spoken, count * 5 // 3, SEED, others):
        if pair.kind in ("number", "name", "negation"):
            at = next(i for i in chosen if pair.quote in mine[i])
            yield row(theirs[at], pair.sentence, False, pair.kind)


def reworded(remainder: int) -> Iterator[Row]:
    """Our own sentences of how companies work, reworded, and changed in one ordinary word, in eight
    languages: those of every second passage. The passages of one language tell much the same as those of
    another.
    """
    rows = [json.loads(line) for line in REWORDED.read_text("utf-8").splitlines()]
    passages = list(dict.fromkeys(item["evidence"] for item in rows))
    chosen = set(passages[remainder::2])
    for item in rows:
        if item["evidence"] in chosen:
            yield row(item["evidence"], item["sentence"], item["label"], item["kind"])


def written(folder: Path, name: str, rows: Iterable[Row]) -> None:
    """Put a set into its file, rows of one evidence together."""
    folder.mkdir(parents=True, exist_ok=True)
    once = {(item["evidence"], item["sentence"]): item for item in rows}
    kept: Sequence[Row] = sorted(once.values(), key=lambda item: str(item["evidence"]))
    lines = (json.dumps(item, ensure_ascii=False) for item in kept)
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{folder.name}/{name}.jsonl: {len(kept)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    data, fit, measure = arguments.data, arguments.out / "fit", arguments.out / "measure"
    for file in sorted(data.glob("begin_dev_*.tsv")):
        written(fit, file.stem.replace("_dev", ""), begin(file))
    written(fit, "wice", wice(data / "wice_claim_dev.jsonl"))
    written(fit, "cmrc_shortened", shortened(data / "cmrc2018_trial.json", 200))
    known = frozenset(read_questions(data / "xquad.en.json")[0])
    squad, cmrc = data / "squad2_half_dev_a.json", data / "cmrc2018_trial.json"
    written(fit, "squad_changed", corrupted(pairs(squad, "en", 300, SEED, known)))
    written(fit, "cmrc_changed", corrupted(pairs(cmrc, "zh", 300, SEED)))
    written(fit, "reworded", reworded(0))
    written(measure, "reworded", reworded(1))
    for spoken in LANGUAGES:
        for other in ("en", "zh"):
            if spoken != other:
                written(fit, f"across_{spoken}_{other}", across(data, spoken, other, 60, 0))
    for spoken in ("en", "zh"):
        other = "zh" if spoken == "en" else "en"
        written(
            measure, f"changed_{spoken}", corrupted(pairs(data / f"xquad.{spoken}.json", spoken, 500, SEED))
        )
        written(measure, f"across_{spoken}_{other}", across(data, spoken, other, 150, 1))


if __name__ == "__main__":
    main()
