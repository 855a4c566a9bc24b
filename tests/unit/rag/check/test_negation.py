import pytest

from rag.check.negation import affirmed, negations


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is refunded.", 0),
        ("It is not refunded.", 1),
        ("It isn't refunded and never was.", 2),
        ("It isn’t.", 1),
        ("Nobody without a badge enters.", 2),
        ("No more than five, not only on Mondays, not more than once.", 0),
        ("Another notable nothingness", 0),
        ("费用不予报销。", 1),
        ("不得超过，也没有例外。", 2),
        ("不超过三十天，不少于五天。", 0),
        ("不仅如此，未来不久无论如何。", 0),
        ("未经批准禁止使用。", 2),
        ("Das wird nicht erstattet, es gibt keine Ausnahme.", 2),
        ("nicht nur, nicht mehr als fünf", 0),
        ("Ce n'est pas remboursé.", 1),
        ("Расходы не возмещаются без чека.", 2),
        ("لا يجوز ذلك", 1),
        ("払い戻しはできません。", 1),
        ("返金しない。", 1),
        ("", 0),
    ],
)
def test_how_often_a_text_denies(text, count):
    assert negations(text) == count


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("It is refunded.", []),
        ("It is not refunded.", ["It is refunded."]),
        ("It isn't refunded and never was.", ["It is refunded and never was.", "It isn't refunded and was."]),
        ("费用不予报销。", ["费用报销。"]),
        ("No more than five do not count.", ["No more than five do count."]),
        ("不超过三十天，没有例外。", ["不超过三十天，例外。"]),
    ],
)
def test_a_text_without_each_of_its_denials(text, without):
    assert affirmed(text) == without
