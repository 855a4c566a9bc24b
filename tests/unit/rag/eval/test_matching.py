"""What counts as right, in scripts with and without blanks."""

import pytest

from rag.eval.matching import holds, is_source, relevant, same_words, token_f1
from rag.eval.questions import Question


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("They have 25 days.", ["25 Days"], True),
        ("They have 25 days.", ["26 days", "25"], True),
        ("员工有２５天年假。", ["25 天"], True),
        ("總經理批准", ["总经理"], True),
        ("They have 25 days.", ["26 days"], False),
        ("They have 25 days.", [], False),
    ],
)
def test_holds(text, answers, expected):
    assert holds(text, answers) is expected


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("25 days [1]", ["25 days"], 1.0),
        ("They have 25 days", ["25 days"], 2 * 2 / (4 + 2)),
        ("年假25天", ["25天"], 2 * 2 / (4 + 2)),  # tokens: 年 假 25 天
        ("They have 25 days", ["30 weeks", "25"], 2 * 1 / (4 + 1)),
        ("a a b", ["a"], 2 * 1 / (3 + 1)),
        ("nothing", ["25 days"], 0.0),
        ("", ["25 days"], 0.0),
    ],
)
def test_token_f1(text, answers, expected):
    assert token_f1(text, answers) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["d1", "Leave", "file:///srv/hr/leave.md", "hr/leave.md", "/hr/leave.md"])
def test_a_source_by_any_of_its_names(name):
    assert is_source(name, "d1", "Leave", "file:///srv/hr/leave.md")


@pytest.mark.parametrize("name", ["leave", "ave.md", "srv/hr", "d"])
def test_a_source_is_not_taken_for_another(name):
    assert not is_source(name, "d1", "Leave", "file:///srv/hr/leave.md")


PASSAGE = "Employees have 25 days of leave. It is granted by the head. It may be carried over."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PASSAGE, True),
        ("Employees have 25 days of leave.", True),
        (f"A first paragraph. {PASSAGE} A last one.", True),
        ("It is granted by the head. It may be carried over. End.", True),
        ("Another paragraph that is quite long indeed. It may be carried over.", False),
        ("", False),
    ],
)
def test_same_words(text, expected):
    assert same_words(text, PASSAGE) is expected


def test_sources_come_before_passages():
    about = ("d1", "Leave", "hr/leave.md", PASSAGE)
    assert relevant(Question("?", sources=("x.md", "leave.md"), passages=(PASSAGE,)), *about) == [1]
    assert relevant(Question("?", sources=("x.md",), passages=(PASSAGE,)), *about) == []
    assert relevant(Question("?", passages=("Other.", PASSAGE)), *about) == [1]
    assert relevant(Question("?"), *about) == []
