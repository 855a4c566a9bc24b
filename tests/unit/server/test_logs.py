"""One place configures logging; a line tells which request it belongs to."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from rag.settings import LogSettings
from server.logs import configure_logging, request_id


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    token = request_id.set("r1")
    try:
        raise ValueError("坏了")
    except ValueError:
        logging.getLogger("rag.x").exception("did not work: %s", "第一")
    request_id.reset(token)
    captured = capsys.readouterr()
    assert captured.out == ""
    line = json.loads(captured.err)
    assert (line["level"], line["logger"], line["message"], line["request_id"]) == (
        "ERROR", "rag.x", "did not work: 第一", "r1",
    )  # fmt: skip
    assert "ValueError: 坏了" in line["exception"]
    assert line["time"].endswith("Z")
    assert "第一" in captured.err


def test_text_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings())
    logging.getLogger("rag.x").info("hello")
    logging.getLogger("rag.x").debug("not shown")
    token = request_id.set("r2")
    logging.getLogger("rag.x").info("again")
    request_id.reset(token)
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO rag.x: hello")
    assert second.endswith("INFO rag.x [r2]: again")


@pytest.mark.parametrize(
    ("level", "quiet", "shown"),
    [("INFO", True, logging.WARNING), ("INFO", False, logging.INFO), ("DEBUG", True, logging.DEBUG)],
)
def test_levels(level: str, quiet: bool, shown: int) -> None:
    configure_logging(LogSettings(level=level), quiet=quiet)  # type: ignore[arg-type]
    assert logging.getLogger().level == shown


@pytest.mark.parametrize("name", ["openai._base_client", "httpx", "httpcore.http11"])
def test_libraries_that_log_questions_do_not(name: str) -> None:
    configure_logging(LogSettings(level="DEBUG"))
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
