import pytest

from rag.text import bare_heading


@pytest.mark.parametrize(
    ("heading", "bare"),
    [
        ("4. Hotels", "Hotels"),
        ("2.1 Storage:", "Storage"),
        ("第四章 通讯与交通", "通讯与交通"),
        ("（一）范围", "范围"),
        ("三、投标", "投标"),
        ("IV. Scope", "Scope"),
        ("2026 in review", "in review"),
    ],
)
def test_bare_heading(heading, bare):
    assert bare_heading(heading) == bare


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("4.2 Loss of devices", "Loss of devices"),
        ("§ 5 Arbeitszeit", "Arbeitszeit"),
        ("IV. Leave", "Leave"),
        ("a) Meals", "Meals"),
        ("第三章 差旅", "差旅"),
        ("（二）住宿标准", "住宿标准"),
        ("3、报销", "报销"),
        ("4差旅费", "差旅费"),
        ("HS-900 pump", "HS-900 pump"),
        ("Ideas", "Ideas"),
        ("2026 budget", "budget"),
    ],
)
def test_numbers_of_headings(heading, name):
    assert bare_heading(heading) == name
