import pytest

from rag.text import inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![a chart](https://a.example/p.png)", "a chart (https://a.example/p.png)"),
        ("![](https://a.example/p.png)", "https://a.example/p.png"),
        ('see [here](<https://a.example/x> "title").', "see here (https://a.example/x)."),
        (
            "[![x](https://a.example/p)](https://b.example)",
            "x (https://a.example/p) (https://b.example)",
        ),
        ("![x][ref]", "! [x][ref]"),
        ("[1]: https://a.example", "[1] : https://a.example"),
        ("[x](https://a.example", "[x] (https://a.example"),
        ('<img src="https://a.example">', '‹img src="https://a.example"›'),
        ("<https://a.example>", "‹https://a.example›"),
        ("a <img src=x", "a ‹img src=x"),
        ("x < 5 and y > 3", "x < 5 and y > 3"),
        ("founded in 1987[3], see [4].", "founded in 1987[3], see [4]."),
        ("https://intranet.example/travel", "https://intranet.example/travel"),
        ("每晚140欧元（见表[2]）。", "每晚140欧元（见表[2]）。"),
    ],
)
def test_nothing_is_left_to_load_or_to_click(text, shown):
    assert inert(text) == shown
