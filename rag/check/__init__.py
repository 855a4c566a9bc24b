"""Draft sentence against evidence -> verdict. Layers, cheapest first; each is one file, can be switched off
(setting check.layers), and reports its time.

    agreement   L0: rules that can only refuse: numbers, names, negation, comparison, wording
    alignment   L1: how well the evidence covers the sentence, by token vectors and words
    contrast    L2a: what the evidence does to the log-probabilities of the served model
    probe       L2b: what its hidden states tell, by a probe trained for it (see probe.py; not in the chain)
    judge       L3: the served model asked, by label probabilities

The signals are fused by small calibrated models (rag/calibration); the last two are asked in doubt only.
"""

from rag.check.checker import FURTHER, Checked, Checker, Owned, log_odds

__all__ = ["FURTHER", "Checked", "Checker", "Owned", "log_odds"]
