import pytest

from rag.check.negation import affirmed, implies_denial, negations


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
        ("收入不平等、公民不服从和不完善的市场", 3),
        ("房屋被水淹没，财产被没收，未来未知", 0),
        ("数据不公开，条件不满足，也不禁止使用。", 4),
        ("他不同意，设备不安全，不宜使用，未利用", 4),
        ("Convention No. 81 applies.", 0),
        ("غير أنهم تمكنوا من الفوز", 0),
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


@pytest.mark.parametrize(
    ("text", "implied"),
    [
        ("The species lack tentacles.", True),
        ("Congress failed to set rules.", True),
        ("It leads to inequality.", True),
        ("a helpless crew", True),
        ("The fee includes the union's unit.", False),
        ("We understand the index.", False),
        ("公司缺乏资金。", True),
        ("非常重要的非洲国家", False),
        ("eine arbeitslose Frau, ein fehlender Beleg", True),
        ("Die Gebühr ist fällig.", False),
    ],
)
def test_what_another_language_may_say_with_a_denial(text, implied):
    assert implies_denial(text) is implied
