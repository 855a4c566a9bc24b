"""A finished model on disk: a folder that holds ``citewell.json``. Without it a folder is not used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rag.errors import HashMismatchError, ModelMissingError

__all__ = [
    "OURS",
    "PRECISION",
    "RECORD",
    "ModelRecord",
    "read_record",
    "require_model",
    "verify_files",
    "write_record",
]

RECORD = "citewell.json"
PRECISION = "precision.json"  # how fast this machine computes it, see rag.models.precision
OURS = {RECORD, PRECISION}  # all that lies there beside the publisher's files


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What a finished folder says of itself. ``sha256`` is that of the file that it was made from; ``files``
    are the hashes of a folder that was taken as it stood, by path in it.
    """

    name: str
    revision: str
    sha256: str
    licence: str
    converter: str
    files: Mapping[str, str] = field(default_factory=dict)


def read_record(folder: Path) -> ModelRecord | None:
    """The folder's record, or None when the folder is not a finished model."""
    try:
        return ModelRecord(**json.loads((folder / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_record(folder: Path, record: ModelRecord) -> None:
    """Write the record; the last step before a folder is published."""
    told = {name: value for name, value in asdict(record).items() if value or name != "files"}
    (folder / RECORD).write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def verify_files(folder: Path, record: ModelRecord) -> None:
    """Compare each file with what was recorded when the folder was taken (about a second for each gigabyte).

    Raises HashMismatchError naming the first that is another, is missing or was added. A model that was made
    here from one published file has no such hashes, and passes.
    """
    if not record.files:
        return
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - OURS
    for name in sorted(there | set(record.files)):
        found = _sha256(folder / name) if name in there else "missing"
        recorded = record.files.get(name, "none")
        if found != recorded:
            raise HashMismatchError(
                f"{folder / name} is not as it was when {record.name} was imported "
                f"(sha256 now {found[:12]}, recorded {recorded[:12]}).",
                f"Import it again: `citewell model import FOLDER --name {record.name}`.",
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_model(name: str, models_dir: Path, get: str = "pull {name}") -> tuple[Path, ModelRecord]:
    """Folder and record of a model that must be there; ``get`` is the command that brings it. Raises
    ModelMissingError naming the remedy.
    """
    folder = models_dir / name
    record = read_record(folder)
    if record is None:
        raise ModelMissingError(
            f"The model {name} is not on this machine (looked in {folder}).",
            f"Run `citewell model {get.format(name=name)}`.",
        )
    return folder, record
