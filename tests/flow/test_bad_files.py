"""Every nasty file ends with its text or its line, within its time, and the next one is read all the same."""

import re
import time

import pytest

from ingest.parse import Parser
from ingest.parse_blocks import title_of, to_document
from rag.errors import IngestError
from rag.settings import IngestSettings
from tests.bench.nasty_files import NASTY, make

LIMIT = 10.0


@pytest.fixture(scope="module")
def parsers():
    """One parser for each set of limits, as long as the module runs."""
    made = {}
    yield lambda limits: made.setdefault(
        tuple(limits.items()), Parser(IngestSettings(**{"parse_timeout_s": LIMIT, **limits}))
    )
    for parser in made.values():
        parser.close()


def test_there_are_enough_of_them(tmp_path):
    assert len(NASTY) >= 45
    assert len({nasty.name for nasty in NASTY}) == len(NASTY)
    make(tmp_path)
    assert len(list(tmp_path.iterdir())) == len(NASTY)


@pytest.mark.parametrize("nasty", NASTY, ids=lambda nasty: nasty.name)
def test_nasty_file(parsers, nasty):
    parser = parsers(nasty.settings)
    data = nasty.made()
    begin = time.monotonic()
    if nasty.error:
        with pytest.raises(IngestError) as told:
            to_document(parser.parse(data, nasty.name), title_of(nasty.name), "0" * 64, len(data))
        assert re.search(nasty.error, told.value.message), told.value.message
        assert "\n" not in told.value.message
    else:
        parsed = parser.parse(data, nasty.name)
        assert tuple(part.name for part in parsed.parts) == nasty.inside
        if nasty.text is not None:
            text = to_document(parsed, title_of(nasty.name), "0" * 64, len(data)).text
            assert (text if nasty.whole else text[: len(nasty.text)]) == nasty.text
    assert time.monotonic() - begin < nasty.settings.get("parse_timeout_s", LIMIT) + 1
    after = parser.parse(b"The good file says that the duck is green.", "good.txt")
    assert [block.text for block in after.blocks] == ["The good file says that the duck is green."]
