"""kill -9 of the real `citewell ingest` at random moments, then again: is all as if nothing had happened?

    python tests/bench/kill_ingest.py FOLDER [--kills 10] [--seed 1] [--models var/models]

FOLDER holds the documents (deploy/sample/documents will do). One home is filled in peace, another is killed
again and again, `citewell doctor` is asked after each kill, and then both are compared: documents and chunks
to the letter, vectors by cosine, because other batches round differently.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parents[2]
CITEWELL = [sys.executable, "-c", "from server.cli import main; main()"]


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"CITEWELL_HOME": str(home), "PYTHONPATH": str(ROOT)}


def _home(path: Path, models: Path) -> Path:
    path.mkdir()
    (path / "models").symlink_to(models.resolve())
    return path


def _ingest(home: Path, folder: Path, patience: float | None = None) -> bool:
    """Run the ingestion; after ``patience`` seconds kill it. True when it was killed before its end."""
    command = [*CITEWELL, "ingest", str(folder), "--json"]
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(home), stdout=subprocess.PIPE)
    try:
        process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    if process.returncode not in (0, 3):
        raise SystemExit(f"citewell ingest ended with {process.returncode}")
    return False


def _complaints(home: Path) -> list[str]:
    """What doctor finds broken, the generator aside: it is not asked for here."""
    command = [*CITEWELL, "doctor", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=_environment(home), capture_output=True, text=True, check=False
    )
    checks = json.loads(done.stdout)["checks"]
    return [f"{c['name']}: {c['detail']}" for c in checks if c["state"] == "fail" and c["area"] != "vLLM"]


def _content(home: Path) -> tuple[list[object], list[object], list[bytes], list[str]]:
    """Documents, chunks without their numbers, vectors of chunks and sentences, and originals."""
    engine = create_engine(f"sqlite:///{home / 'citewell.db'}")
    with engine.connect() as connection:
        documents = connection.execute(text("SELECT * FROM document ORDER BY id")).mappings().all()
        query = "SELECT * FROM chunk JOIN vector ON chunk_id = id ORDER BY document_id, position"
        chunks = connection.execute(text(query)).mappings().all()
    engine.dispose()
    vectors = [row["whole"] + (row["sentences"] or b"") for row in chunks]
    hidden = ("id", "chunk_id", "whole", "sentences")
    plain: list[object] = [{k: v for k, v in row.items() if k not in hidden} for row in chunks]
    originals = sorted(path.name for path in (home / "originals").glob("*/*"))
    return [dict(row) for row in documents], plain, vectors, originals


def _least_cosine(one: list[bytes], other: list[bytes], dimension: int = 384) -> float:
    least = 1.0
    for a, b in zip(one, other, strict=True):
        left, right = (np.frombuffer(v, np.float16).astype(np.float32).reshape(-1, dimension) for v in (a, b))
        lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
        least = min(least, float(((left * right).sum(axis=1) / lengths).min()))
    return least


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--kills", type=int, default=10)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--models", type=Path, default=ROOT / "var" / "models")
    given = options.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="citewell-kill-") as scratch:
        calm, stormy = (_home(Path(scratch) / name, given.models) for name in ("calm", "stormy"))
        begin = time.monotonic()
        _ingest(calm, given.folder)
        whole = time.monotonic() - begin
        print(f"undisturbed: {whole:.1f} s")
        killed, broken = 0, []
        while killed < given.kills:
            moment = rng.uniform(0.05, 0.95) * whole
            if not _ingest(stormy, given.folder, moment):
                # it had been nearly done by the kills before: start over, so that the next one hits
                shutil.rmtree(stormy)
                _home(stormy, given.models)
                continue
            killed += 1
            begun = (stormy / "citewell.db").exists()
            complaints = _complaints(stormy) if begun else []
            broken += complaints
            count = len(_content(stormy)[0]) if begun else 0
            print(
                f"kill {killed} after {moment:5.1f} s: {count} documents; doctor: {complaints or 'content'}"
            )
        _ingest(stormy, given.folder)
        one, other = _content(calm), _content(stormy)
    same = one[0] == other[0] and one[1] == other[1] and one[3] == other[3]
    cosine = _least_cosine(one[2], other[2]) if same else 0.0
    print(
        f"documents {len(one[0])}, chunks {len(one[1])}, originals {len(one[3])}: "
        f"{'same' if same else 'DIFFERENT'}"
    )
    print(f"least cosine of a vector with its undisturbed one: {cosine:.6f}")
    return 0 if same and cosine > 0.999 and not broken else 1


if __name__ == "__main__":
    raise SystemExit(main())
