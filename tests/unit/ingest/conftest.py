import time
from collections.abc import Callable, Iterator

import pytest

from ingest.parse import Parser
from ingest.parse_blocks import title_of, to_document
from rag.settings import IngestSettings
from rag.types import Document

Read = Callable[[str, bytes], Document]


@pytest.fixture(scope="session")
def parser() -> Iterator[Parser]:
    with Parser(IngestSettings()) as one:
        yield one


@pytest.fixture
def read(parser: Parser) -> Read:
    """A file's name and bytes -> its Document, through the real worker; offsets are checked on the way."""

    def run(name: str, data: bytes) -> Document:
        document = to_document(parser.parse(data, name), title_of(name), "0" * 64, len(data))
        assert "\n\n".join(document.text[e.start : e.end] for e in document.elements) == document.text
        for element in document.elements:
            inner = document.text[element.start : element.end]
            assert inner.strip()
            if element.header:
                assert element.kind == "table"
                assert inner.split("\n")[0] == element.header
        return document

    return run


@pytest.fixture
def outline(read: Read) -> Callable[[str, bytes], list[tuple[str, str, str]]]:
    """(kind, path of headings joined by " > ", text) of each element."""

    def run(name: str, data: bytes) -> list[tuple[str, str, str]]:
        document = read(name, data)
        return [(e.kind, " > ".join(e.heading), document.text[e.start : e.end]) for e in document.elements]

    return run


@pytest.fixture
def settled() -> Callable[[Callable[[], bool]], None]:
    """Wait until a condition holds; fails after ten seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    return wait
