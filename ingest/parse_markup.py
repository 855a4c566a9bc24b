"""reStructuredText, Org, AsciiDoc and LaTeX -> blocks: their headings are found, the rest is read as plain
text. None of them is executed: no file is included, no macro expanded.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ingest.parse_blocks import Block, Parsed, crowned, join_lists
from ingest.parse_lines import blocks_of
from ingest.parse_text import decode

__all__ = ["parse_markup", "parse_tex"]

_TITLE = re.compile(r"^#\+title:[ \t]*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_DIRECTIVE = re.compile(r"^(?:#\+\w+:.*|:[\w-]+:[ \t]*\S*|\.\. _[^:]+:|//(?!/).*)$\n?", re.MULTILINE)
# A program: after "::" or a directive for code, fenced by ---- or between #+begin_ and #+end_
_CODE = re.compile(
    r"""^(?P<fence>-{4,}|`{3,})[^\n]*\n(?P<fenced>.*?)^(?P=fence)[ \t]*$
    |^[ \t]*\#\+begin_(?P<kind>src|example)\b[^\n]*\n(?P<org>.*?)^[ \t]*\#\+end_(?P=kind)[ \t]*$
    |^(?P<rst>[ \t]*\.\.[ ](?:code-block|code|sourcecode|highlight)::[^\n]*\n(?:[ \t]*\n|[ \t]+:[^\n]*\n)*
        (?:(?:[ \t]+[^\n]*|[ \t]*)(?:\n|\Z))+)""",
    re.VERBOSE | re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_HEADING = {
    ".org": re.compile(
        r"^(\*{1,6})[ \t]+(?:(?:TODO|DONE)[ \t]+)?(\S.*?)(?:[ \t]+:[\w:@]+:)?[ \t]*$", re.MULTILINE
    ),
    ".adoc": re.compile(r"^(={1,6})[ \t]+(\S.*)$", re.MULTILINE),
}
_RST_LINE = "=-~^\"'`#*+.:_"
_RANKS = {"part": 1, "chapter": 2, "section": 3, "subsection": 4, "subsubsection": 5, "paragraph": 6}
_TEX_HEADING = re.compile(
    r"\\(part|chapter|section|subsection|subsubsection|paragraph)\*?(?:\[[^\]]*\])?\{((?:[^{}]|\{[^{}]*\})*)\}"
)
_TEX_TITLE = re.compile(r"\\title(?:\[[^\]]*\])?\{((?:[^{}]|\{[^{}]*\})*)\}")
_TEX_COMMENT = re.compile(r"(?<!\\)%.*")
_TEX_VERBATIM = re.compile(r"\\begin\{(verbatim|lstlisting|minted)\}[^\n]*\n(.*?)\\end\{\1\}", re.DOTALL)
_TEX_STYLE = re.compile(
    r"\\(?:text(?:bf|it|tt|sc|sf|rm)|emph|underline|mbox|url|caption|footnote)\{([^{}]*)\}"
)
_TEX_ITEM = re.compile(r"\\item(?:\[([^\]]*)\])?[ \t]*")
_TEX_LEFT_OUT = re.compile(
    r"\\(?:begin|end|label|cite[tp]?|ref|pageref|index|vspace|hspace|includegraphics|usepackage|documentclass|input"
    r"|bibliography|bibliographystyle|maketitle|tableofcontents|newpage|clearpage|centering|noindent|author|date)"
    r"\*?(?:\[[^\]]*\])*(?:\{[^{}]*\})*"
)
_TEX_ESCAPED = re.compile(r"\\([%&$#_{}])")


def parse_markup(data: bytes, name: str) -> Parsed:
    """reStructuredText, Org or AsciiDoc, by the file's name."""
    text = _decoded(data)
    suffix = PurePosixPath(name).suffix.lower()
    title = _TITLE.search(text)
    blocks: list[Block] = []
    ranks: dict[str, int] = {}
    at = 0
    for code in _CODE.finditer(text):
        blocks += _prose(text[at : code.start()], suffix, ranks)
        blocks.append(_program(code))
        at = code.end()
    blocks += _prose(text[at:], suffix, ranks)
    found = join_lists([block for block in blocks if block.text.strip() or block.label])
    return Parsed(title[1].strip() if title else "", tuple(found if title else crowned(found)), "text/plain")


def _decoded(data: bytes) -> str:
    return decode(data)[0].replace("\r\n", "\n").replace("\r", "\n")


def _program(code: re.Match[str]) -> Block:
    if code["rst"]:
        lines = code["rst"].split("\n")[1:]
        return Block(
            "text", "\n".join(line for line in lines if not line.strip().startswith(":")), verbatim=True
        )
    return Block("text", code["fenced"] or code["org"] or "", verbatim=True)


def _prose(text: str, suffix: str, ranks: dict[str, int]) -> list[Block]:
    text = _DIRECTIVE.sub("", text)
    pattern = _HEADING.get(".adoc" if suffix == ".asciidoc" else suffix)
    if pattern is None:
        return blocks_of(_sharp(text, ranks))
    return blocks_of(pattern.sub(lambda m: f"\n{'#' * len(m[1])} {m[2]}\n", text))


def _sharp(text: str, ranks: dict[str, int]) -> str:
    """Underlined titles of reStructuredText as "## Title": the order in which the marks first come gives the
    rank (docutils, "Sections"), and is kept in ``ranks``.
    """
    lines = text.split("\n")
    out: list[str] = []
    for line in lines:
        mark = line.rstrip()
        title = out[-1].strip() if out else ""
        is_line = len(mark) >= 3 and mark[0] in _RST_LINE and mark == mark[0] * len(mark)
        if is_line and title and not out[-1].startswith("#") and 2 * len(mark) >= len(title):
            over = len(out) > 1 and out[-2].strip() == mark
            rank = ranks.setdefault(mark[0] * (1 + over), len(ranks) + 1)
            del out[-2 if over else -1 :]
            out += ["", f"{'#' * min(rank, 6)} {title}", ""]
        else:
            out.append(line)
    return "\n".join(out)


def parse_tex(data: bytes, name: str) -> Parsed:
    """LaTeX: headings, items and verbatim text; commands that only set type are taken off their text."""
    text = _TEX_COMMENT.sub("", _decoded(data))
    title = _TEX_TITLE.search(text)
    body = text.partition(r"\begin{document}")[2] or text
    blocks: list[Block] = []
    at = 0
    for code in _TEX_VERBATIM.finditer(body):
        blocks += blocks_of(_tex_prose(body[at : code.start()]))
        blocks.append(Block("text", code[2], verbatim=True))
        at = code.end()
    blocks += blocks_of(_tex_prose(body[at:]))
    return Parsed(_tex_prose(title[1]).strip() if title else "", tuple(join_lists(blocks)), "text/x-tex")


def _tex_prose(text: str) -> str:
    text = _TEX_HEADING.sub(lambda m: f"\n\n{'#' * _RANKS[m[1]]} {m[2]}\n\n", text)
    for _ in range(3):  # styles within styles
        text = _TEX_STYLE.sub(r"\1", text)
    text = _TEX_ITEM.sub(lambda m: f"\n- {m[1] + ' ' if m[1] else ''}", _TEX_LEFT_OUT.sub("", text))
    text = text.replace("~", " ").replace("\\\\", "\n").replace("``", "“").replace("''", "”")
    return _TEX_ESCAPED.sub(r"\1", text)
