"""Mail in RFC 5322 form (.eml) -> blocks, with Python's own parser: it decodes every header and body that
unstructured does, and keeps the line ends that tell quoted lines from the writer's own.
"""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

from ingest.parse_blocks import Block, Parsed
from ingest.parse_lines import blocks_of
from ingest.parse_text import decode
from ingest.parse_web import html_blocks
from rag.errors import UnreadableFileError

__all__ = ["parse_mail"]

_SHOWN = ("From", "To", "Cc", "Date")
_QUOTED = re.compile(r"((?:>[ \t]?)+)(.*)")


def parse_mail(data: bytes, name: str) -> Parsed:
    """The subject is the title and heading; sender, receivers and date come first; quoted history is kept,
    marked by ">".
    """
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not any(
        message.get(header) for header in ("From", "To", "Subject", "Date")
    ):
        raise UnreadableFileError("it has no mail headers")
    subject = _header(message, "Subject")
    about = [f"{header}: {value}" for header in _SHOWN if (value := _header(message, header))]
    attached = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    if attached:
        about.append(f"Attachments: {', '.join(attached)}")
    blocks = [Block("heading", subject, 1)] if subject else []
    blocks.append(Block("text", "\n".join(about)))
    return Parsed(subject, (*blocks, *_body(message)), "message/rfc822")


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):
        # the standard library's header parser fails on some malformed addresses
        return " ".join(str(dict(message.raw_items()).get(name, "")).split())


def _body(message: EmailMessage) -> list[Block]:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return []
    try:
        content = part.get_content()
    except (LookupError, UnicodeDecodeError):
        content = part.get_payload(decode=True)
    text = decode(content)[0] if isinstance(content, bytes) else str(content)
    return html_blocks(text) if part.get_content_subtype() == "html" else _plain(text)


def _plain(text: str) -> list[Block]:
    """Runs of lines of equal quoting depth, each unwrapped by itself."""
    blocks: list[Block] = []
    lines: list[str] = []
    depth = 0
    for raw in [*text.replace("\r\n", "\n").split("\n"), None]:
        quoted = _QUOTED.match(raw) if raw is not None else None
        now = quoted[1].count(">") if quoted else 0
        if raw is None or now != depth:
            mark = "> " if depth else ""
            for block in blocks_of("\n".join(lines), headings=False):
                blocks.append(Block(block.kind, "\n".join(mark + line for line in block.text.split("\n"))))
            lines, depth = [], now
        if raw is not None:
            lines.append(quoted[2] if quoted else raw)
    return blocks
