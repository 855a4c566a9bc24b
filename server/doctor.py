"""Looks at everything that answering depends on, changes nothing, and says what to do about what is wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil

from ingest.originals import original_path
from rag.calibration import load
from rag.check import SERVED
from rag.errors import CitewellError
from rag.index.dense import DenseIndex
from rag.models.catalogue import CatalogueEntry, catalogue
from rag.models.folder import read_record
from rag.settings import Settings
from rag.store import Store
from server.generator_state import generator_answers

__all__ = ["Finding", "examine"]

State = Literal["ok", "warn", "fail"]
GIB = 1 << 30
DATABASE = "citewell.db"
PYTHON = (3, 11)
# import names; each is a package that some command cannot do without
PACKAGES = (
    "alembic", "datasketch", "dbos", "faiss", "fastapi", "fsspec", "gguf", "httpx", "numpy", "openai",
    "opencc", "pathspec", "psutil", "py3langid", "pydantic", "pypdfium2", "rich", "sentence_transformers",
    "sqlalchemy", "torch", "transformers", "typer", "unstructured", "uvicorn",
)  # fmt: skip
LEAST_DISK_GIB = 0.5
GOOD_DISK_GIB = 5.0
GOOD_MEMORY_GIB = 6.0  # the default generator with its cache, and the embedder
VLLM_REMEDY = "Run `make vllm-env`, or set generator.python."
INGEST_REMEDY = "`citewell ingest PATH` brings documents in."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``remedy`` says what to do when ``state`` is not "ok"."""

    area: str
    name: str
    state: State
    detail: str
    remedy: str = ""


Check = Callable[[], Iterable[Finding]]


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PYTHON:
        yield Finding("environment", "python", "ok", version)
    else:
        yield Finding("environment", "python", "fail", version, "Use Python 3.11 or newer.")


def _packages() -> Iterator[Finding]:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        named = f"missing: {', '.join(missing)}"
        yield Finding("environment", "packages", "fail", named, "Run `make up`, which installs them.")
    else:
        yield Finding("environment", "packages", "ok", f"all {len(PACKAGES)} are there")
    names = {(each.name or "").lower() for each in metadata.distributions()}
    both = sorted(names & {"faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs"})
    if len(both) > 1:
        clash = f"{' and '.join(both)} overwrite each other"
        yield Finding("environment", "faiss", "fail", clash, "Uninstall all of them, then install one.")


def _programs(settings: Settings) -> Iterator[Finding]:
    """Programs that some formats need; without them such files are told as failures, the rest goes on."""
    wanted = (
        (
            "tesseract" if settings.ingest.ocr else "",
            "scans and pictures",
            "tesseract-ocr tesseract-ocr-chi-sim",
        ),
        (settings.ingest.libreoffice, "doc, xls and ppt files", "libreoffice-writer libreoffice-calc"),
        ("git", "sources of kind git", "git"),
    )
    for program, purpose, packages in wanted:
        if not program:
            continue
        where = shutil.which(program)
        remedy = "" if where else f"Install it (Debian: {packages}), or do without."
        yield Finding("programs", program, "ok" if where else "warn", where or f"missing: {purpose}", remedy)


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = _nearest_folder(settings.home)
    if not os.access(folder, os.W_OK):
        owner = "Change its owner, or set CITEWELL_HOME."
        yield Finding("environment", "home", "fail", f"{folder} cannot be written", owner)
    free = shutil.disk_usage(folder).free / GIB
    state: State = "ok" if free >= GOOD_DISK_GIB else "warn" if free >= LEAST_DISK_GIB else "fail"
    remedy = f"Free some space: fetching models takes up to {GOOD_DISK_GIB:g} GiB." if state != "ok" else ""
    yield Finding("environment", "disk", state, f"{free:.1f} GiB free at {folder}", remedy)


def _memory(settings: Settings) -> Iterator[Finding]:
    memory = psutil.virtual_memory()  # type: ignore[no-untyped-call]
    detail = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    own = settings.generator.enabled and not settings.generator.url
    if own and memory.total < GOOD_MEMORY_GIB * GIB:
        remedy = "Set generator.model to a smaller one, or generator.enabled to false."
        yield Finding("environment", "memory", "warn", detail, remedy)
    else:
        yield Finding("environment", "memory", "ok", detail)


def _known(name: str) -> CatalogueEntry | None:
    return next((entry for entry in catalogue() if entry.name == name), None)


def _model(name: str, settings: Settings, missing: State) -> Finding:
    folder = settings.models_dir / name
    record, entry = read_record(folder), _known(name)
    pull = f"Run `citewell model pull {name}`."
    if record is None:
        remedy = pull if entry else "`citewell model list` shows those that there are."
        return Finding("models", name, missing, f"not on this machine (looked in {folder})", remedy)
    again = f"Remove {folder}. {pull}"
    if entry is not None and record.sha256 != entry.sha256:
        return Finding("models", name, "fail", "not made from the file that the catalogue pins", again)
    try:
        json.loads((folder / "config.json").read_text("utf-8"))
        weights = [path for path in folder.glob("*.safetensors") if path.stat().st_size]
    except (OSError, ValueError) as error:
        return Finding("models", name, "fail", f"{folder} is damaged: {error}", again)
    if not weights:
        return Finding("models", name, "fail", f"{folder} holds no weights", again)
    origin = "as pinned" if entry else "not in the catalogue"
    return Finding("models", name, "ok", f"{record.revision[:12]}, {record.licence}, {origin}")


def _models(settings: Settings) -> Iterator[Finding]:
    yield _model(settings.embedder.model, settings, "fail")
    if settings.generator.enabled and not settings.generator.url:
        yield _model(settings.generator.model, settings, "warn")
    if "entailment" in settings.check.layers:
        yield _model(settings.check.entailment_model, settings, "warn")


def _layers(settings: Settings) -> Iterator[Finding]:
    """What a layer reads in one generator's probabilities means something else in another's."""
    known = settings.generator.enabled and not settings.generator.url
    for layer in (name for name in SERVED if known and name in settings.check.layers):
        read = load(f"support_{layer}", settings.calibration_dir).read
        if read in ("", settings.generator.model):
            yield Finding("check", layer, "ok", f"fitted to {read or 'any generator'}")
        else:
            detail = f"fitted to {read}, not asked with {settings.generator.model}: the check is weaker"
            remedy = f"Label sentences and run `citewell eval calibrate --layer {layer}`."
            yield Finding("check", layer, "warn", detail, remedy)


def _environment_of_vllm(settings: Settings) -> Iterator[Finding]:
    python = settings.generator.python
    if not settings.generator.enabled or settings.generator.url:
        return
    if not python.exists():
        yield Finding("vLLM", "environment", "warn", f"there is no {python}", VLLM_REMEDY)
    elif any(python.parent.parent.glob("lib/python*/site-packages/vllm")):
        yield Finding("vLLM", "environment", "ok", str(python))
    else:
        yield Finding("vLLM", "environment", "warn", f"{python} has no vLLM", VLLM_REMEDY)


def _port_is_taken(settings: Settings) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((settings.generator.host, settings.generator.port)) == 0


async def _process_of_vllm(settings: Settings) -> Finding:
    where = settings.generator_url
    if not settings.generator.enabled:
        return Finding("vLLM", "process", "ok", "switched off (generator.enabled): answers are quotes")
    if await generator_answers(settings):
        return Finding("vLLM", "process", "ok", f"answers at {where}")
    if settings.generator.url:
        remedy = "Start that server, or correct generator.url."
    elif _port_is_taken(settings):
        remedy = f"Something listens there: see {settings.logs_dir / 'vllm.log'}, or set generator.port."
    else:
        remedy = "`citewell up` or `citewell model serve` starts it."
    return Finding("vLLM", "process", "warn", f"does not answer at {where}: answers are quotes", remedy)


def _database(settings: Settings, store: Store) -> Iterator[Finding]:
    verdict = store.check()
    if verdict != "ok":
        remedy = "Move the database away and ingest again; originals are kept."
        yield Finding("database", "integrity", "fail", verdict, remedy)
        return
    yield Finding("database", "integrity", "ok", str(settings.home / DATABASE))
    counts = store.counts()
    if counts["documents"]:
        there = f"{counts['documents']} documents, {counts['chunks']} chunks"
        yield Finding("database", "documents", "ok", there)
    else:
        yield Finding("database", "documents", "warn", "nothing is ingested", INGEST_REMEDY)


def _index(settings: Settings, store: Store) -> Iterator[Finding]:
    chunks, space = store.counts()["chunks"], store.space()
    if not chunks or space is None:
        return
    if read_record(settings.models_dir / space.model) is None:
        remedy = f"Run `citewell model pull {space.model}`; `citewell refine` then moves them to another."
        yield Finding("index", "embedder", "fail", f"the documents need {space.model}", remedy)
        return
    if space.model != settings.embedder.model:
        waiting = f"the settings name {settings.embedder.model}, the documents answer with {space.model}"
        yield Finding("index", "embedder", "warn", waiting, "`citewell refine` moves them.")
    index = DenseIndex(store, settings.index_dir, space)
    index.sync()
    there = f"{index.size} vectors for {chunks} chunks"
    if index.size != chunks:
        remedy = f"Remove {settings.index_dir}: it is made again from the database."
        yield Finding("index", "ids", "fail", there, remedy)
        return
    yield Finding("index", "ids", "ok", there)


def _originals(settings: Settings, store: Store) -> Iterator[Finding]:
    wanted = store.originals()
    if not wanted or not settings.ingest.keep_originals:
        return
    missing = [sha256 for sha256 in wanted if not original_path(settings.originals_dir, sha256).is_file()]
    if missing:
        remedy = "Citations cannot open those files: remove their documents and ingest them again."
        yield Finding("database", "originals", "warn", f"{len(missing)} of {len(wanted)} are missing", remedy)
    else:
        yield Finding("database", "originals", "ok", f"all {len(wanted)} are kept")


def _guarded(area: str, check: Check) -> Iterator[Finding]:
    """The findings of a check; one that fails itself is a finding too."""
    try:
        yield from check()
    except CitewellError as error:
        yield Finding(area, "check", "fail", error.message, error.remedy)
    except Exception as error:
        yield Finding(area, "check", "fail", f"{type(error).__name__}: {error}", "Please report this.")


def _stored(settings: Settings) -> Iterator[Finding]:
    if not (settings.home / DATABASE).exists():
        yield Finding("database", "documents", "warn", "nothing is ingested", INGEST_REMEDY)
        return
    store = Store.open(settings)
    try:
        for area, check in (("database", _database), ("index", _index), ("database", _originals)):
            found = list(_guarded(area, partial(check, settings, store)))
            yield from found
            if any(each.state == "fail" for each in found):
                return  # the rest would only repeat it
    finally:
        store.close()


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order in which things depend on each other. Never raises."""
    findings: list[Finding] = []
    checks: tuple[tuple[str, Check], ...] = (
        ("environment", _python),
        ("environment", _packages),
        ("environment", partial(_disk, settings)),
        ("environment", partial(_memory, settings)),
        ("programs", partial(_programs, settings)),
        ("models", partial(_models, settings)),
        ("check", partial(_layers, settings)),
        ("vLLM", partial(_environment_of_vllm, settings)),
    )
    for area, check in checks:
        findings += _guarded(area, check)
    findings.append(await _process_of_vllm(settings))
    findings += _guarded("database", partial(_stored, settings))
    return findings
