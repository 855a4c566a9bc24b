from decimal import Decimal

import pytest

from rag.check.numerals import factor, fractions, han_values, roman_value, spelled


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("二十五", {25}),
        ("十", {10}),
        ("三万五千", {35000}),
        ("一亿三千万", {130000000}),
        ("三万亿", {3 * 10**12}),
        ("二〇二六", {2026}),
        ("两三", {23, 2, 3}),
        ("一五", {15}),
    ],
)
def test_han_numerals(text, values):
    assert han_values(text) == {Decimal(value) for value in values}


@pytest.mark.parametrize(
    ("text", "value"), [("II", 2), ("IV", 4), ("IX", 9), ("XIV", 14), ("XIX", 19), ("XXXIII", 33)]
)
def test_roman_numerals(text, value):
    assert roman_value(text) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("twenty-five of ninety", [("twenty-five", 25), ("ninety", 90)]),
        ("three hundred and two", [("three hundred and two", 302)]),
        ("one thousand two hundred", [("one thousand two hundred", 1200)]),
        ("two million five hundred thousand", [("two million five hundred thousand", 2500000)]),
        ("a thousand and one nights", [("a thousand and one", 1001)]),
        ("two or three", [("two", 2), ("three", 3)]),
        ("seven eleven", [("seven", 7), ("eleven", 11)]),
        ("zero defects", [("zero", 0)]),
        ("two dozen", [("two dozen", 24)]),
        ("five decades", [("five decades", 50)]),
        ("half an hour", [("half", Decimal("0.5"))]),
        ("drei tausend", [("drei tausend", 3000)]),
        ("one of a kind, a man, thousands of them", []),
        # they multiply the digits before them
        ("5 thousand, 3 dozen", []),
    ],
)
def test_numbers_in_words(text, found):
    expected = [(words, frozenset({Decimal(value)})) for words, value in found]
    assert [(number.text, number.values) for number in spelled(text)] == expected
    assert all(text[number.start : number.end] == number.text for number in spelled(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("two-thirds", "0.666667"),
        ("three fifths of it", "0.6"),
        ("a third of it", "0.333333"),
        ("one-quarter", "0.25"),
        ("4 tenths", "0.4"),
        ("drei achtel", "0.375"),
        ("две трети", "0.666667"),
        ("五分之三", "0.6"),
        ("5分之2", "0.4"),
        ("千分之三", "0.003"),
    ],
)
def test_fractions(text, value):
    assert [max(part.values) for part in fractions(text)] == [Decimal(value)]


@pytest.mark.parametrize(
    "text", ["a third party", "the third of May", "two third-party tools", "三分钟", "百分之三"]
)
def test_what_is_no_fraction(text):
    assert list(fractions(text)) == []


@pytest.mark.parametrize(
    ("word", "by"),
    [("million", 10**6), ("万", 10**4), ("тысяч", 1000), ("مليار", 10**9), ("k", 1000), ("kg", 1)],
)
def test_what_digits_are_multiplied_by(word, by):
    assert factor(word) == by
