"""Word and PowerPoint files -> blocks, read through unstructured."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence

from lxml import etree
from unstructured.partition.docx import partition_docx
from unstructured.partition.pptx import partition_pptx

from ingest.parse_blocks import Block, Parsed, crowned, join_lists
from ingest.parse_headings import heading_of, width
from ingest.parse_unstructured import Found, table_of
from rag.errors import UnreadableFileError

__all__ = ["parse_docx", "parse_pptx"]

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
# What templates put there; it says nothing about the document
_NO_TITLES = frozenset(
    {
        "",
        "powerpoint presentation",
        "powerpoint-präsentation",
        "word document",
        "untitled",
        "document",
        "文档",
    }
)
_PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|第)?\s*\d*\s*(?:of|von|/|页|共)?\s*\d*\s*(?:页|頁|ページ)?)[\W_]*", re.IGNORECASE
)


def _core_title(data: bytes) -> str:
    """The title in the file's properties, unless a template put it there."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            root = etree.fromstring(
                archive.read("docProps/core.xml"), etree.XMLParser(resolve_entities=False, no_network=True)
            )
    except (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError):
        return ""
    title = " ".join((root.findtext(_TITLE) or "").split())
    return "" if title.lower() in _NO_TITLES else title


def parse_docx(data: bytes, name: str) -> Parsed:
    """A Word document: styled headings by their level, unstyled ones by their wording or bold type; text of
    the page's head and foot once, at the beginning. Page numbers where Word has saved them.
    """
    try:
        found: list[Found] = partition_docx(
            file=io.BytesIO(data), languages=[""], include_page_breaks=False, infer_table_structure=True
        )
    except Exception as error:  # python-docx and lxml let many kinds through
        raise UnreadableFileError(f"the Word document cannot be read: {error}") from error
    margins = dict.fromkeys(e.text.strip() for e in found if e.category in ("Header", "Footer"))
    body = [e for e in found if e.category not in ("Header", "Footer", "PageBreak", "Image")]
    blocks = crowned(join_lists([block for element in body for block in _docx_blocks(element)]))
    title = blocks[0].text if blocks and blocks[0].kind == "heading" else _core_title(data)
    margin = "\n".join(text for text in margins if not _PAGE_NUMBER.fullmatch(text))
    # a version or a number of the document often stands only in the page's head
    return Parsed(title, (*([Block("text", margin)] if margin else []), *blocks), _DOCX)


def _docx_blocks(element: Found) -> Iterator[Block]:
    text, about = element.text, element.metadata
    page = about.page_number
    if element.category == "Table":
        yield from (
            table_of(about.text_as_html, page) if about.text_as_html else [Block("text", text, page=page)]
        )
    elif element.category == "Title":
        yield Block("heading", " ".join(text.split()), 1 + (about.category_depth or 0), page)
    elif element.category == "ListItem":
        rule = heading_of(text, alone=False)
        yield (
            Block("list", text, page=page)
            if rule is None or rule.label
            else Block("heading", text, 2 + rule.level, page)
        )
    else:
        rule = heading_of(text, alone=False)
        if rule is not None:
            kind = "text" if rule.label else "heading"
            # styled headings stay above those known by their words only
            yield Block(kind, text, 2 + rule.level, page, label=rule.label)  # type: ignore[arg-type]
        elif (
            _is_bold(element)
            and width(text) <= 70
            and not text.rstrip().endswith(("。", ".", "!", "！", "?", "？", ":", "："))
        ):
            yield Block("heading", text, 9, page)
        else:
            yield Block("text", text, page=page)


def _is_bold(element: Found) -> bool:
    contents, tags = (
        element.metadata.emphasized_text_contents or [],
        element.metadata.emphasized_text_tags or [],
    )
    bold = "".join(text for text, tag in zip(contents, tags, strict=False) if "b" in tag)
    return bool(bold.strip()) and "".join(bold.split()) == "".join(element.text.split())


def parse_pptx(data: bytes, name: str) -> Parsed:
    """A presentation: the slide's title is the heading, its number the page; speaker notes follow the slide's
    text.
    """
    try:
        found: list[Found] = partition_pptx(
            file=io.BytesIO(data), languages=[""], include_page_breaks=False, include_slide_notes=True
        )
    except Exception as error:  # python-pptx and lxml let many kinds through
        raise UnreadableFileError(f"the presentation cannot be read: {error}") from error
    slides: dict[int, list[Found]] = {}
    for element in found:
        slides.setdefault(element.metadata.page_number or 1, []).append(element)
    blocks = [block for number, slide in slides.items() for block in _slide_blocks(slide, number)]
    named = next((block.text for block in blocks if block.kind == "heading" and not block.text.isdigit()), "")
    return Parsed(named or _core_title(data), tuple(blocks), _PPTX)


def _slide_blocks(slide: Sequence[Found], number: int) -> list[Block]:
    titles = [e for e in slide if e.category == "Title" and not e.metadata.category_depth]
    # with its guesses switched off, unstructured calls nothing but speaker notes so
    notes = [e for e in slide if e.category == "NarrativeText"]
    blocks = (
        [Block("heading", " ".join(" ".join(e.text for e in titles).split()), 1, number)] if titles else []
    )
    # without a title of its own, a slide must still not fall under the title of the one before
    blocks = blocks or [Block("heading", f"{number}", 1, number)]
    rest = [e for e in slide if e not in titles and e not in notes]
    body: list[Block] = []
    for element in rest:
        if element.category == "Table" and element.metadata.text_as_html:
            body += table_of(element.metadata.text_as_html, number)
        elif element.category != "Image":
            body.append(
                Block(
                    "list" if len(element.text) < 400 else "text",
                    element.text.replace("\x0b", " "),
                    page=number,
                )
            )
    return [*blocks, *join_lists(body), *(Block("text", e.text, page=number) for e in notes)]
