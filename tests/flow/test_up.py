"""`citewell up` for real: vLLM with the smallest model, the sample papers, HTTP; nothing is left.

Needs the two models and vLLM's environment, which `make test` makes; skips with a reason where they are not.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from rag.settings import load_settings
from tests.fakes.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
GENERATOR = "smollm2-135m-instruct"
EMBEDDER = "multilingual-e5-small"
DEADLINE_S = 300
ASKERS, SOON_S = 4, 5.0
LONG = (
    "Within how many hours must a lost laptop be reported?",
    "What is the maximum hotel rate per night?",
    "HS-900出现E55漏液报警时应该怎么办？",
    "外派培训费用超过8000元的，服务期为几年？",
)

pytestmark = [pytest.mark.vllm, pytest.mark.models]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    settings = load_settings()
    for name in (GENERATOR, EMBEDDER):
        if not (settings.models_dir / name / "citewell.json").is_file():
            pytest.skip(f"{name} is not on this machine: citewell model pull {name}")
    if not settings.generator.python.exists():
        pytest.skip(f"there is no vLLM at {settings.generator.python}: make vllm-env")
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(settings.models_dir.resolve())
    return {
        **os.environ,
        "CITEWELL_HOME": str(home),
        "CITEWELL_GENERATOR__MODEL": GENERATOR,
        "CITEWELL_GENERATOR__PORT": str(free_port()),
        "CITEWELL_GENERATOR__PYTHON": str(settings.generator.python),
        "CITEWELL_SERVER__PORT": str(free_port()),
    }


@pytest.fixture
def running(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`citewell up`, started; whatever the test does, its processes are gone afterwards."""
    command = [sys.executable, "-m", "server.cli", "up"]
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _request(url: str, question: str | None = None, operator: str = "") -> dict[str, object]:
    """``operator``: the header, as a line, of somebody who may read the home."""
    data = None if question is None else json.dumps({"question": question}).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    if operator:
        request.add_header(*operator.strip().split(": ", 1))
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
        return dict(json.load(response))


def _answering(environment: dict[str, str]) -> bool:
    """Whether vLLM is at work."""
    address = f"http://127.0.0.1:{environment['CITEWELL_GENERATOR__PORT']}/metrics"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5) as response:
        lines = response.read().decode().splitlines()
    running = [float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running{")]
    return sum(running) > 0


def _wait(condition: object, process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll until ``condition`` holds; fail with the log when the process ends or time is over."""
    assert callable(condition)
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"up ended with {process.returncode}:\n{log.read_text('utf-8', 'replace')}")
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(f"not within {DEADLINE_S} s:\n{log.read_text('utf-8', 'replace')}")


def test_answers_survive_a_killed_generator_and_nothing_is_left_behind(
    environment: dict[str, str], running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "up.log"
    base = f"http://127.0.0.1:{environment['CITEWELL_SERVER__PORT']}"

    # two checked answers are printed, one in each language, with their citations
    _wait(lambda: "Ctrl-C" in log.read_text("utf-8", "replace"), running, log)
    _wait(lambda: _request(f"{base}/readyz")["status"] == "ready", running, log)
    printed = re.sub(r"\s+", "", log.read_text("utf-8", "replace"))
    assert "fourhours" in printed
    assert "立即关闭进水阀" in printed

    operator = (Path(environment["CITEWELL_HOME"]) / "operator.header").read_text("utf-8")
    answer = _request(f"{base}/v1/ask", "Within how many hours must a lost laptop be reported?", operator)
    assert answer["verdict"] in ("supported", "partial", "quoted")
    assert answer["model"] is not None
    assert answer["usage"]

    # the generator dies while it answers: those who wait have quotes soon
    family = psutil.Process(running.pid).children(recursive=True)
    # not its warden, which carries the same words as arguments
    engines = [p for p in family if p.cmdline()[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]]
    assert engines
    with ThreadPoolExecutor(ASKERS) as askers:
        waiting = [askers.submit(_request, f"{base}/v1/ask", question, operator) for question in LONG]
        while not _answering(environment) and not all(one.done() for one in waiting):
            time.sleep(0.01)
        unfinished = sum(not one.done() for one in waiting)
        for engine in engines:
            engine.kill()
        killed = time.monotonic()
        answers = [one.result(SOON_S) for one in waiting]
        assert time.monotonic() - killed < SOON_S
    assert unfinished
    assert {str(one["verdict"]) for one in answers} <= {"quoted", "supported", "partial"}

    # the next answer comes at once, from quotes, and says why
    quoted = _request(f"{base}/v1/ask", "Within how many hours must a lost laptop be reported?", operator)
    assert quoted["verdict"] == "quoted"
    assert quoted["model"] is None
    assert quoted["notices"]

    # it is started again by itself
    _wait(lambda: _request(f"{base}/readyz")["status"] == "ready", running, log)

    family += psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 0
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
