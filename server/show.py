"""Answers and passages for a reader at a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rag.notices import version_label
from rag.types import AnswerVerdict, ClaimVerdict
from server.schema import AnswerOut, CitationOut, ClaimOut, DocumentOut, HitOut, VersionOut

__all__ = ["console", "place", "show_answer", "show_claim", "show_hits", "show_rest"]

# an icon and a word: colour alone tells some readers nothing
CLAIM_MARKS = {
    ClaimVerdict.SUPPORTED: ("✓", "supported", "green"),
    ClaimVerdict.QUOTED: ("❝", "quoted", "cyan"),
    ClaimVerdict.UNSUPPORTED: ("✗", "unsupported", "red"),
    ClaimVerdict.NOT_CHECKED: ("?", "not checked", "yellow"),
}
ANSWER_MARKS = {
    AnswerVerdict.SUPPORTED: ("✓", "supported: every sentence agrees with its cited source", "green"),
    AnswerVerdict.PARTIAL: ("◐", "partial: some sentences were replaced by quotes or left out", "yellow"),
    AnswerVerdict.QUOTED: ("❝", "quoted: verbatim from the documents", "cyan"),
    AnswerVerdict.INSUFFICIENT_CONTEXT: ("∅", "the documents do not say", "yellow"),
    AnswerVerdict.OFF_TOPIC: ("∅", "not what these documents are about", "yellow"),
    AnswerVerdict.NOT_CHECKED: ("?", "not checked", "yellow"),
}
EXCERPT = 300


def console(*, stderr: bool = False) -> Console:
    """A console that leaves text alone: no highlighting, and no line breaks where the output goes to a
    file.
    """
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    made.soft_wrap = not made.is_terminal
    return made


def place(page: int | None, heading: Sequence[str]) -> str:
    """Page and heading path in one line."""
    parts = [f"page {page}"] if page is not None else []
    if heading:
        parts.append(" › ".join(heading))
    return ", ".join(parts)


def _hang(out: Console, before: Text, body: Text) -> None:
    """``body`` beside ``before``; where lines are wrapped, those that follow are indented as far."""
    if out.soft_wrap:
        out.print(Text.assemble(before, body))
        return
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(before, body)
    out.print(grid)


def show_claim(out: Console, claim: ClaimOut) -> None:
    """One checked sentence with its verdict and its [n]."""
    icon, word, colour = CLAIM_MARKS[claim.verdict]
    present = set(re.findall(r"\[(\d+)\]", claim.text))
    missing = "".join(f"[{n}]" for n in claim.citations if str(n) not in present)
    said = f"{claim.text} {missing}" if missing else claim.text
    _hang(out, Text(f"{icon} {word:<12}", style=colour), Text(said))


def _label(version: VersionOut) -> str:
    return f"{version_label(version.title, version.edition, version.modified)}  ({version.source})"


def _show_citation(out: Console, citation: CitationOut) -> None:
    where = place(citation.page, citation.heading)
    line = Text(citation.title, style="bold")
    if where:
        line.append(f", {where}", style="not bold")
    line.append(f"  ({citation.source})", style="not bold dim")
    _hang(out, Text(f"[{citation.n}] ", style="bold"), line)
    if citation.superseded_by:
        _hang(out, Text("    ! ", style="yellow"), Text(f"superseded by {_label(citation.superseded_by)}"))
    for older in citation.supersedes:
        _hang(out, Text("    ", style="dim"), Text(f"supersedes {_label(older)}", style="dim"))
    for part in citation.quote.strip().splitlines():
        _hang(out, Text("    │ "), Text(part))


def _show_nearest(out: Console, nearest: Sequence[DocumentOut]) -> None:
    if nearest:
        out.print("Nearest documents")
        for document in nearest:
            line = f"  {document.title}  ({document.source})"
            newest = document.superseded_by
            out.print(Text(f"{line}, superseded by {_label(newest)}" if newest else line))


def show_rest(out: Console, answer: AnswerOut, *, verbose: bool = False) -> None:
    """What follows the sentences: the verdict, the sources, the notices."""
    if not answer.claims:
        out.print(Text(answer.answer))
    icon, words, colour = ANSWER_MARKS[answer.verdict]
    out.print(Text(f"{icon} {words}", style=f"bold {colour}"))
    if answer.citations:
        out.print()
        out.print(Text("Sources", style="bold"))
        for citation in answer.citations:
            _show_citation(out, citation)
    _show_nearest(out, answer.nearest)
    for notice in answer.notices:
        out.print(Text(f"! {notice}", style="yellow"))
    if verbose:
        steps = ", ".join(f"{name} {ms:.0f} ms" for name, ms in answer.timings_ms.items())
        model = f"{answer.model.name}, " if answer.model else ""
        used = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in answer.usage.items())
        out.print(Text("; ".join(part for part in (f"{model}{steps}", used) if part), style="dim"))


def show_answer(out: Console, answer: AnswerOut, *, verbose: bool = False) -> None:
    """A whole answer."""
    for claim in answer.claims:
        show_claim(out, claim)
    show_rest(out, answer, verbose=verbose)


def show_hits(out: Console, hits: Sequence[HitOut]) -> None:
    """Found passages with the scores of each search."""
    if not hits:
        out.print("Nothing was found. `citewell ingest PATH` brings documents in.")
    for number, hit in enumerate(hits, 1):
        where = place(hit.page, hit.heading)
        line = Text(f"{number}. {hit.title}", style="bold")
        if where:
            line.append(f", {where}", style="default")
        out.print(line)
        dense = "-" if hit.dense is None else f"{hit.dense:.3f}"
        lexical = "-" if hit.lexical is None else f"{hit.lexical:.2f}"
        scores = f"score {hit.score:.4f}  dense {dense}  lexical {lexical}  cover {hit.cover:.2f}"
        out.print(Text(f"   {hit.source}  {scores}", style="dim"))
        if hit.superseded_by:
            out.print(Text(f"   ! superseded by {_label(hit.superseded_by)}", style="yellow"))
        excerpt = " ".join(hit.text.split())
        out.print(Text(f"   {excerpt[:EXCERPT]}{'…' if len(excerpt) > EXCERPT else ''}"))
