"""A folder of files that go wrong in every way that companies have: python tests/bench/bad_files.py FOLDER

Beside the broken ones lie good files in odd encodings and with odd names, which must be ingested.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path

import docx
from reportlab.lib import pdfencrypt
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

ZH = "员工应当在每年三月以前提交休假申请，逾期不予受理。"
ODD_NAME = "line\nbreak and 🦆 emoji.txt"
# What must come of each: words of the refusal, or None for a document that is ingested
EXPECTED: dict[str, str | None] = {
    "good.txt": None,
    "empty.txt": "the file is empty",
    "blank.txt": "no text in it",
    "truncated.pdf": "its end is missing",
    "password.pdf": "protected by a password",
    "scanned.pdf": "no text layer",
    "truncated.docx": "its end is missing",
    "bomb.docx": "a zip bomb?",
    "nested-bomb.xlsx": "a zip bomb?",
    "really-a-pdf.docx": None,
    "really-a-docx.txt": None,
    "really-html.txt": None,
    "picture.docx": "a PNG image",
    "old.doc": "old Office format",
    "program.md": "a program",
    "random.txt": "binary data",
    "huge.txt": "longer than 20 MB (setting ingest.max_text_mb)",
    "enormous.csv": "over 250 MB (setting ingest.max_file_mb)",
    "invalid-utf8.txt": None,
    "gb18030.txt": None,
    "shift-jis.txt": None,
    "utf-16.txt": None,
    ODD_NAME: None,
    "link-out.txt": "leads out of the given folder",
    "link-nowhere.txt": "leads nowhere",
}


def _pdf(text: str, password: str = "") -> bytes:
    out = io.BytesIO()
    encryption = pdfencrypt.StandardEncryption(password, "owner") if password else None
    canvas = Canvas(out, pagesize=A4, encrypt=encryption)
    if text:
        canvas.drawString(72, 700, text)
    else:
        canvas.rect(72, 300, 300, 300)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _docx(text: str) -> bytes:
    out = io.BytesIO()
    document = docx.Document()
    document.add_paragraph(text)
    document.save(out)
    return out.getvalue()


def _bomb(member: str, megabytes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(member, "w") as stream:
        for _ in range(megabytes):
            stream.write(bytes(1_000_000))
    return out.getvalue()


def make(folder: Path) -> None:
    """Write all files of EXPECTED into the folder, and the target of the link beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, bytes] = {
        "good.txt": b"The good file says that the duck is green.",
        "empty.txt": b"",
        "blank.txt": b" \n\n\t\n",
        "truncated.pdf": _pdf("Half of this is missing. " * 3)[:700],
        "password.pdf": _pdf("Secret.", "open sesame"),
        "scanned.pdf": _pdf(""),
        "truncated.docx": _docx("Half of this is missing.")[:9000],
        "bomb.docx": _bomb("word/document.xml", 300),
        "nested-bomb.xlsx": _bomb("xl/workbook.xml", 1200),
        "really-a-pdf.docx": _pdf("A document of the wrong name."),
        "really-a-docx.txt": _docx("Another document of the wrong name."),
        "really-html.txt": b"<!DOCTYPE html><html><body><p>A page of the wrong name.</p></body></html>",
        "picture.docx": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
        "program.md": b"\x7fELF" + bytes(100),
        "random.txt": bytes(range(256)) * 40,
        "invalid-utf8.txt": ZH.encode() + b"\xff\xfe" + ZH.encode(),
        "gb18030.txt": (ZH * 3).encode("gb18030"),
        "shift-jis.txt": "社員は出張後三十日以内に精算書を提出しなければならない。".encode("shift_jis"),
        "utf-16.txt": ZH.encode("utf-16"),
        ODD_NAME: b"A file with an odd name.",
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)
    line = b"The two hundred megabytes of this file are one sentence over and over. "
    with (folder / "huge.txt").open("wb") as stream:
        for _ in range(200):
            stream.write(line * (1_000_000 // len(line)) + b"\n\n")
    with (folder / "enormous.csv").open("wb") as stream:
        stream.truncate(260_000_000)
    outside = folder.parent / f"{folder.name}-outside.txt"
    outside.write_text("This lies outside of the folder.")
    for name, target in (("link-out.txt", outside), ("link-nowhere.txt", folder / "not-there.txt")):
        (folder / name).unlink(missing_ok=True)
        os.symlink(target, folder / name)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
