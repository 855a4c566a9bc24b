"""Mail in RFC 5322 form (.eml, .mbox, .mht) -> blocks and parts, with Python's own parser: it decodes every
header and body that unstructured does, and keeps the line ends that tell quoted lines from the writer's own.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage

from ingest.parse_blocks import Block, Parsed
from ingest.parse_lines import blocks_of
from ingest.parse_parts import PartWriter
from ingest.parse_text import decode
from ingest.parse_web import html_blocks
from rag.errors import UnreadableFileError

__all__ = ["is_logo", "mail_blocks", "parse_mail", "parse_mbox", "plain_blocks"]

_MIME = "message/rfc822"
_SHOWN = ("From", "To", "Cc", "Date")
_QUOTED = re.compile(r"((?:>[ \t]?)+)(.*)")
_POSTMARK = re.compile(
    rb"(?:\A|\n\r?\n)From \S[^\n]* (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [^\n]*\d\d:\d\d[^\n]*\n"
)
_STUFFED = re.compile(rb"^>(>*From )", re.MULTILINE)
# Signatures, receipts and keys: they say nothing to a reader
_SEALS = frozenset(
    """
    application/pkcs7-signature application/x-pkcs7-signature application/pgp-signature application/pgp-keys
    message/delivery-status message/disposition-notification text/rfc822-headers
    """.split()
)
_ENCRYPTED = ("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted")
# Logos and the like, in bytes
_SMALL_IMAGE = 10_000


def parse_mail(data: bytes, name: str, parts: PartWriter) -> Parsed:
    """The subject is the title and heading; sender, receivers and date come first; quoted history is kept,
    marked by ">". Attachments are parts. A web page saved as mail (.mht) is the page.
    """
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not (
        message.is_multipart() or any(message.get(header) for header in ("From", "To", "Subject", "Date"))
    ):
        raise UnreadableFileError("it has no mail headers")
    if message.get_content_type() in _ENCRYPTED and message.get_param("smime-type") != "signed-data":
        raise UnreadableFileError("the message is encrypted; ingest a decrypted copy")
    subject = _header(message, "Subject")
    bodies, attached = _sorted(message)
    for file_name, part in attached:
        parts.add(file_name, [_bytes_of(part)])
    text = [block for body in bodies for block in _body(body)]
    if message.get_content_type() == "multipart/related" and not message.get("From"):
        return Parsed("", tuple(text), _MIME, tuple(parts.parts))
    about = [(header, value) for header in _SHOWN if (value := _header(message, header))]
    shown = mail_blocks(subject, about, [file_name for file_name, _ in attached])
    return Parsed(subject, (*shown, *text), _MIME, tuple(parts.parts))


def mail_blocks(subject: str, about: list[tuple[str, str]], attached: list[str]) -> list[Block]:
    """What stands above the text of a mail."""
    lines = [f"{header}: {value}" for header, value in about]
    if attached:
        lines.append(f"Attachments: {', '.join(attached)}")
    return [*([Block("heading", subject, 1)] if subject else []), Block("text", "\n".join(lines))]


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):
        # the standard library's header parser fails on some malformed addresses
        return " ".join(str(dict(message.raw_items()).get(name, "")).split())


def _sorted(message: EmailMessage) -> tuple[list[EmailMessage], list[tuple[str, EmailMessage]]]:
    """The parts that are the text, and the attachments with their names."""
    bodies: list[EmailMessage] = []
    attached: list[tuple[str, EmailMessage]] = []
    for part in _leaves(message):
        kind, file_name = part.get_content_type(), _file_name(part)
        if kind in ("text/plain", "text/html") and not file_name and not part.is_attachment():
            bodies.append(part)
        elif not _is_trifle(part, kind, file_name):
            attached.append((file_name or f"{kind.replace('/', '.')}", part))
    return bodies, attached


def _leaves(part: EmailMessage) -> Iterator[EmailMessage]:
    """Parts in order, of alternatives the best only; an attached message is one part."""
    if part.get_content_maintype() != "multipart":
        yield part
        return
    inner = [one for one in part.iter_parts() if isinstance(one, EmailMessage)]
    if part.get_content_type() == "multipart/alternative":
        best = part.get_body(preferencelist=("plain", "html"))
        chosen = [one for one in inner if best is not None and any(one is best for one in one.walk())]
        # a calendar entry or the like beside the text says the same again
        inner = chosen or inner[:1]
    for one in inner:
        yield from _leaves(one)


def _file_name(part: EmailMessage) -> str:
    if part.get_content_type() == "message/rfc822":
        inner = next(iter(part.iter_parts()), None)
        subject = _header(inner, "Subject") if isinstance(inner, EmailMessage) else ""
        return f"{subject.replace('/', '_')[:80] or 'message'}.eml"
    try:
        return " ".join((part.get_filename() or "").split())
    except (ValueError, IndexError, AttributeError, TypeError):
        return "unnamed"


def _is_trifle(part: EmailMessage, kind: str, file_name: str) -> bool:
    if kind in _SEALS:
        return True
    inline = part.get_content_disposition() == "inline" or part.get("Content-ID") is not None
    if is_logo(kind, len(part.get_payload() or "") * 3 // 4, inline=inline):
        return True
    return not file_name and not part.is_attachment() and kind.startswith("text/")


def is_logo(kind: str, size: int, *, inline: bool) -> bool:
    """Whether an image of ``size`` bytes belongs to a signature rather than to what the mail says."""
    return inline and kind.startswith("image/") and size < _SMALL_IMAGE


def _bytes_of(part: EmailMessage) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = next(iter(part.iter_parts()), None)
        return inner.as_bytes() if inner is not None else b""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _body(part: EmailMessage) -> list[Block]:
    try:
        content = part.get_content()
    except (LookupError, UnicodeDecodeError):
        content = part.get_payload(decode=True)
    text = decode(content)[0] if isinstance(content, bytes) else str(content)
    return html_blocks(text) if part.get_content_subtype() == "html" else plain_blocks(text)


def plain_blocks(text: str) -> list[Block]:
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


def parse_mbox(data: bytes, name: str, parts: PartWriter) -> Parsed:
    """A mailbox: each message is a part, named by its subject and a mark of its own, so that the name stays
    when other messages come and go.
    """
    marks = list(_POSTMARK.finditer(data))
    if not marks:
        raise UnreadableFileError("it is no mailbox: no message begins in it")
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    for mark, end in zip(marks, ends, strict=True):
        message = _STUFFED.sub(rb"\1", data[mark.end() : end])
        parts.add(_message_name(message), [message])
    return Parsed("", (), "application/mbox", tuple(parts.parts))


def _message_name(message: bytes) -> str:
    headers = email.message_from_bytes(message[:20_000].split(b"\n\n", 1)[0], policy=email.policy.default)
    assert isinstance(headers, EmailMessage)
    own = _header(headers, "Message-ID").encode("utf-8", "replace") or message
    subject = _header(headers, "Subject").replace("/", "_")[:80]
    return f"{subject or 'message'} [{hashlib.sha256(own).hexdigest()[:8]}].eml"
