"""Question sets: their form, read from JSONL, CSV and the public forms, and written for people to correct.

One question is one JSON object in a line (or one row of a CSV file with the same columns):

    question   what is asked; the only field that must be there
    id         its name; made from the question where it is missing
    answers    accepted answers; [] says that the documents do not hold one; left out: not judged
    sources    documents that hold the answer: uri (or its end), id or title
    passages   verbatim passages that hold it, where no document is named
    language   ISO 639-1 code; detected where it is missing
    parts      of a question that asks several things: [{"text": "...", "answers": ["..."]}, ...]; a part
               without answers is one that the documents do not answer, and must be named as left out
    topic      "in" or "out": whether the documents are about it at all
    history    the conversation before it: [{"role": "user", "content": "..."}, ...]
    note       for people

In CSV, lists have one entry a line within their cell, ``parts`` and ``history`` are JSON, and "?" in
``answers`` stands for "not judged". Other fields are left alone.

A file may hold labelled sentences instead, which the checker judges without a question being asked:

    {"evidence": "..." or ["...", ...], "sentence": "...", "label": true or "supported", "id", "kind",
     "language", "domain"}

``kind`` tells what is wrong with a sentence ("number", "name"); how many are caught is told by kind.
``domain`` names the kind of text; where it is missing, it is the name of the file without its ending.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from rag.errors import QuestionSetError
from rag.text import language
from rag.types import Turn

__all__ = [
    "Item",
    "LabelledSentence",
    "Part",
    "Question",
    "item_of",
    "numbered_rows",
    "question_line",
    "write_questions",
]

FIELDS = "id question answers sources passages language parts topic history note".split()
LABELLED_FIELDS = "id evidence sentence label language kind domain".split()
LISTS = {"answers", "sources", "passages", "evidence"}
STRUCTURED = {"parts", "history"}
NOT_JUDGED = "?"
MISSPELT = 0.8  # as like as this, and a field is taken for a misspelt one
YES = {"supported", "true", "yes", "1", "fully attributable", "entailment"}
NO = {
    "unsupported", "not_supported", "not supported", "partially_supported", "partially supported",
    "not fully attributable", "false", "no", "0", "contradiction", "neutral",
}  # fmt: skip
REMEDY = "`citewell eval run --help` shows the form of a question set."


@dataclass(frozen=True, slots=True)
class Part:
    """One of several things that a question asks."""

    text: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """See above. ``answers`` is None where the answer is not judged, and empty where there is none."""

    question: str
    id: str = ""
    answers: tuple[str, ...] | None = None
    sources: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
    language: str = ""
    parts: tuple[Part, ...] = ()
    topic: Literal["in", "out", ""] = ""
    history: tuple[Turn, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """A sentence, and whether the evidence ([]: none) supports it as people say.

    What is fitted on one ``domain`` is measured on the others.
    """

    sentence: str
    evidence: tuple[str, ...]
    supported: bool
    id: str = ""
    language: str = ""
    kind: str = ""
    domain: str = ""


Item = Question | LabelledSentence
_QUESTION = TypeAdapter(Question)
_LABELLED = TypeAdapter(LabelledSentence)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _truth(label: object) -> bool:
    told = str(label).strip().casefold()
    if told not in YES | NO:
        raise ValueError(f"label: {label!r} is neither supported nor unsupported")
    return told in YES


def item_of(row: Mapping[str, Any]) -> Item:
    """A row as a question or a labelled sentence. Raises ValueError, which says what is wrong with it."""
    labelled = "sentence" in row and "evidence" in row
    known = LABELLED_FIELDS if labelled else FIELDS
    for name in row:
        if name not in known and (like := difflib.get_close_matches(name, known, 1, MISSPELT)):
            raise ValueError(f"{name}: is {like[0]} meant?")
    given = {name: row[name] for name in known if row.get(name) is not None}
    for name in LISTS & set(given):
        given[name] = (given[name],) if isinstance(given[name], str) else tuple(given[name])
    if "id" in given:
        given["id"] = str(given["id"])
    try:
        if labelled:
            given["supported"] = _truth(given.pop("label", None))
            sentence = _LABELLED.validate_python(given)
            if not sentence.sentence.strip():
                raise ValueError("sentence: is empty")
            return dataclasses.replace(
                sentence,
                id=sentence.id or _name("\n".join((sentence.sentence, *sentence.evidence))),
                language=sentence.language or language(sentence.sentence),
            )
        asked = _QUESTION.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if not asked.question.strip():
        raise ValueError("question: is empty")
    return dataclasses.replace(
        asked,
        id=asked.id or _name(asked.question),
        language=asked.language or language(asked.question),
    )


def numbered_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a JSONL or CSV file with the numbers of their lines. Raises QuestionSetError."""
    try:
        # the mark that spreadsheets put before UTF-8 is not part of the text
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise QuestionSetError(f"{path} is not UTF-8 text.", "Save it as UTF-8 (CSV UTF-8).") from error
    except OSError as error:
        raise QuestionSetError(f"{path} cannot be read: {error.strerror}.", "Correct the path.") from error
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from _csv_rows(path, text)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise QuestionSetError(f"{path}, line {number}: not JSON ({error.msg}).", REMEDY) from error
        if not isinstance(row, dict):
            raise QuestionSetError(f"{path}, line {number}: not a JSON object.", REMEDY)
        yield number, row


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)  # a spreadsheet takes the one of its country
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    _ = reader.fieldnames  # reads the header: lines are counted from there
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
            if cells is None:
                return
            if None in cells:
                raise ValueError("it has more cells than the header")
            yield number, _uncelled({name: cell or "" for name, cell in cells.items()})
        except (ValueError, csv.Error) as error:
            raise QuestionSetError(f"{path}, line {number}: {error}.", REMEDY) from error


def _uncelled(cells: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, cell in cells.items():
        if name in LISTS:
            if not (name == "answers" and cell.strip() == NOT_JUDGED):
                row[name] = [line.strip() for line in cell.splitlines() if line.strip()]
        elif cell.strip():
            row[name] = json.loads(cell) if name in STRUCTURED else cell.strip()
    return row


def _plain(question: Question) -> dict[str, Any]:
    """Fields that say something, in the order of FIELDS."""
    row = _QUESTION.dump_python(question, mode="json")
    if question.answers is None:
        del row["answers"]
    return {name: row[name] for name in FIELDS if name in row and (row[name] or name == "answers")}


def question_line(question: Question) -> str:
    """A question as one line of JSONL, without its end."""
    return json.dumps(_plain(question), ensure_ascii=False)


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Write a set as CSV (for a spreadsheet) or JSONL, by the ending of ``path``; reads back the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() != ".csv":
        path.write_text("".join(question_line(question) + "\n" for question in questions), "utf-8")
        return
    rows = [_plain(question) for question in questions]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(name, row.get(name)) for name in FIELDS})


def _cell(name: str, value: str | Sequence[Any] | None) -> str:
    if name in STRUCTURED:
        return json.dumps(value, ensure_ascii=False) if value else ""
    if value is None:
        return NOT_JUDGED if name == "answers" else ""
    return value if isinstance(value, str) else "\n".join(" ".join(entry.split()) for entry in value)
