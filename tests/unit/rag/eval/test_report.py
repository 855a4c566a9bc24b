"""The report is one page that needs nothing else, and says the same as its JSON."""

import json
import math
import xml.etree.ElementTree as ET

import pytest

from rag.eval.plot import Curve, draw
from rag.eval.questions import Question
from rag.eval.report import write_report
from rag.eval.run import Asked
from tests.fakes.evaluation import answered, checked, found


def asked(i):
    about = {"language": "de" if i % 3 else "zh", "topic": "in" if i % 2 else "out"}
    question = Question(f"<b>Frage</b> {i}?", str(i), ("ja",) if i % 2 else (), ("a.md",), **about)
    text = "ja" if i % 4 else "nein & <i>aber</i>"
    scores = {"answerable": i / 12, "scope": i / 12}
    return answered(question, text, passages=[found("x/a.md")], cited=[("x/a.md", "ja")], **scores)


RESULTS = [asked(i) for i in range(12)]


def written(folder, results, **about):
    write_report(folder, results, about)
    told = json.loads((folder / "report.json").read_text("utf-8"))
    return told, (folder / "report.html").read_text("utf-8")


def test_the_page_needs_nothing_else(tmp_path):
    _, page = written(tmp_path, RESULTS, questions="set.jsonl")
    for outside in ("<script", "<link", "src=", "href=", "url(", "@import", "http:", "https:"):
        assert outside not in page
    assert "prefers-color-scheme: dark" in page
    assert "<h1>Evaluation: set.jsonl</h1>" in page
    assert "$" not in page


def test_what_was_asked_and_answered_is_escaped(tmp_path):
    _, page = written(tmp_path, RESULTS)
    assert "<b>Frage" not in page
    assert "&lt;b&gt;Frage&lt;/b&gt; 2?" in page
    assert "nein &amp; &lt;i&gt;aber&lt;/i&gt;" in page


def test_json_and_page_tell_the_same(tmp_path):
    told, page = written(tmp_path, RESULTS, generator="tiny")
    assert told["about"] == {"generator": "tiny"}
    assert told["verdicts"] == {"quoted": 12}
    assert {f["language"] for f in told["figures"]} == {"all", "de", "zh"}
    for figure in told["figures"]:
        value = figure["value"]
        assert (f"{value:,.0f}" if value >= 10 else f"{value:.3f}") in page
    assert [curve["title"] for curve in told["curves"]] == [
        "Risk and coverage", "Is it there? ROC", "Is it about that? ROC", "Time of an answer",
    ]  # fmt: skip
    assert page.count("<svg") == 4


def test_labelled_sentences(tmp_path):
    told, page = written(tmp_path, [checked(f"s{i}", i > 3, i / 10, i > 4) for i in range(10)])
    assert told["verdicts"] == {"unsupported": 5, "supported": 5}
    assert [curve["title"] for curve in told["curves"]] == [
        "Is the sentence supported? ROC", "Reliability of the score",
    ]  # fmt: skip
    assert "AUROC of the length alone" in page


def test_questions_that_could_not_be_asked_are_named(tmp_path):
    failed = Asked(Question("?" * 3000, "long", language="en"), None, error="The question is too long.")
    told, page = written(tmp_path, [*RESULTS, failed])
    assert told["not_asked"] == [{"id": "long", "error": "The question is too long."}]
    assert "long: The question is too long." in page


@pytest.mark.parametrize(
    ("most", "ceiling"), [(0.4, "1"), (1.0, "1"), (7, "10"), (180, "200"), (4200, "5000")]
)
def test_a_plot_is_valid_and_keeps_within_its_frame(most, ceiling):
    points = [(most * i / 999, i / 999) for i in range(1000)]
    svg = draw(Curve("a < b", "x", "y", {"one": points, "two": [(0.0, 0.0)]}, diagonal=True))
    figure = ET.fromstring(svg)
    assert figure.find("figcaption").text == "a < b"
    assert ceiling in [text.text for text in figure.iter("text")]
    one, two = figure.iter("polyline")
    drawn = [tuple(map(float, point.split(","))) for point in one.get("points").split()]
    assert drawn[0] == (48.0, 240.0)
    assert drawn[-1][0] <= 362
    assert drawn[-1][1] == 12.0
    assert len(drawn) == 200
    assert math.isclose(drawn[-1][0], 48 + 314 * most / float(ceiling), abs_tol=0.06)
    assert len(two.get("points").split()) == 1
