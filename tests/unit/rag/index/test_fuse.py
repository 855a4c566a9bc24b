import pytest

from rag.index.fuse import reciprocal_rank_fusion


def test_scores_are_sums_of_reciprocal_ranks():
    got = dict(reciprocal_rank_fusion([[7, 8, 9], [9, 7]], constant=60))
    assert got == pytest.approx({7: 1 / 61 + 1 / 62, 8: 1 / 62, 9: 1 / 63 + 1 / 61})


def test_best_first_and_ties_by_id():
    assert [key for key, _ in reciprocal_rank_fusion([[5, 3], [3, 5]])] == [3, 5]
    assert [key for key, _ in reciprocal_rank_fusion([[7, 8, 9], [9, 7]])] == [7, 9, 8]


def test_a_small_constant_favours_first_places():
    rankings = [[1, 2], [3, 2], [4, 2]]
    assert reciprocal_rank_fusion(rankings, constant=0.1)[0][0] == 2
    assert reciprocal_rank_fusion([[1, 2], [3, 2]], constant=0)[0][0] == 1


@pytest.mark.parametrize("rankings", [[], [[]], [[], []]])
def test_nothing_in_nothing_out(rankings):
    assert reciprocal_rank_fusion(rankings) == []
