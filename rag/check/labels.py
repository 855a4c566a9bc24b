"""Labelled sentences: what a probe is fitted on and measured with. JSON lines, or CSV with a header."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import LabelsError

__all__ = ["Example", "read_labels"]

_LABELS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence, the evidence that it was held to ("" for none) and whether it is supported.

    ``domain`` names the kind of text: a probe is measured on domains that it was not fitted on. ``kind`` may
    say what is wrong with the sentence.
    """

    evidence: str
    sentence: str
    label: bool
    domain: str
    kind: str = ""


def read_labels(file: Path) -> list[Example]:
    """The examples of a file with the fields evidence, sentence, label (0, 1, true, false), domain.

    ``*.csv`` is read as CSV, anything else as JSON lines. Raises LabelsError naming the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = _csv(lines) if file.suffix.lower() == ".csv" else _json(lines)
            examples = [_example(row, f"{file}, line {number}") for number, row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"{file} cannot be read: {error}.", "Name a file of JSON lines or CSV.") from error
    if not examples:
        raise LabelsError(f"{file} holds no examples.", "Name a file of JSON lines or CSV.")
    return examples


def _csv(lines: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:  # noqa: ANN401 - an open file
    reader = csv.DictReader(lines)
    for row in reader:
        yield reader.line_num, row


def _json(lines: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:  # noqa: ANN401 - an open file
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise LabelsError(f"Line {number} is not JSON: {error}.", "Correct the line.") from error
            yield number, row if isinstance(row, dict) else {}


def _example(row: Mapping[str, Any], where: str) -> Example:
    sentence = row.get("sentence")
    if not isinstance(sentence, str) or not sentence.strip():
        raise LabelsError(f"{where}: there is no sentence.", "Fill in the field `sentence`.")
    label = _LABELS.get(str(row.get("label")).strip().lower())
    if label is None:
        raise LabelsError(
            f"{where}: the label is {row.get('label')!r}.", "Write 1 or true for supported, else 0 or false."
        )
    return Example(str(row.get("evidence") or ""), sentence, label, str(row.get("domain") or "all"))
