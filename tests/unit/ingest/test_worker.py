import os
import signal
import subprocess
import sys
import threading

import pytest

from ingest.parse import Parser
from rag.errors import TooLargeError, UnreadableFileError, UnsupportedFormatError
from rag.settings import IngestSettings


def test_the_worker_is_reused_and_replaced_when_it_dies():
    with Parser(IngestSettings()) as parser:
        parser.parse(b"One.", "a.txt")
        first = parser.pid
        parser.parse(b"Two.", "a.txt")
        assert parser.pid == first
        with pytest.raises(UnsupportedFormatError):
            parser.parse(b"7z\xbc\xaf\x27\x1c" + bytes(60), "a.7z")
        assert parser.pid == first
        os.kill(first, 9)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        assert parser.parse(b"Three.", "a.txt").blocks[0].text == "Three."
        assert parser.pid != first
    assert parser.pid is None


def test_time_limit():
    with Parser(IngestSettings(parse_timeout_s=0.001)) as parser:
        with pytest.raises(
            UnreadableFileError, match=r"not parsed within 0\.001 s \(setting ingest\.parse_timeout_s\)"
        ):
            parser.parse(b"x", "a.txt")
        assert parser.pid is None


def test_memory_limit_costs_one_file():
    lines = b"a\n" * 4_000_000
    with Parser(IngestSettings(parse_memory_mb=100, max_text_mb=1000)) as parser:
        with pytest.raises(
            TooLargeError, match=r"parsing takes over 100 MB \(setting ingest\.parse_memory_mb\)"
        ):
            parser.parse(lines, "a.txt")
        assert parser.parse(b"Still there.", "b.txt").blocks[0].text == "Still there."


def test_text_limit(parser):
    with Parser(IngestSettings(max_text_mb=0.001)) as small:
        with pytest.raises(TooLargeError, match=r"longer than 0\.001 MB \(setting ingest\.max_text_mb\)"):
            small.parse("字".encode() * 400, "a.txt")
        assert small.parse("字".encode() * 300, "a.txt").blocks[0].text == "字" * 300


def test_a_killed_command_leaves_no_folder_behind(tmp_path, settled):
    script = (
        "import os; from ingest.parse import Parser; from rag.settings import IngestSettings; "
        "parser = Parser(IngestSettings()); parser.parse(b'One.', 'a.txt'); "
        "print(len(os.listdir(os.environ['TMPDIR'])), flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "1\n"), killed.stderr
    settled(lambda: not any(tmp_path.iterdir()))


def test_an_interrupted_parser_ends_at_once_and_for_good(tmp_path, settled):
    for _ in range(30):
        with Parser(IngestSettings(parse_timeout_s=60)) as parser:
            refused: list[BaseException] = []

            def parse(parser=parser, refused=refused):
                try:
                    parser.parse(b"One.", "a.txt")
                except UnreadableFileError as error:
                    refused.append(error)

            thread = threading.Thread(target=parse)
            thread.start()
            settled(lambda parser=parser: parser.pid is not None)
            parser.interrupt()
            thread.join(10)
            assert not thread.is_alive()
            assert len(refused) == 1
            with pytest.raises(UnreadableFileError):
                parser.parse(b"Two.", "b.txt")
            assert parser.pid is None
