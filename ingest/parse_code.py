"""Source code and configuration -> verbatim blocks, cut before top-level definitions.

No language is parsed: what stands at the left edge after an empty line begins something, in every language
that people indent.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from pygments.lexers import find_lexer_class_for_filename

from ingest.parse_blocks import Block, Parsed
from ingest.parse_text import decode

__all__ = ["parse_code"]

# The line that names a definition: a keyword and a name, a function's head in the manner of C, a section of
# an INI file, a key of YAML that others lie below, a statement of SQL that makes something
_DEFINITION = re.compile(
    r"""(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|unsafe|pub(?:\(\w+\))?
        |sealed|partial|open|override|inline|extern|virtual|declare|local)\s+)*
    (?:def|class|function|func|fn|fun|interface|struct|enum|trait|impl|module|namespace|type|object|record|sub
        |procedure|package|protocol|extension|macro_rules!|const|resource|task)\b[\s*(]+[\w$.:<>]
    |[A-Za-z_][\w:<>,*&\[\]\s]*?[\s*&]~?[\w:]+\s*\([^;{]*\)?\s*(?:const)?\s*\{?\s*$
    |[\w-]+\s*\(\)\s*\{?\s*$
    |\[\[?[^\[\]=,]+\]\]?\s*$
    |["']?[\w.$/ -]+["']?:\s*(?:[|>&!][\w+-]*)?\s*$
    |(?:create|alter)\s+(?:or\s+replace\s+)?(?:\w+\s+){0,3}\w
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--|;|%|@|<!--|\"\"\"|''')")
_LABEL_END = re.compile(r"\s*[{:(\[|>]*\s*$")
# Definitions shorter than this go together, in characters; longer ones are cut at empty lines
_SMALL, _LARGE = 400, 4000


def parse_code(data: bytes, name: str) -> Parsed:
    """Each block is a definition under the line that names it, or several small ones."""
    text, _ = decode(data)
    lexer = find_lexer_class_for_filename(PurePosixPath(name).name)
    mime = next(iter(lexer.mimetypes), "") if lexer is not None else ""
    blocks = [
        Block("text", piece, level=1, label=_label(piece), verbatim=True)
        for piece in _pieces(text.replace("\r\n", "\n").replace("\r", "\n"))
    ]
    return Parsed(PurePosixPath(name).name, tuple(blocks), mime or "text/plain")


def _pieces(text: str) -> list[str]:
    pieces: list[list[str]] = [[]]
    size = 0
    after_blank = False
    for line in text.split("\n"):
        edge = line[:1] not in ("", " ", "\t", "}", ")", "]")
        full = size >= _SMALL or _DEFINITION.match(line) is not None
        if after_blank and pieces[-1] and ((edge and full) or size >= _LARGE):
            pieces.append([])
            size = 0
        pieces[-1].append(line)
        size += len(line) + 1
        after_blank = not line.strip()
    return ["\n".join(piece) for piece in pieces if any(map(str.strip, piece))]


def _label(piece: str) -> str:
    """The first line of a piece that names a definition, without what opens its body."""
    for line in piece.split("\n")[:40]:
        if line[:1] not in ("", " ", "\t") and not _COMMENT.match(line) and _DEFINITION.match(line[:300]):
            return _LABEL_END.sub("", line)[:80]
    return ""
