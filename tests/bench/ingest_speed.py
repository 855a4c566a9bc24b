"""How fast documents come in, against the bare embedding of their passages and the usual LangChain loop.

    python tests/bench/manuals.py FOLDER
    python tests/bench/ingest_speed.py FOLDER/corpus [--share 0.25] [--repeat 3] [--out FILE]

Machines are noisy, so all is compared in one run, each part in a process of its own, one after the other
(``--repeat`` goes through them several times, and medians are told):

    ingest      Citewell into an empty home: read, parse, chunk, embed, store, index (model loaded before)
    embed       the bound: SentenceTransformer.encode() of the very same passages, same precision (it has no
                int8), sorted by length, at the fastest of several batch sizes (model loaded before)
    langchain   loaders, RecursiveCharacterTextSplitter, HuggingFaceEmbeddings, FAISS.from_documents
                (langchain_loop.py, in an environment that is made below --work; model loaded before)
    haystack, llamaindex, txtai
                (only when named in --parts) theirs, at their defaults (peer_loops.py, the same environment)
    sync        the same folder again, unchanged; then with one page changed
    endpoint    (only when named in --parts) vLLM's pooling server on this machine, through embedder.url
    sentences   (only when named in --parts) the vectors of sentences, which are made after an ingestion

All parts run with OMP_WAIT_POLICY=PASSIVE, which Citewell sets for itself (another value in the environment
holds for all): beside one busy process threads that spin while they wait made the bare embedding ten times
slower on two cores.

Bounds: ingest / embed at most 1.25; langchain / ingest at least 2.5, the
other peers at least 1; an unchanged sync at most 5 s without
parsing a file; after one change only that page is parsed and embedded.

``--share 0.25`` gives LangChain only those files whose path hashes into the first quarter, and measures
Citewell on these too, so that both are told on the same files; ``--all`` takes that share for everything."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rag.settings import load_settings

__all__ = ["belongs", "summary"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LANGCHAIN = (
    "langchain-community>=0.4,<0.5",
    "langchain-huggingface>=1.2,<2",
    "langchain-text-splitters>=1.1,<2",
)
PEERS = (
    "haystack-ai>=3,<4",
    "llama-index-core>=0.14,<0.15",
    "llama-index-embeddings-huggingface>=0.8,<0.9",
    "llama-index-readers-file>=0.7,<0.8",
    "lxml_html_clean",
    "sentence-transformers-haystack>=2,<3",
    "trafilatura>=2,<3",
    "txtai>=9,<10",
)
AT_LEAST = {"langchain": 2.5, "haystack": 1.0, "llamaindex": 1.0, "txtai": 1.0}  # times as long as ingestion
TO_EMBEDDING, SYNC_S = 1.25, 5.0
Part = dict[str, Any]


def belongs(name: str, share: float) -> bool:
    """Whether a file is in the sample: by the sha256 of its path below the folder, so always the same."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < share * 2**32


def copied(folder: Path, to: Path, share: float) -> Path:
    """A copy of the folder with a share of its files."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and belongs(name, share):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to / name)
    if not to.exists():
        raise SystemExit(f"{folder} has no files, or --share leaves none of them.")
    return to


def machine() -> dict[str, object]:
    """What this ran on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    packages = ("torch", "sentence-transformers", "transformers", "faiss-cpu")
    versions = {name: metadata.version(name) for name in packages if _installed(name)}
    load = round(os.getloadavg()[0], 2)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load_before": load,
        "python": platform.python_version(),
        **versions,
    }


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def peer_python(work: Path, name: str) -> Path:
    """The Python of an environment with LangChain or the other peers, made when it is not there yet.
    Everything else in it, torch above all, is this environment's own, through a .pth file.
    """
    home = (work / ("langchain-env" if name == "langchain" else "peers-env")).resolve()
    python = home / "bin" / "python"
    done = home / "complete"
    if not done.exists():
        print(f"making {home} ...", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        packages = next(home.glob("lib/python*/site-packages"))
        (packages / "citewell.pth").write_text(sysconfig.get_path("purelib") + "\n")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pip += LANGCHAIN if name == "langchain" else PEERS
        if subprocess.run(pip, check=False).returncode:
            raise SystemExit(f"{name} could not be installed; --parts embed sync measures without it.")
        done.touch()
    return python


def run(command: Sequence[str | Path], label: str) -> Part:
    """One part, in a process of its own."""
    print(f"{label} ...", file=sys.stderr, flush=True)
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{label} ended with {done.returncode}.")
    found: Part = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps({label: found}), flush=True)
    return found


def _per_second(part: Part) -> Part:
    return {
        "documents_per_s": round(part["documents"] / part["seconds"], 2),
        "characters_per_s": round(part["characters"] / part["seconds"]),
    }


def summary(rounds: Sequence[dict[str, Part]]) -> dict[str, object]:
    """Medians over the rounds. A ratio is taken within a round, where both parts met the same weather."""

    def ratio(above: str, below: str) -> float | None:
        found = [r[above]["seconds"] / r[below]["seconds"] for r in rounds if above in r and below in r]
        return round(statistics.median(found), 3) if found else None

    report: dict[str, object] = {}
    for name in ("ingest", "embed", "ingest_of_share", *AT_LEAST):
        parts = [r[name] for r in rounds if name in r]
        if parts:
            report[f"{name}_s"] = round(statistics.median(part["seconds"] for part in parts), 1)
        if parts and "characters" in parts[0]:
            report[f"{name}_rate"] = _per_second(parts[0])
    beside = "ingest_of_share" if any("ingest_of_share" in r for r in rounds) else "ingest"
    to_embedding = ratio("ingest", "embed")
    if to_embedding is not None:
        report["ingest_to_embed"] = {
            "is": to_embedding,
            "at_most": TO_EMBEDDING,
            "met": to_embedding <= TO_EMBEDDING,
        }
    for name, least in AT_LEAST.items():
        longer = ratio(name, beside)
        if longer is not None:
            report[f"{name}_to_ingest"] = {"is": longer, "at_least": least, "met": longer >= least}
    last = rounds[-1].get("sync")
    if last is not None:
        same, one = last["unchanged"], last["one_changed"]
        met = same["seconds"] <= SYNC_S and same["parsed"] == same["texts_embedded"] == 0
        report["unchanged_sync"] = {
            "is_s": same["seconds"],
            "at_most_s": SYNC_S,
            "parsed": same["parsed"],
            "met": met,
        }
        only = one["updated"] == one["parsed"] == 1 and one["texts_embedded"] == one["its_passages"]
        report["one_changed_sync"] = {**one, "met": only}
    return report


def _round(
    number: int, corpus: Path, part: Path, scratch: Path, options: argparse.Namespace
) -> dict[str, Part]:
    """Each part once, on an empty home."""
    mine: list[str | Path] = [sys.executable, HERE / "ingest_parts.py"]
    home = scratch / f"home-{number}"
    found: dict[str, Part] = {"ingest": run([*mine, "ingest", corpus, home], "ingest")}
    if "embed" in options.parts:
        found["embed"] = run([*mine, "embed", corpus, home], "embed")
    peers = [name for name in AT_LEAST if name in options.parts]
    if peers:
        if part != corpus:
            found["ingest_of_share"] = run(
                [*mine, "ingest", part, scratch / f"share-{number}"], "ingest_of_share"
            )
        base = load_settings()
        model = (base.models_dir / base.embedder.model).resolve()
        for name in peers:
            loop = ["langchain_loop.py"] if name == "langchain" else ["peer_loops.py", name]
            command = [peer_python(options.work, name), HERE / loop[0], *loop[1:], part, model]
            found[name] = run(command, name)
    if number == options.repeat - 1:
        for last in ("endpoint", "sync", "sentences"):
            if last in options.parts:
                found[last] = run([*mine, last, corpus, home], last)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--parts", nargs="+", default=["embed", "langchain", "sync"], help="beside ingest")
    parser.add_argument("--share", type=float, default=1.0, help="of the files, for LangChain")
    parser.add_argument("--all", action="store_true", help="take --share for everything")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report: dict[str, object] = {"command": " ".join(["python", *sys.argv]), "machine": machine()}
    print(json.dumps(report), flush=True)
    for name in AT_LEAST:
        if name in options.parts:
            peer_python(options.work, name)
    with tempfile.TemporaryDirectory(prefix="citewell-speed-") as scratch:
        place = Path(scratch)
        corpus = copied(options.folder, place / "corpus", options.share if options.all else 1.0)
        part = corpus
        if options.share < 1.0 and not options.all:
            part = copied(corpus, place / "share", options.share)
        rounds = [_round(number, corpus, part, place, options) for number in range(options.repeat)]
    report |= {"rounds": rounds, "summary": summary(rounds)}
    print(json.dumps(report["summary"], indent=2))
    if options.out:
        options.out.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
