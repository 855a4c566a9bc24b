import pytest

from rag.check.comparison import opposed, turned


@pytest.mark.parametrize(
    "a, b",
    [
        ("increased", "decreased"),
        ("before", "after"),
        ("at most", "at least"),
        ("Erhöhung", "Verringerung"),
        ("增加", "减少"),
        ("之前", "之后"),
        ("最高", "最低"),
        ("must", "may"),
        ("müssen", "können"),
        ("须", "可以"),
        ("返却しなければならない", "返却してもよい"),
    ],
)
def test_opposites(a, b):
    assert opposed(a, b)
    assert opposed(b, a)
    assert not opposed(a, a)


def test_what_is_turned_round():
    assert turned("Sales fell in May.", "In May sales rose.")
    assert not turned("Sales rose in May.", "In May sales rose.")
    # the evidence says both: which of them is meant is not for a list of words to say
    assert not turned("Sales fell in May.", "Sales rose in April and fell in May.")
    assert turned("产量下降。", "产量上升。")
    # what must be done and what can be done stand in most texts
    assert not turned("You can find the form online.", "Visitors must sign the form at the gate.")
