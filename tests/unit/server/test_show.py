"""Answers on a terminal: wrapped lines stay under their sentence or quote, and nothing in a document is
markup.
"""

from __future__ import annotations

import dataclasses
from io import StringIO

import pytest
from rich.console import Console

from rag.types import AnswerVerdict, Chunk, ClaimVerdict, DocumentRef, Hit
from server.schema import answer_out, search_out
from server.show import ANSWER_MARKS, CLAIM_MARKS, place, show_answer, show_hits
from tests.fakes.assistant import CITATION, DOCUMENT, answer_to


def test_every_verdict_has_an_icon_and_a_word() -> None:
    assert set(CLAIM_MARKS) == set(ClaimVerdict)
    assert set(ANSWER_MARKS) == set(AnswerVerdict)
    assert len({word for _, word, _ in CLAIM_MARKS.values()}) == len(ClaimVerdict)


@pytest.mark.parametrize(
    ("page", "heading", "shown"),
    [(3, ("A", "B"), "page 3, A › B"), (None, ("A",), "A"), (0, (), "page 0"), (None, (), "")],
)
def test_place(page: int | None, heading: tuple[str, ...], shown: str) -> None:
    assert place(page, heading) == shown


def test_wrapped_lines_are_indented() -> None:
    screen = StringIO()
    out = Console(file=screen, width=40, force_terminal=True, color_system=None, markup=False)
    out.soft_wrap = False
    answer = answer_out(answer_to("?"))
    answer.claims[0].text = "[bold]The valve[/x] must be closed at once, and the power be cut."
    answer.citations[0].quote = "one two three four five six seven eight nine ten eleven"
    show_answer(out, answer)
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    begin = next(i for i, line in enumerate(lines) if line.startswith("✓ supported   [bold]The valve[/x]"))
    assert lines[begin + 1].startswith(" " * 14)
    quoted = next(i for i, line in enumerate(lines) if line.startswith("    │ one"))
    assert lines[quoted + 1].startswith("      ")
    assert max(map(len, lines)) <= 40


def test_versions_stand_beside_the_sources() -> None:
    older = DocumentRef("d0", "old.docx", "Manual 2024", "en", 0.5, "2024-05-01 v0003")
    newer = DocumentRef("d2", "new.docx", "Manual", "en", 86400.0)
    cited = dataclasses.replace(CITATION, superseded_by=newer, supersedes=(older,))
    nearest = dataclasses.replace(DOCUMENT, superseded_by=newer)
    screen = StringIO()
    out = Console(file=screen, width=200, force_terminal=True, color_system=None, markup=False)
    out.soft_wrap = True
    show_answer(out, answer_out(dataclasses.replace(answer_to("?"), citations=(cited,), nearest=(nearest,))))
    shown = screen.getvalue()
    assert "    ! superseded by Manual (1970-01-02)  (new.docx)\n" in shown
    assert "    supersedes Manual 2024 (2024-05-01, v3)  (old.docx)\n" in shown
    assert f"  {DOCUMENT.title}  ({DOCUMENT.source}), superseded by Manual (1970-01-02)" in shown
    screen.truncate(0)
    show_hits(out, search_out("?", "en", [Hit(Chunk("d1", 0, "Text.", 0, 5, ()), nearest, 1.0)]).hits)
    assert "! superseded by Manual (1970-01-02)  (new.docx)" in screen.getvalue()
