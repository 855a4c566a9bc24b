"""What a file really is: by its first bytes and what lies in it, then by its name."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath
from typing import Any

import filetype
import olefile
from pygments.lexers import find_lexer_class_for_filename

from ingest.parse_text import decode
from rag.errors import UnreadableFileError, UnsupportedFormatError

__all__ = ["FORMATS", "sniff"]

FORMATS = (
    "text, Markdown, HTML, XML, JSON, CSV, source code, PDF, Word, Excel, PowerPoint, OpenDocument, RTF, "
    "EPUB, notebooks, mail, and zip or tar archives of these"
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PACKED = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00")
_OFFICE = (
    (re.compile(r"word/document\d*\.xml"), "docx"),
    (re.compile(r"ppt/presentation\d*\.xml"), "pptx"),
    (re.compile(r"xl/workbook\d*\.xml"), "xlsx"),
    (re.compile(r"xl/workbook\d*\.bin"), "xlsb"),
)
_STREAMS = {
    "WordDocument": "doc", "Workbook": "xls", "Book": "xls", "PowerPoint Document": "ppt",
    "__properties_version1.0": "msg",
}  # fmt: skip
_BY_NAME = {
    ".md": "md", ".markdown": "md", ".txt": "txt", ".text": "txt", ".log": "txt",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".csv": "csv", ".tsv": "csv", ".eml": "eml",
    ".mht": "eml", ".mhtml": "eml", ".mbox": "mbox", ".json": "json", ".geojson": "json",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".ipynb": "ipynb", ".xml": "xml", ".dbk": "xml",
    ".rst": "markup", ".org": "markup", ".adoc": "markup", ".asciidoc": "markup", ".tex": "tex",
}  # fmt: skip
# Names of text that may begin like HTML, XML or a mail and is nothing of the kind
_WRITTEN = ("md", "markup", "tex", "csv")
# Names that promise another of our formats: what is inside is read as what it is
_PROMISED = (
    ".docx", ".pptx", ".xlsx", ".pdf", ".doc", ".xls", ".ppt", ".odt", ".ods", ".odp", ".rtf", ".epub",
    ".msg", ".zip", ".tar", ".gz", ".tgz",
)  # fmt: skip
_PICTURE = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|II[*+]\x00|MM\x00[*+]|RIFF....WEBP|BM.{4}\x00{4}.{4}[\x0c\x28-\x7c]\x00\x00\x00",
    re.DOTALL,
)
_FOREIGN = (
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "a database"),
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML = re.compile(rb"\s*<\?xml\s")
_SVG = re.compile(rb"<svg[\s>]")
_FLAT_ODF = re.compile(rb"<office:document\s")
_MSO = re.compile(rb"<\?mso-application\s+progid=\"(Word|Excel)\.")
# Each line in one way only: "[^\n]*\r?\n" would try two for every line of a file that is no mail
_HEADERS = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)*+")
_MAIL = re.compile(rb"^(?:from|received|subject|message-id):", re.IGNORECASE | re.MULTILINE)
# Text under any name may begin with "From: " or "Subject: ", but not with these
_SURE_MAIL = re.compile(rb"^(?:received|message-id|mime-version):", re.IGNORECASE | re.MULTILINE)
_MBOX = re.compile(
    rb"From \S[^\n]* (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [^\n]*\d\d:\d\d[^\n]*\n[A-Za-z][A-Za-z0-9-]*:"
)
_NOTEBOOK = re.compile(rb'"nbformat"\s*:')
_STEP = 1 << 20
_filetype: Any = filetype  # it has no types
_olefile: Any = olefile


def sniff(data: bytes, name: str) -> str:
    """The kind of file, as ingest.parse_worker names it.

    Content that has a mark of its own wins over the name. Raises UnsupportedFormatError for what no parser
    reads, and UnreadableFileError for what is damaged or protected.
    """
    if data.startswith(_ZIP):
        return _zip_kind(data)
    # a PDF may begin with some bytes that are none of it
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_OLE):
        return _ole_kind(data)
    if data.startswith(_PACKED):
        return "packed"
    if data[257:262] == b"ustar":
        return "tar"
    if data.startswith(b"{\\rtf"):
        return "rtf"
    if _PICTURE.match(data):
        return "image"
    for mark, what in _FOREIGN:
        if data.startswith(mark):
            raise UnsupportedFormatError(f"this is {what}; {FORMATS} are read")
    return _text_kind(data, PurePosixPath(name))


def _zip_kind(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            mime = archive.open("mimetype").read(200) if "mimetype" in names else b""
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, OverflowError, NotImplementedError) as error:
        raise UnreadableFileError(
            "the file is damaged: its end is missing or it is no valid archive or Office file"
        ) from error
    except RuntimeError as error:  # zipfile's word for an encrypted member
        raise UnreadableFileError("the document is protected by a password") from error
    if mime.startswith(b"application/epub") or "META-INF/container.xml" in names:
        return "epub"
    if mime.startswith(b"application/vnd.oasis.opendocument"):
        return "odf"
    for member, kind in _OFFICE:
        if any(map(member.fullmatch, names)):
            return kind
    if "[Content_Types].xml" in names:
        raise UnsupportedFormatError("an Office file that is damaged or of a kind that is not read")
    if any(one.endswith(".iwa") for one in names):
        raise UnsupportedFormatError("an Apple iWork document; export it as docx, pptx, xlsx or PDF")
    return "zip"


def _ole_kind(data: bytes) -> str:
    """The old container of Microsoft: its streams tell what is in it."""
    try:
        with _olefile.OleFileIO(data) as container:
            streams = {path[0] for path in container.listdir()}
    except Exception as error:  # olefile lets struct's and its own errors through
        raise UnreadableFileError("the old Office file is damaged") from error
    if "EncryptedPackage" in streams:
        raise UnreadableFileError("the document is protected by a password")
    for stream, kind in _STREAMS.items():
        if stream in streams:
            return kind
    raise UnsupportedFormatError(f"an old Office file of a kind that is not read; {FORMATS} are")


def _text_kind(data: bytes, name: PurePosixPath) -> str:
    suffix = name.suffix.lower()
    head = data[:4096]
    for bom in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        if head.startswith(bom):
            head = head[len(bom) :].replace(b"\x00", b"")
    if not data.strip(b"\x00 \t\r\n"):
        raise UnreadableFileError("there is no text in it")
    known = _BY_NAME.get(suffix, "")
    if suffix in _PROMISED and data[:_STEP].count(0) > 0.01 * min(len(data), _STEP):
        raise UnreadableFileError(
            f"it is not the {suffix[1:]} file that its name says, or its beginning is damaged"
        )
    marked = "" if known in _WRITTEN else _marked(data, head, known)
    if marked or known:
        return marked or known
    if suffix in _PROMISED:
        return "eml" if _has_header(_MAIL, head) else "txt"
    return _unknown(data, head, name)


def _marked(data: bytes, head: bytes, known: str) -> str:
    """The kind that the beginning of a text gives away, whatever its name; "" when it does not."""
    if known == "eml" or _has_header(_SURE_MAIL, head):
        return "eml"
    if _MBOX.match(head):
        return "mbox"
    if _HTML.match(head):
        return "html"
    if _XML.match(head):
        office = _MSO.search(head)
        if office:
            return office[1].decode("ascii").lower() + "xml"
        if _FLAT_ODF.search(head):
            return "fodf"
        if _SVG.search(head):
            raise UnsupportedFormatError(f"this is an SVG drawing; {FORMATS} are read")
        return "xml"
    return "ipynb" if known == "json" and _NOTEBOOK.search(data) else ""


def _has_header(names: re.Pattern[bytes], head: bytes) -> bool:
    headers = _HEADERS.match(head)
    return headers is not None and names.search(headers[0]) is not None


def _unknown(data: bytes, head: bytes, name: PurePosixPath) -> str:
    """A name that says nothing to us: a programming language, or else any text that is text."""
    try:
        decode(data[: 1 << 16])
    except UnreadableFileError as error:
        guess = _filetype.guess(data)
        unknown = f"binary data in a {name.suffix} file" if name.suffix else "binary data, not text"
        what = f"a file of type {guess.mime}" if guess is not None else unknown
        raise UnsupportedFormatError(f"this is {what}; {FORMATS} are read") from error
    if find_lexer_class_for_filename(name.name) is not None:
        return "code"
    return "json" if head.lstrip()[:1] in (b"{", b"[") else "txt"
