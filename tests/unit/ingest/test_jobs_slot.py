"""Names of workers: the one that is started after a crash is the one that crashed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ingest.jobs_slot import executor, living, orphaned, slot

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys, pathlib
from ingest.jobs_slot import slot
with slot(pathlib.Path(sys.argv[1])) as number:
    print(number, flush=True)
    sys.stdin.read()
"""


def hold(home):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_the_lowest_free_number(tmp_path):
    assert living(tmp_path) == []
    with slot(tmp_path) as first, slot(tmp_path) as second:
        assert (first, second) == (0, 1)
        assert living(tmp_path) == [os.getpid(), os.getpid()]
    with slot(tmp_path) as again:
        assert again == 0


def test_names_of_those_that_were_killed_come_free(tmp_path):
    process, number = hold(tmp_path)
    with process:
        assert number == 0
        assert living(tmp_path) == [process.pid]
        with slot(tmp_path) as mine:
            assert mine == 1
            with orphaned(tmp_path) as names:
                assert names == []
            process.kill()
            process.wait()
            with orphaned(tmp_path) as names:
                assert names == [executor(0)]
                with slot(tmp_path) as third:
                    assert third == 2, "nobody takes the name of one whose work is being handed on"
            assert living(tmp_path) == [os.getpid()]
    with slot(tmp_path) as next_one:
        assert next_one == 0
