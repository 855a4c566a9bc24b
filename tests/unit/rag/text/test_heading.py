import pytest

from rag.text import bare_heading


@pytest.mark.parametrize(
    ("heading", "bare"),
    [
        ("2.1 Storage:", "Storage"),
        ("4.2 Loss of devices", "Loss of devices"),
        ("§ 5 Arbeitszeit", "Arbeitszeit"),
        ("IV. Leave", "Leave"),
        ("a) Meals", "Meals"),
        ("第三章 差旅", "差旅"),
        ("（二）住宿标准", "住宿标准"),
        ("三、投标", "投标"),
        ("3、报销", "报销"),
        ("4差旅费", "差旅费"),
        ("HS-900 pump", "HS-900 pump"),
        ("Ideas", "Ideas"),
        ("2026 budget", "budget"),
    ],
)
def test_a_heading_without_its_number(heading, bare):
    assert bare_heading(heading) == bare
