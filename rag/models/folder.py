"""A finished model on disk: a folder that holds ``citewell.json``. Without it a folder is not used."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.errors import ModelMissingError

__all__ = ["RECORD", "ModelRecord", "read_record", "require_model", "write_record"]

RECORD = "citewell.json"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What a finished folder says of itself. ``sha256`` is that of the file that it was made from."""

    name: str
    revision: str
    sha256: str
    licence: str
    converter: str


def read_record(folder: Path) -> ModelRecord | None:
    """The folder's record, or None when the folder is not a finished model."""
    try:
        return ModelRecord(**json.loads((folder / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_record(folder: Path, record: ModelRecord) -> None:
    """Write the record; the last step before a folder is published."""
    (folder / RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n", "utf-8")


def require_model(name: str, models_dir: Path) -> tuple[Path, ModelRecord]:
    """Folder and record of a model that must be there. Raises ModelMissingError naming the remedy."""
    folder = models_dir / name
    record = read_record(folder)
    if record is None:
        raise ModelMissingError(
            f"The model {name} is not on this machine (looked in {folder}).",
            f"Run `citewell model pull {name}`.",
        )
    return folder, record
