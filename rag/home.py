"""The folder of everything that Citewell keeps."""

from __future__ import annotations

from pathlib import Path

__all__ = ["make_home"]


def make_home(home: Path) -> None:
    """Make the folder where it is missing, open to its owner alone: documents, answers and keys lie in it.
    One that is there keeps the rights that somebody gave it.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
