"""A change is called better or worse when the questions say so, and undecided when they do not."""

import json

import pytest

from rag.errors import QuestionSetError
from rag.eval.compare import compare, write_comparison
from rag.eval.questions import Question
from rag.eval.run import RunFolder
from tests.fakes.evaluation import answered

COUNT = 40


def run(folder, right, ms=10.0, language="en", answers=("yes",)):
    """A run in which the first ``right`` of the questions are answered as expected."""
    made = RunFolder(folder, {})
    for i in range(COUNT):
        question = Question(f"question {i} ({language})?", f"{language}{i}", answers, language=language)
        made.add(answered(question, "yes" if i < right else "no", ms=ms + i % 3))
    return folder


def verdicts(found, name="contains the answer"):
    return {one.language: one.verdict for one in found if one.name == name}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(20, 38, "better"), (38, 20, "worse"), (20, 21, "undecided"), (30, 30, "undecided")],
)
def test_a_measure_that_should_be_high(tmp_path, before, after, expected):
    found = compare(run(tmp_path / "a", before), run(tmp_path / "b", after))
    (one,) = (one for one in found if one.name == "contains the answer")
    assert (one.a, one.b, one.n) == (before / COUNT, after / COUNT, COUNT)
    assert one.difference == pytest.approx(one.b - one.a)
    assert one.low <= one.difference <= one.high
    assert one.verdict == expected


def test_a_measure_that_should_be_low(tmp_path):
    a, b = run(tmp_path / "a", 20), run(tmp_path / "b", 20, ms=30.0)
    assert verdicts(compare(a, b), "answer, p50, ms") == {"all": "worse"}
    assert verdicts(compare(b, a), "answer, p50, ms") == {"all": "better"}


def test_pairing_finds_what_two_separate_intervals_would_not(tmp_path):
    """Five more of forty are right: unpaired, the intervals overlap widely."""
    found = compare(run(tmp_path / "a", 20), run(tmp_path / "b", 26))
    assert verdicts(found) == {"all": "better"}


def test_each_language_for_itself(tmp_path):
    for name, english, chinese in (("a", 20, 38), ("b", 38, 20)):
        run(tmp_path / name, english, language="en")
        run(tmp_path / name, chinese, language="zh")
    found = compare(tmp_path / "a", tmp_path / "b")
    assert verdicts(found) == {"all": "undecided", "en": "better", "zh": "worse"}


def test_only_questions_that_both_hold(tmp_path):
    run(tmp_path / "a", 20)
    run(tmp_path / "a", 20, language="zh")
    found = compare(tmp_path / "a", run(tmp_path / "b", 38))
    assert {one.n for one in found} == {COUNT}


def test_runs_of_other_questions(tmp_path):
    a, b = run(tmp_path / "a", 20), run(tmp_path / "b", 20, answers=("corrected",))
    with pytest.raises(QuestionSetError, match="share no question"):
        compare(a, b)


def test_written(tmp_path):
    a, b = run(tmp_path / "a", 20), run(tmp_path / "b", 38)
    found = compare(a, b)
    write_comparison(tmp_path / "out" / "c.json", a, b, found)
    told = json.loads((tmp_path / "out" / "c.json").read_text("utf-8"))
    assert [one["verdict"] for one in told["differences"]] == [one.verdict for one in found]
    write_comparison(tmp_path / "c.html", a, b, found)
    page = (tmp_path / "c.html").read_text("utf-8")
    assert '<td class="better">better</td>' in page
    assert "contains the answer" in page
