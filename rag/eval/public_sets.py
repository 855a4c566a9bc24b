"""Any question set that Citewell reads, from the file that holds it: by ending and by what stands in it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rag.errors import QuestionSetError
from rag.eval.questions import REMEDY, Item, LabelledSentence, Question, item_of, numbered_rows
from rag.text import language, sentences

__all__ = ["read_labelled", "read_set"]


def read_set(path: Path) -> list[Item]:
    """The questions or labelled sentences of ``path``, in order; never both.

    A JSON file is in SQuAD's form (SQuAD 1 and 2, XQuAD, CMRC 2018), a folder or response.jsonl beside
    source_info.jsonl in RAGTruth's; JSONL and CSV as in rag.eval.questions. Raises QuestionSetError, which
    names the file, the line and what to do.
    """
    if path.is_dir():
        path = path / "response.jsonl"
    if path.suffix.lower() == ".json":
        items: list[Item] = list(_squad(path))
    elif path.name == "response.jsonl" and (path.parent / "source_info.jsonl").exists():
        items = list(_ragtruth(path))
    else:
        items = _plain(path)
    if not items:
        raise QuestionSetError(f"{path} holds no questions.", REMEDY)
    if len({type(item) for item in items}) > 1:
        raise QuestionSetError(f"{path} mixes questions and labelled sentences.", "Put them into two files.")
    return items


def read_labelled(path: Path) -> list[LabelledSentence]:
    """Like read_set, where only labelled sentences will do. Raises QuestionSetError."""
    labelled = [item for item in read_set(path) if isinstance(item, LabelledSentence)]
    if not labelled:
        raise QuestionSetError(f"{path} holds questions, not labelled sentences.", REMEDY)
    return labelled


def _plain(path: Path) -> list[Item]:
    items: dict[str, Item] = {}
    for number, row in numbered_rows(path):
        try:
            item = item_of(row)
        except ValueError as error:
            raise QuestionSetError(f"{path}, line {number}: {error}.", REMEDY) from error
        if item.id in items:
            raise QuestionSetError(
                f"{path}, line {number}: the id {item.id} is there already.", "Give each its own id."
            )
        if isinstance(item, LabelledSentence) and not item.domain:
            item = dataclasses.replace(item, domain=path.stem)
        items[item.id] = item
    return list(items.values())


def _squad(path: Path) -> Iterator[Question]:
    """SQuAD's form: articles with paragraphs with questions. The paragraph is the passage that is looked for;
    where the set marks a question as impossible, there is no answer and nothing to find.
    """
    try:
        articles = json.loads(path.read_text("utf-8-sig"))["data"]
    except OSError as error:
        raise QuestionSetError(f"{path} cannot be read: {error.strerror}.", "Correct the path.") from error
    except json.JSONDecodeError as error:
        raise QuestionSetError(f"{path}, line {error.lineno}: not JSON ({error.msg}).", REMEDY) from error
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise QuestionSetError(
            f'{path} is not in SQuAD\'s form: it has no list under "data".',
            "Give a question set in another form the ending .jsonl or .csv.",
        ) from error
    number = 0
    try:
        for article in articles:
            for paragraph in article["paragraphs"]:
                passage = paragraph["context"]
                spoken = language(passage)
                for asked in paragraph["qas"]:
                    number += 1
                    yield _squad_question(asked, passage, spoken)
    except (KeyError, TypeError) as error:
        raise QuestionSetError(
            f"{path} is not in SQuAD's form: question {number} lacks {error}.", REMEDY
        ) from error


def _squad_question(asked: Mapping[str, Any], passage: str, spoken: str) -> Question:
    answers = () if asked.get("is_impossible") else tuple(dict.fromkeys(a["text"] for a in asked["answers"]))
    return Question(
        asked["question"], str(asked["id"]), answers, passages=(passage,) if answers else (), language=spoken
    )


def _ragtruth(path: Path) -> Iterator[LabelledSentence]:
    """RAGTruth (Niu et al. 2024, arXiv:2401.00396): a sentence of a response is unsupported where it touches
    a span that annotators marked. Cut and refused responses are left out, as is the training split where
    there is a test split.
    """
    sources = {
        str(row["source_id"]): row["source_info"] for _, row in _rows(path.parent / "source_info.jsonl")
    }
    responses = [(n, row) for n, row in numbered_rows(path) if row.get("quality", "good") == "good"]
    if any(row.get("split") == "test" for _, row in responses):
        responses = [(n, row) for n, row in responses if row["split"] == "test"]
    domain = path.parent.name or path.stem
    for number, row in responses:
        try:
            evidence = _texts(sources[str(row["source_id"])])
            marked = [(label["start"], label["end"]) for label in row["labels"]]
            text = row["response"]
            spans = sentences(text)
        except (KeyError, TypeError) as error:
            raise QuestionSetError(f"{path}, line {number}: lacks {error}.", REMEDY) from error
        spoken = language(text)
        for start, end in spans:
            touched = any(a < end and start < b for a, b in marked)
            name = f"{row['id']}-{start}"
            yield LabelledSentence(text[start:end], evidence, not touched, name, spoken, domain=domain)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, row in numbered_rows(path):
        if not {"source_id", "source_info"} <= set(row):
            raise QuestionSetError(f"{path}, line {number}: lacks source_id or source_info.", REMEDY)
        yield number, row


def _texts(info: Any) -> tuple[str, ...]:  # noqa: ANN401 - text, passages or any JSON, by task
    """What a response was made from."""
    if isinstance(info, str):
        return (info,)
    if isinstance(info, Mapping) and isinstance(info.get("passages"), str):
        return tuple(text for text in info["passages"].split("\n\n") if text.strip())
    return (json.dumps(info, ensure_ascii=False, indent=1),)
