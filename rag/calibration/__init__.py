"""Small logistic models that turn signals into probabilities. Their coefficients are data files beside this
one, each with the sets, sizes and date that they were fitted on; tests/bench/ holds the scripts that fit
them.
"""

from rag.calibration.logistic import Logistic, fitted, load, log_odds, own_models

__all__ = ["Logistic", "fitted", "load", "log_odds", "own_models"]
