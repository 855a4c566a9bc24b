"""Keeps libraries from writing progress bars and load reports to the terminal while they read a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from typing import Any

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers and tqdm inside the block; both are put back after it.

    transformers draws some bars with its own switchable tqdm and some (unpacking GGUF) with the plain one,
    which has no switch: for those the constructor's default is changed.
    """
    from tqdm import tqdm  # type: ignore[import-untyped]
    from transformers.utils import logging as untyped

    logging: Any = untyped
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    plain = tqdm.__init__
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tqdm.__init__ = partialmethod(plain, disable=True)
    try:
        yield
    finally:
        tqdm.__init__ = plain
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
