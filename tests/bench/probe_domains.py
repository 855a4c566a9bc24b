"""Labelled (evidence, sentence) pairs by domain, for the bench of the hidden-state probe.

With evidence: BEGIN (three sets; generic replies left out), WiCE (gold sentences), and sentences of XQuAD
beside versions with a number, a name or a negation changed (en and zh), each against itself and its
neighbours. Without evidence, as SAPLMA did: true and false statements by topic, and their negations."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from corpora import read_questions

from rag.check.negation import negations
from rag.eval.questions import LabelledSentence
from rag.text import sentences

__all__ = ["SUPPORT", "TRUTH", "support", "truth"]

SEED = 20261125
SUPPORT = ("begin wow", "begin cmu", "begin topicalchat", "wice", "xquad en", "xquad zh")
TRUTH = ("facts", "companies", "cities", "neg_facts", "neg_companies")
_DENY_EN = re.compile(r"\b(is|are|was|were|has been|have been|had been|can|could|will|would|must|should)\b")
_DENY_ZH = re.compile(r"(?<![不也就还于总只])是(?!否)|可以|能够|需要|允许|属于|包括|位于|导致|成为")


def labelled(evidence: str, sentence: str, supported: bool, domain: str, kind: str = "") -> LabelledSentence:
    """A pair with its label."""
    return LabelledSentence(sentence, (evidence,), supported, kind=kind, domain=domain)


def balanced(examples: list[LabelledSentence], count: int) -> list[LabelledSentence]:
    """At most ``count`` pairs drawn with the seed, half of them true where there are as many."""
    rng = random.Random(SEED)
    rng.shuffle(examples)
    sides = [[each for each in examples if each.supported is label][: count // 2] for label in (True, False)]
    return sides[0] + sides[1]


def begin(data: Path, name: str) -> Iterator[LabelledSentence]:
    """Generated replies, labelled by people."""
    with (data / f"begin_dev_{name}.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["begin_label"] != "Generic":
                label = row["begin_label"] == "Fully attributable"
                yield labelled(row["knowledge"], row["response"], label, f"begin {name}")


def wice(data: Path) -> Iterator[LabelledSentence]:
    """Claims of Wikipedia with the sentences that annotators chose."""
    for line in (data / "wice_claim_dev.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        gold = sorted({i for group in item["supporting_sentences"] for i in group}) or range(
            min(10, len(item["evidence"]))
        )
        text = " ".join(item["evidence"][i] for i in gold)
        yield labelled(text, item["claim"], item["label"] == "supported", "wice")


def changed_number(sentence: str, rng: random.Random) -> str:
    """One digit of one number exchanged; "" when there is none."""
    places = [match.start() for match in re.finditer(r"\d", sentence)]
    if not places:
        return ""
    at = rng.choice(places)
    digit = rng.choice([d for d in "123456789" if d != sentence[at]])
    return sentence[:at] + digit + sentence[at + 1 :]


def changed_negation(sentence: str) -> str:
    """The sentence denied, or affirmed where it denied; "" when no rule fits."""
    if negations(sentence):
        affirmed = re.sub(r"\bnot |n't\b|不是(?=.)|没有(?=.)", lambda m: "是" if m[0] == "不是" else
                          "有" if m[0] == "没有" else "", sentence, count=1)  # fmt: skip
        return affirmed if affirmed != sentence else ""
    if match := _DENY_EN.search(sentence):
        first = re.match(r"\w+", sentence[match.start() :])
        at = match.start() + (first.end() if first else 0)
        return f"{sentence[:at]} not{sentence[at:]}"
    if match := _DENY_ZH.search(sentence):
        return sentence[: match.start()] + "不" + sentence[match.start() :]
    return ""


def corrupted(data: Path, language: str, count: int) -> Iterator[LabelledSentence]:
    """Sentences that hold an answer, intact and with a number, the answer (a name) or a negation changed."""
    rng = random.Random(SEED)
    paragraphs, questions = read_questions(data / f"xquad.{language}.json")
    named = [q for q in questions if not re.search(r"\d", q.answers[0]) and 1 < len(q.answers[0]) < 30]
    rng.shuffle(named)
    domain, done, used = f"xquad {language}", 0, set()
    for question in named:
        text = paragraphs[question.paragraph]
        spans = [text[start:end].strip() for start, end in sentences(text)]
        at = next((i for i, each in enumerate(spans) if question.answers[0] in each), None)
        if at is None or done == count or spans[at] in used:
            continue
        other = rng.choice([q for q in named if q.paragraph != question.paragraph]).answers[0]
        evidence = ("" if language == "zh" else " ").join(spans[max(0, at - 1) : at + 2])
        sentence = spans[at]
        used.add(sentence)
        versions = (
            changed_number(sentence, rng),
            sentence.replace(question.answers[0], other),
            changed_negation(sentence),
        )
        done += 1
        yield labelled(evidence, sentence, True, domain)
        for kind, version in zip(("number", "name", "negation"), versions, strict=True):
            if version and version != sentence:
                yield labelled(evidence, version, False, domain, kind)


def support(data: Path, count: int) -> list[LabelledSentence]:
    """About ``count`` pairs of each domain of SUPPORT."""
    found: list[LabelledSentence] = []
    for name in ("wow", "cmu", "topicalchat"):
        found += balanced(list(begin(data, name)), count)
    found += balanced(list(wice(data)), count)
    for language in ("en", "zh"):
        found += corrupted(data, language, count // 3)
    return found


def truth(data: Path, count: int) -> list[LabelledSentence]:
    """About ``count`` statements of each domain of TRUTH, without evidence; of neg_* only negated ones."""
    found: list[LabelledSentence] = []
    for name in TRUTH:
        with (data / f"true_false_{name}.csv").open(encoding="utf-8", newline="") as lines:
            rows = [(row["statement"], row["label"] == "1") for row in csv.DictReader(lines)]
        if name.startswith("neg_"):
            rows = [row for row in rows if negations(row[0])]
        found += balanced([labelled("", text, label, name) for text, label in rows], count)
    return found
