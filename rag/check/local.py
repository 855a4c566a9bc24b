"""Layers that read a model in this process: the probe of hidden states, and an entailment model. Each is
loaded when it is first asked (seconds), and kept.
"""

from __future__ import annotations

import functools
import logging
import math
import threading
from collections.abc import Callable, Mapping

from rag.check.entailment import entailment_signals
from rag.check.probe import Probe, probe_file
from rag.errors import ModelError
from rag.models.entailment import Entailment
from rag.models.folder import read_record, require_model
from rag.models.hidden import HiddenStates, template_sha256
from rag.settings import Settings

__all__ = ["Lazy", "Local", "local_layers"]

logger = logging.getLogger(__name__)
# (evidence, sentence) -> signals; takes long; raises ModelError
Local = Callable[[str, str], Mapping[str, float]]


class Lazy:
    """Asks a layer that is opened by the first question. Safe to call from several threads."""

    def __init__(self, name: str, open_layer: Callable[[], Local]) -> None:
        self._name = name
        self._open = open_layer
        self._opened: Local | None = None
        self._refused = ""
        self._lock = threading.Lock()

    def __call__(self, evidence: str, sentence: str) -> Mapping[str, float]:
        """The layer's signals. Raises ModelError when what it needs is not there."""
        try:
            with self._lock:
                self._opened = self._opened or self._open()
        except ModelError as error:
            if error.message != self._refused:  # said once, not with each sentence
                logger.warning("The layer %s is not asked: %s %s", self._name, error.message, error.remedy)
            self._refused = error.message
            raise
        return self._opened(evidence, sentence)


def _probe(settings: Settings) -> Local:
    # the probe first: where it does not fit, no weights need be read
    name, models_dir = settings.generator.model, settings.models_dir
    _, record = require_model(name, models_dir)
    file = probe_file(settings.home, name)
    probe = Probe.load(file, model_sha256=record.sha256, template_sha256=template_sha256())
    hidden = HiddenStates.load(name, models_dir, [probe.layer])

    def ask(evidence: str, sentence: str) -> dict[str, float]:
        share = min(max(probe.probabilities(hidden, [(evidence, sentence)])[0], 1e-6), 1 - 1e-6)
        return {"probe": math.log(share / (1 - share))}

    return ask


def _entailment(settings: Settings) -> Local:
    model = Entailment.load(settings.check.entailment_model, settings.models_dir)
    return functools.partial(_entailed, model)


def _entailed(model: Entailment, evidence: str, sentence: str) -> dict[str, float]:
    return entailment_signals(evidence, sentence, model)


def local_layers(settings: Settings) -> dict[str, Local]:
    """Those that the settings name, and the entailment model where one is installed."""
    known: dict[str, Callable[[Settings], Local]] = {"probe": _probe, "entailment": _entailment}
    installed = read_record(settings.models_dir / settings.check.entailment_model) is not None
    wanted = {*settings.check.layers, *(["entailment"] if installed else [])}
    return {
        name: Lazy(name, functools.partial(made, settings)) for name, made in known.items() if name in wanted
    }
