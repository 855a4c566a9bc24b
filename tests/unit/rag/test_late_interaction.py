import numpy as np
import pytest

from rag.late_interaction import WEAKEST, matched_tokens, weakest_tokens

AXES = np.eye(8, dtype=np.float32)


def test_each_token_takes_its_best_match_among_all_texts():
    assert matched_tokens(AXES[:4], [AXES[:1], AXES[2:4]]) == pytest.approx(3 / 4)
    assert weakest_tokens(AXES, [AXES[:7]]) == pytest.approx(1 / 2), f"two of eight are a {WEAKEST}th"
    assert weakest_tokens(AXES, [AXES[:6]]) == 0.0
    assert weakest_tokens(AXES[:1], [AXES]) == 1.0


def test_the_values_are_those_of_brute_force():
    rng = np.random.default_rng(5)
    asked, told = (rng.normal(size=(n, 16)).astype(np.float32) for n in (9, 30))
    best = sorted(max(float(a @ b) for b in told) for a in asked)
    assert matched_tokens(asked, [told[:11], told[11:]]) == pytest.approx(sum(best) / 9, rel=1e-5)
    assert weakest_tokens(asked, [told]) == pytest.approx(sum(best[:2]) / 2, rel=1e-5)


@pytest.mark.parametrize("measure", [matched_tokens, weakest_tokens])
def test_nothing_matches_nothing(measure):
    assert measure(AXES[:0], [AXES]) == measure(AXES, []) == measure(AXES, [AXES[:0]]) == 0.0
