import numpy as np
import pytest

from rag.index.geometry import FOREIGN_MEAN, PRIOR_DEVIATION, PRIOR_MEAN, PRIOR_WEIGHT, Cloud, Geometry
from rag.types import Query


def unit_rows(seed, n, d=16):
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def asked(vector, foreign=None):
    return Query("", "en", vector, {}, foreign=foreign)


@pytest.mark.parametrize("n", [1, 2, 40, 3000])
def test_mean_and_deviation_equal_brute_force_with_the_prior(n):
    rows, query = unit_rows(1, n), unit_rows(2, 1)[0]
    cosines = rows.astype(np.float64) @ query
    share = n / (n + PRIOR_WEIGHT)
    mean, deviation = Geometry({"en": Cloud.of(rows)}).usual(asked(query), "en")
    assert mean == pytest.approx(share * cosines.mean() + (1 - share) * PRIOR_MEAN, abs=1e-5)
    variance = share * cosines.var() + (1 - share) * PRIOR_DEVIATION**2
    assert deviation == pytest.approx(variance**0.5, rel=1e-3)


def test_a_large_collection_speaks_for_itself():
    rows, query = unit_rows(1, 20000), unit_rows(2, 1)[0]
    mean, deviation = Geometry({"en": Cloud.of(rows)}).usual(asked(query), "en")
    assert (mean, deviation) == pytest.approx(((rows @ query).mean(), (rows @ query).std()), abs=2e-3)


def test_an_unknown_language_has_the_prior_alone():
    query = unit_rows(2, 1)[0]
    for geometry in (Geometry({}), Geometry({"en": Cloud.of(unit_rows(1, 50))})):
        assert geometry.usual(asked(query), "ja") == pytest.approx((PRIOR_MEAN, PRIOR_DEVIATION))


def test_passages_in_other_languages_are_told_by_the_vector_for_these():
    rows, query, elsewhere = unit_rows(1, 40), unit_rows(2, 1)[0], unit_rows(4, 1)[0]
    geometry, share = Geometry({"en": Cloud.of(rows), "zh": Cloud.of(rows)}), 40 / (40 + PRIOR_WEIGHT)
    assert geometry.usual(asked(query, elsewhere), "en") == geometry.usual(asked(query), "en")
    mean, _ = geometry.usual(asked(query, elsewhere), "zh")
    assert mean == pytest.approx(share * (rows @ elsewhere).mean() + (1 - share) * FOREIGN_MEAN, abs=1e-5)
    # nothing is known of the question's language: it has one vector for all
    assert geometry.usual(asked(query), "zh") == geometry.usual(asked(query), "en")


def test_languages_do_not_touch_each_other():
    query = unit_rows(2, 1)[0]
    alone = Geometry({"en": Cloud.of(unit_rows(1, 50))}).usual(asked(query), "en")
    assert (
        Geometry({"en": Cloud.of(unit_rows(1, 50)), "zh": Cloud.of(unit_rows(3, 70))}).usual(
            asked(query), "en"
        )
        == alone
    )


def test_the_deviation_is_never_zero():
    query = unit_rows(2, 1)[0]
    same = np.repeat(query[None], 10**6 // 16, axis=0)
    assert Geometry({"en": Cloud.of(same)}).usual(asked(query), "en")[1] >= 1e-4


def test_the_centre_is_the_mean_and_shrinks_with_few_passages():
    rows = unit_rows(1, 40)
    geometry = Geometry({"en": Cloud.of(rows)})
    expected = rows.mean(axis=0) * 40 / (40 + PRIOR_WEIGHT)
    assert geometry.centre("en", rows.shape[1]) == pytest.approx(expected, abs=1e-6)
    assert not geometry.centre("xx", 7).any()
    assert geometry.centre("xx", 7).shape == (7,)


def test_vectors_that_are_taken_away_again_leave_no_trace():
    kept, query = unit_rows(1, 40), unit_rows(2, 1)[0]
    cloud = Cloud.of(kept) + Cloud.of(unit_rows(3, 500)) - Cloud.of(unit_rows(3, 500))
    assert cloud.count == 40
    assert cloud.along(query) == pytest.approx(Cloud.of(kept).along(query), rel=1e-9)
    assert not Geometry({"en": cloud - Cloud.of(kept)}).centre("en", 16).any()
