"""Runs one program and never lets it outlive its parent. server/generator.py starts it as a process.

    python warden.py '{"env": {...}, "grace_s": 10}' PROGRAM ARGS...

The parent holds the other end of standard input. When that closes (the parent ended, by whatever signal, or
wants to stop) the program's whole process group gets SIGTERM, and SIGKILL after the grace. Exits with the
program's code.

It stands alone: only the standard library, and none of Citewell, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time

TICK_S = 0.1
PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """In the child: SIGTERM when the warden itself is killed. Linux only; elsewhere the pipe has to do."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_group(group: int, child: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM to the group, SIGKILL to what is left when the grace is over or the leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
    end = time.monotonic() + grace_s
    while child.poll() is None and time.monotonic() < end:
        time.sleep(TICK_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run until the program ends or standard input closes."""
    options = json.loads(arguments[0])
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    environment.update(options["env"])
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    child = subprocess.Popen(
        arguments[1:],
        stdin=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    while child.poll() is None and not stopping:
        readable, _, _ = select.select([0], [], [], TICK_S)
        if readable and not os.read(0, 1024):
            break
    # also after its own end: a program that crashed may have left workers behind
    _end_group(child.pid, child, options["grace_s"])
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
