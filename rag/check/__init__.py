"""Draft sentence against evidence -> verdict. Layers, cheapest first; each is one file, can be switched off
(setting check.layers), and reports its time.

    agreement   L0: rules that can only refuse: numbers, names, negation, comparison, wording
    alignment   L1: how well the evidence covers the sentence, by token vectors and words
    entailment  L1: whether an entailment model says that it follows, where one is installed
    translation L2a: whether the served model, translating the evidence, comes to the sentence
    contrast    L2a: what the evidence does to the log-probabilities of the served model
    probe       L2b: what its hidden states tell, by a probe trained for it
    judge       L3: the served model asked, by label probabilities

The signals are fused by small calibrated models (rag/calibration); a layer that none was fitted for tells its
signals and decides nothing. Those after the first two are asked in doubt only.
"""

from rag.check.checker import DOUBT, FURTHER, SERVED, Checked, Checker, Owned
from rag.check.local import Local, local_layers, local_models

__all__ = [
    "DOUBT",
    "FURTHER",
    "SERVED",
    "Checked",
    "Checker",
    "Local",
    "Owned",
    "local_layers",
    "local_models",
]
