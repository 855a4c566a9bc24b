"""Outlook messages (.msg) -> blocks and parts, read with oxmsg."""

from __future__ import annotations

import io
from collections.abc import Callable
from email.utils import format_datetime
from typing import TypeVar

from oxmsg import Message
from oxmsg.attachment import Attachment
from oxmsg.domain import constants

from ingest.parse_blocks import Block, Parsed
from ingest.parse_mail import is_logo, mail_blocks, plain_blocks
from ingest.parse_parts import PartWriter
from ingest.parse_web import decode_html, html_blocks
from rag.errors import UnreadableFileError

__all__ = ["parse_msg"]

_MIME = "application/vnd.ms-outlook"
_Value = TypeVar("_Value")


def parse_msg(data: bytes, name: str, parts: PartWriter) -> Parsed:
    """As a mail: subject, sender, receivers and date, the text, attachments as parts."""
    try:
        message = Message.load(io.BytesIO(data))
        subject = " ".join(message.subject.split())
    except Exception as error:  # olefile's, struct's and its own
        raise UnreadableFileError(f"the Outlook message cannot be read: {error}") from error
    kind = _told(lambda: message.message_class) or ""
    if kind.upper().startswith("IPM.NOTE.SMIME") and not _told(lambda: message.body):
        raise UnreadableFileError("the message is encrypted; ingest a decrypted copy")
    attached = [named for one in message.attachments if (named := _attachment(one, parts))]
    blocks = mail_blocks(subject, _about(message), attached)
    return Parsed(subject, (*blocks, *_body(message)), _MIME, tuple(parts.parts))


def _told(read: Callable[[], _Value]) -> _Value | None:
    """What a message says; None where it is damaged."""
    try:
        return read()
    except Exception:  # a missing stream is a KeyError, a cut one struct's or a decoding error
        return None


def _attachment(attachment: Attachment, parts: PartWriter) -> str:
    """Its name when it became a part, else ""."""
    content = _told(lambda: attachment.file_bytes)
    inline = _told(lambda: attachment.properties.str_prop_value(constants.PID_ATTACH_CONTENT_ID))
    kind = _told(lambda: attachment.mime_type) or ""
    if not content or is_logo(kind, len(content), inline=bool(inline)):
        return ""
    short = _told(lambda: attachment.properties.str_prop_value(constants.PID_ATTACH_FILENAME))
    name = _told(lambda: attachment.file_name) or short or "attachment"
    parts.add(name, [content])
    return name


def _about(message: Message) -> list[tuple[str, str]]:
    receivers = [_told(lambda one=one: f"{one.name} <{one.email_address}>") for one in message.recipients]  # type: ignore[misc]
    sent = _told(lambda: message.sent_date)
    shown = (
        ("From", _told(lambda: message.sender)),
        ("To", ", ".join(filter(None, receivers))),
        ("Date", format_datetime(sent) if sent is not None else ""),
    )
    return [(header, " ".join(value.split())) for header, value in shown if value]


def _body(message: Message) -> list[Block]:
    text = _told(lambda: message.body)
    if text and text.strip():
        return plain_blocks(text)
    # what a message says of the encoding of its page is less reliable than the page
    raw = _told(lambda: message.properties.binary_prop_value(constants.PID_HTML))
    markup = decode_html(raw) if raw else _told(lambda: message.html_body)
    return html_blocks(markup) if markup else []
