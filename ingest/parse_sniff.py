"""What a file really is, by its first bytes, then its name; and whether an Office archive may be opened."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import PurePosixPath

from rag.errors import TooLargeError, UnreadableFileError, UnsupportedFormatError
from rag.settings import IngestSettings

__all__ = ["FORMATS", "check_archive", "sniff"]

FORMATS = "md, txt, html, docx, pptx, xlsx, csv, eml and pdf"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
_BY_NAME = {
    ".md": "md", ".markdown": "md", ".txt": "txt", ".text": "txt", ".log": "txt", "": "txt",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".csv": "csv", ".tsv": "csv", ".eml": "eml",
}  # fmt: skip
# Names that promise another of our formats: what is inside is read as what it is
_PROMISED = (".docx", ".pptx", ".xlsx", ".pdf", ".doc", ".xls", ".ppt")
_FOREIGN = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "a database"),
    (b"{\\rtf", "an RTF document"),
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_MAIL = re.compile(
    rb"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*)*(?:from|received|subject|message-id):",
    re.IGNORECASE,
)
_DIRECTORY_ENTRIES = 20_000
_STEP = 1 << 20


def sniff(data: bytes, name: str) -> str:
    """One of docx, pptx, xlsx, pdf, md, txt, html, csv, eml.

    Content that has a mark of its own wins over the name. Raises UnsupportedFormatError for what no parser
    reads, and UnreadableFileError for what is damaged or protected.
    """
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive_kind(data, name)
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise UnreadableFileError("the document is protected by a password")
        raise UnsupportedFormatError(
            "old Office format (doc, xls, ppt, msg) is not read yet; save it as docx, xlsx or pptx"
        )
    for mark, what in _FOREIGN:
        if data.startswith(mark):
            raise UnsupportedFormatError(f"this is {what}; {FORMATS} are read")
    return _text_kind(data, PurePosixPath(name).suffix.lower())


def _text_kind(data: bytes, suffix: str) -> str:
    head = data[:4096]
    for bom in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        if head.startswith(bom):
            head = head[len(bom) :].replace(b"\x00", b"")
    if _HTML.match(head) and suffix not in (".md", ".markdown", ".eml"):
        return "html"
    known = _BY_NAME.get(suffix)
    if known is None and suffix not in _PROMISED:
        raise UnsupportedFormatError(f"files named {suffix} are not read; {FORMATS} are")
    if not data.strip(b"\x00 \t\r\n"):
        raise UnreadableFileError("there is no text in it")
    if suffix in _PROMISED:
        if data[:_STEP].count(0) > 0.01 * min(len(data), _STEP):
            raise UnreadableFileError(
                f"it is not the {suffix[1:]} file that its name says, or its beginning is damaged"
            )
        return "eml" if _MAIL.match(head) else "txt"
    return known or "txt"


def _archive_kind(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, EOFError, OverflowError, NotImplementedError) as error:
        raise UnreadableFileError(
            "the file is damaged: its end is missing or it is no valid Office file"
        ) from error
    for member, kind in _OFFICE.items():
        if member in names:
            return kind
    raise UnsupportedFormatError(f"a zip archive that is no Office document; {FORMATS} are read")


def check_archive(data: bytes, settings: IngestSettings) -> None:
    """Refuse an Office file that would unpack to too much, before any parser opens it.

    The archive's own directory is believed first, because that is cheap, and then every member is unpacked in
    small steps and counted, because a directory can lie; that also finds members that are damaged. Raises
    TooLargeError, UnreadableFileError.
    """
    limit = int(settings.max_unpacked_mb * 1e6)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _DIRECTORY_ENTRIES:
                raise TooLargeError(
                    f"the archive has {len(members):,} parts, more than {_DIRECTORY_ENTRIES:,}"
                )
            _judge(sum(member.file_size for member in members), len(data), limit, settings.max_ratio)
            unpacked = 0
            for member in members:
                if member.flag_bits & 1:
                    raise UnreadableFileError("the document is protected by a password")
                with archive.open(member) as stream:
                    while step := stream.read(_STEP):
                        unpacked += len(step)
                        _judge(unpacked, len(data), limit, settings.max_ratio)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError) as error:
        raise UnreadableFileError("the file is damaged: a part of it cannot be unpacked") from error


def _judge(unpacked: int, packed: int, limit: int, max_ratio: float) -> None:
    if unpacked > limit:
        raise TooLargeError(
            f"it unpacks to more than {limit / 1e6:,.0f} MB: a zip bomb? (setting ingest.max_unpacked_mb)"
        )
    # tiny files compress well without meaning harm
    if unpacked > 10 * _STEP and unpacked > max_ratio * packed:
        raise TooLargeError(
            f"it unpacks to more than {max_ratio:g} times its size: a zip bomb? (setting ingest.max_ratio)"
        )
