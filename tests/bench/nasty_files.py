"""Files that go wrong in every way that companies have: python tests/bench/nasty_files.py FOLDER

Each is made here, and is told with it what must come of it: its text, the files inside of it, or the words of
the line that refuses it.
"""

from __future__ import annotations

import base64
import bz2
import codecs
import gzip
import io
import lzma
import random
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
from reportlab.lib import pdfencrypt
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from tests.fakes.ole import container, outlook_message

__all__ = ["NASTY", "Nasty", "make"]

ZH = "员工应当在每年三月以前提交休假申请，逾期不予受理。"
TW = "員工應當在每年三月以前提交休假申請，逾期不予受理。"
JA = "社員は出張後三十日以内に精算書を提出しなければならない。カタカナも含む。"
KO = "직원은 출장 후 삼십일 이내에 정산서를 제출해야 한다."
DE = "Die Übernachtung kostet höchstens 120 Euro; für Zürich gilt eine größere Spanne."
ODT = "application/vnd.oasis.opendocument.text"
XML = '<?xml version="1.0"?>'


@dataclass(frozen=True)
class Nasty:
    """A file, and what comes of it: ``text`` exactly, or files ``inside`` it by name, or words of an
    ``error`` (a pattern). ``settings`` are limits that make it fail soon; ``whole`` False: ``text`` is its
    beginning.
    """

    name: str
    made: Callable[[], bytes]
    text: str | None = None
    error: str = ""
    inside: tuple[str, ...] = ()
    settings: dict[str, float] = field(default_factory=dict)
    whole: bool = True


def _zip(*members: tuple[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def _tar(*members: tuple[str, bytes, str], size: int = 0) -> bytes:
    """Members (name, content, link); ``size`` is what the first one claims to hold."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data, link in members:
            info = tarfile.TarInfo(name)
            info.size, info.linkname = len(data), link
            info.type = tarfile.SYMTYPE if link else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(data))
    packed = bytearray(out.getvalue())
    if size:
        packed[124:136] = f"{size:011o}\0".encode()
        packed[148:156] = b" " * 8
        packed[148:156] = f"{sum(packed[:512]):06o}\0 ".encode()
    return bytes(packed)


def _pdf(text: str, password: str = "") -> bytes:
    out = io.BytesIO()
    encryption = pdfencrypt.StandardEncryption(password, "owner") if password else None
    canvas = Canvas(out, pagesize=A4, encrypt=encryption)
    canvas.drawString(72, 700, text)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _cyclic_pdf() -> bytes:
    """Pages that contain themselves."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2000000000>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


def _docx(*paragraphs: str) -> bytes:
    out = io.BytesIO()
    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    document.save(out)
    return out.getvalue()


def _far_cell() -> bytes:
    """A sheet of 17 thousand million cells, two of them filled."""
    out = io.BytesIO()
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "near", "far"
    book.save(out)
    return out.getvalue()


def _bomb(member: str, megabytes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(member, "w") as stream:
        for _ in range(megabytes):
            stream.write(bytes(1_000_000))
    return out.getvalue()


def _encrypted_zip() -> bytes:
    data = bytearray(_zip(("secret.txt", "x" * 50), method=0))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _named(encoding: str, name: str) -> bytes:
    """A zip whose only name is in an encoding that it does not tell."""
    raw = name.encode(encoding)
    held = b"n" * len(raw)
    return _zip((held.decode(), "x")).replace(held, raw)


def _nested_zip(depth: int) -> bytes:
    data = b"The core."
    for number in range(depth):
        data = _zip((f"{number}.txt" if not number else f"{number}.zip", data))
    return data


def _odf(body: str, manifest: str = "<x/>") -> bytes:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table")
    )
    content = f"{XML}<office:document-content {spaces}><office:body>{body}</office:body>"
    content += "</office:document-content>"
    return _zip(("mimetype", ODT), ("content.xml", content), ("META-INF/manifest.xml", manifest))


def _repeated_ods() -> bytes:
    """A cell repeated to the edge of the sheet, in a row repeated to its end."""
    cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
    return _odf(f'<office:spreadsheet><table:table table:name="S">{row}</table:table></office:spreadsheet>')


def _laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'{XML}<!DOCTYPE a [<!ENTITY l0 "ha">{entities}]><a>&l11;</a>'.encode()


def _mail(body: bytes, charset: str) -> bytes:
    head = b"From: a@x.example\r\nSubject: S\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n"
    return head + f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + base64.b64encode(body)


def _nested_mail(depth: int) -> bytes:
    head = "From: a@x.example\nSubject: S\nMIME-Version: 1.0\n"
    for number in range(depth):
        head += f'Content-Type: multipart/mixed; boundary="b{number}"\n\n--b{number}\n'
    return f"{head}\nThe core.\n".encode()


def _encrypted_mail() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@x.example", "S"
    message.set_content(
        b"x", maintype="application", subtype="pkcs7-mime", params={"smime-type": "enveloped-data"}
    )
    return message.as_bytes()


def _noise(size: int) -> bytes:
    return random.Random(3).randbytes(size)


def _bomb_tar() -> bytes:
    return lzma.compress(_tar(("zeros.txt", bytes(30_000_000), "")))


SOON = {"parse_timeout_s": 2.0}
TEXTS = [
    Nasty("zero-bytes.txt", lambda: b"", error="no text in it"),
    Nasty("blank.txt", lambda: b" \n\n\t\n", error="no text in it"),
    Nasty("nuls.txt", lambda: bytes(5000), error="no text in it"),
    Nasty("random.txt", lambda: _noise(9000), error="binary data, not text"),
    Nasty("random.unheard", lambda: _noise(9000), error=r"binary data in a \.unheard file"),
    Nasty("gb18030.txt", lambda: (ZH * 3).encode("gb18030"), ZH * 3),
    Nasty("big5.txt", lambda: TW.encode("big5"), TW),
    Nasty("shift-jis.txt", lambda: JA.encode("shift_jis"), JA),
    Nasty("euc-jp.md", lambda: JA.encode("euc_jp"), JA),
    Nasty("euc-kr.txt", lambda: KO.encode("euc_kr"), KO),
    Nasty("utf-16.txt", lambda: ZH.encode("utf-16"), ZH),
    Nasty("utf-16-no-mark.txt", lambda: f"{DE}\n{ZH}".encode("utf-16-le"), f"{DE}\n\n{ZH}"),
    Nasty("utf-32.txt", lambda: DE.encode("utf-32"), DE),
    Nasty("cp1252.csv", lambda: "Straße;Größe\nBühl;1".encode("cp1252"), "Straße | Größe\nBühl | 1"),
    Nasty("invalid.txt", lambda: ZH.encode() + b"\xff\xfe" + ZH.encode(), f"{ZH}\ufffd\ufffd{ZH}"),
    Nasty("three-marks.txt", lambda: codecs.BOM_UTF8 * 3 + ZH.encode(), ZH),
    Nasty("one-line.txt", lambda: b"word " * 400_000, ("word " * 400_000).strip()),
    Nasty("one-word.txt", lambda: "字".encode() * 1_000_000, "字" * 1_000_000),
    Nasty("too-long.txt", lambda: b"Over and over. \n\n" * 200_000, error=r"ingest\.max_text_mb",
          settings={"max_text_mb": 1}),
    Nasty("unclosed.csv", lambda: b'a,b\nx,"1\n' + b"y,2\n" * 50_000, 'a | b\nx | "1\ny | 2', whole=False),
    Nasty("wide.csv", lambda: b",".join([b"1"] * 100_000), " | ".join(["1"] * 100_000)),
    Nasty("minified.js", lambda: b"function a(){return 1};" * 50_000, "function a(){return 1};" * 50_000),
    Nasty("headers.txt", lambda: b"Key: value\r\n" * 3000, ("Key: value\n" * 3000).strip()),
    Nasty("braces.tex", lambda: b"\\section{" * 20_000, "\\section{" * 20_000),
    Nasty("brackets.md", lambda: b"[" * 100_000, error="not parsed within|nested too deeply|cannot be",
          settings=SOON),
    Nasty("line\nbreak 🦆.txt", lambda: b"A file with an odd name.", "A file with an odd name."),
]  # fmt: skip
MISNAMED = [
    Nasty("really-a-pdf.docx", lambda: _pdf("Of the wrong name."), "Of the wrong name."),
    Nasty("really-a-docx.pdf", lambda: _docx("Of the wrong name."), "Of the wrong name."),
    Nasty("really-html.xls", lambda: b"<html><body><p>A page.</p></body></html>", "A page."),
    Nasty("really-text.xlsx", lambda: ZH.encode("gb18030"), ZH),
    Nasty("really-mail.doc", lambda: _mail(ZH.encode(), "utf-8"), f"S\n\nFrom: a@x.example\n\n{ZH}"),
    Nasty("really-json.txt.unheard", lambda: b'{"duck": "green"}', "duck: green"),
    Nasty("really-7z.docx", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(100), error="a 7z archive"),
    Nasty("program.md", lambda: b"\x7fELF" + bytes(100), error="a program"),
    Nasty("film.txt.unheard", lambda: b"\0\0\0\x18ftypmp42" + _noise(400), error="video/mp4"),
]
OFFICE = [
    Nasty("truncated.pdf", lambda: _pdf("Half is missing. " * 3)[:700], error="its end is missing|damaged"),
    Nasty("password.pdf", lambda: _pdf("Secret.", "sesame"), error="protected by a password"),
    Nasty("cyclic.pdf", _cyclic_pdf, error="damaged|no page|no text|pages", settings=SOON),
    Nasty("truncated.docx", lambda: _docx("Half.")[:9000], error="its end is missing"),
    Nasty("password.docx", lambda: container({"EncryptedPackage": b"x" * 99}), error="by a password"),
    Nasty("bomb.docx", lambda: _bomb("word/document.xml", 300), error="a zip bomb"),
    Nasty("bomb.xlsx", lambda: _bomb("xl/workbook.xml", 600), error="a zip bomb"),
    Nasty("far-cell.xlsx", _far_cell, "Sheet\n\nnear\n\nfar"),
    Nasty("damaged.doc", lambda: container({"WordDocument": b"x" * 5000})[:900], error="is damaged"),
    Nasty("drawing.vsd", lambda: container({"VisioDocument": b"x"}), error="of a kind that is not read"),
    Nasty("truncated.odt", lambda: _odf("<office:text/>")[:300], error="its end is missing"),
    Nasty("password.odt", lambda: _odf("<office:text/>", "<encryption-data/>"), error="by a password"),
    Nasty("repeated.ods", _repeated_ods, error="ingest.max_text_mb|ingest.parse_memory_mb|not parsed within",
          settings=SOON),
    Nasty("truncated.rtf", lambda: b"{\\rtf1\\ansi The begin", "The begin"),
    Nasty("deep.rtf", lambda: b"{\\rtf1 " + b"{" * 300_000 + b"deep" + b"}" * 300_000, "deep"),
    Nasty("locked.epub", lambda: _zip(("mimetype", "application/epub+zip"),
          ("META-INF/encryption.xml", "<EncryptedData/>")), error="digital rights management"),
]  # fmt: skip
DATA = [
    Nasty("laughs.xml", _laughs, error="the XML is damaged: Maximum entity amplification"),
    Nasty("outside.xml", lambda: f'{XML}<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>x&x;</a>'.encode(),
          "x&x;"),
    Nasty("deep.xml", lambda: b"<?xml version='1.0'?>" + b"<a>" * 100_000, error="the XML is damaged"),
    Nasty("truncated.xml", lambda: f"{XML}<a><b>half".encode(), error="the XML is damaged"),
    Nasty("deep.json", lambda: b"[" * 500_000 + b"]" * 500_000, error="nested too deeply"),
    Nasty("numbers.json", lambda: b'{"n": ' + b"9" * 20_000 + b"}", "n: " + "9" * 20_000),
    Nasty("truncated.json", lambda: b'{"duck": "gre', '{"duck": "gre'),
    Nasty("truncated.ipynb", lambda: b'{"nbformat": 4, "cells": [', error="the notebook is damaged"),
    Nasty("deep.html", lambda: b"<div>" * 200_000 + b"deep", error="nested too deeply"),
    Nasty("unclosed.html", lambda: b"<p>one<b>" * 20_000, "one\n\none", whole=False),
    Nasty("lying.html", lambda: f'<meta charset="utf-8"><p>{ZH}'.encode("gb18030"), ZH),
]  # fmt: skip
ARCHIVES = [
    Nasty("slip.zip", lambda: _zip(("../../etc/cron.d/x", "1"), ("/etc/passwd", "2"), ("C:\\boot.ini", "3")),
          inside=("etc/cron.d/x", "etc/passwd", "boot.ini")),
    Nasty("junk.zip", lambda: _zip(("__MACOSX/._a", "x"), (".DS_Store", "x")), error="holds no files"),
    Nasty("truncated.zip", lambda: _zip(("a.txt", _noise(5000)))[:4000], error="its end is missing"),
    Nasty("encrypted.zip", _encrypted_zip, error="protected by a password"),
    Nasty("gbk-names.zip", lambda: _named("gbk", "制度/差旅费管理办法.txt"),
          inside=("制度/差旅费管理办法.txt",)),
    Nasty("shift-jis-names.zip", lambda: _named("cp932", "社内規程について.txt"),
          inside=("社内規程について.txt",)),
    Nasty("nested.zip", lambda: _nested_zip(9), inside=("8.zip",)),
    Nasty("bomb.zip", lambda: _bomb("zeros.txt", 300), error="a zip bomb"),
    Nasty("many.zip", lambda: _zip(*((f"{n}.txt", "x") for n in range(600))), error=r"ingest\.max_members",
          settings={"max_members": 500}),
    Nasty("links.tar",
          lambda: _tar(("a", b"", "b"), ("b", b"", "a"), ("up", b"", "../.."), ("c.txt", b"x", "")),
          inside=("c.txt",)),
    Nasty("lying.tar", lambda: _tar(("a.txt", b"x" * 600, ""), size=8_000_000_000), error="a zip bomb"),
    Nasty("bomb.tar.xz", _bomb_tar, error="a zip bomb"),
    Nasty("bomb.gz", lambda: gzip.compress(bytes(30_000_000)), error="a zip bomb"),
    Nasty("twice.txt.gz.bz2", lambda: bz2.compress(gzip.compress(b"x")), inside=("twice.txt.gz",)),
    Nasty("truncated.tgz", lambda: gzip.compress(_noise(5000))[:3000], error="the archive is damaged"),
]  # fmt: skip
MAILS = [
    Nasty(
        "unheard-charset.eml",
        lambda: _mail(ZH.encode("gb18030"), "x-unheard"),
        f"S\n\nFrom: a@x.example\n\n{ZH}",
    ),
    Nasty("nested.eml", lambda: _nested_mail(3000), error="nested too deeply"),
    Nasty("encrypted.eml", _encrypted_mail, error="the message is encrypted"),
    Nasty("no-mail.eml", lambda: b"Nothing of the kind.", error="no mail headers"),
    Nasty("no-mail.mbox", lambda: b"Nothing of the kind.", error="it is no mailbox"),
    Nasty(
        "truncated.msg",
        lambda: outlook_message("S", "b" * 9000, "A", {}, {})[:3000],
        error="damaged|cannot be",
    ),
]
NASTY: tuple[Nasty, ...] = (*TEXTS, *MISNAMED, *OFFICE, *DATA, *ARCHIVES, *MAILS)


def make(folder: Path) -> None:
    """Write all of them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for nasty in NASTY:
        (folder / nasty.name).write_bytes(nasty.made())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    print(f"{len(NASTY)} files")
