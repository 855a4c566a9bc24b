import pytest

from rag.check.labels import Example, read_labels
from rag.errors import LabelsError

EXAMPLES = [
    Example("The pump, HS-900, runs.", "泵在运行。", True, "hr"),
    Example("", 'It "stops".', False, "all"),
]


def test_json_lines(tmp_path):
    file = tmp_path / "labels.jsonl"
    file.write_text(
        '{"evidence": "The pump, HS-900, runs.", "sentence": "泵在运行。", "label": true, "domain": "hr"}\n\n'
        '{"sentence": "It \\"stops\\".", "label": 0}\n',
        "utf-8",
    )
    assert read_labels(file) == EXAMPLES


def test_csv(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text(
        '\ufeffdomain,label,evidence,sentence\r\nhr,1,"The pump, HS-900, runs.",泵在运行。\r\n'
        ',False,,"It ""stops""."\r\n',
        "utf-8",
    )
    assert read_labels(file) == EXAMPLES


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"sentence": "a", "label": 1}\n{"sentence": "a"', "Line 2 is not JSON"),
        ('{"sentence": "a", "label": 2}', "line 1: the label is 2"),
        ('{"sentence": "a"}', "the label is None"),
        ('{"sentence": " ", "label": 1}', "there is no sentence"),
        ("[1]", "there is no sentence"),
        ("", "holds no examples"),
    ],
)
def test_what_cannot_be_used(tmp_path, text, message):
    file = tmp_path / "labels.jsonl"
    file.write_text(text, "utf-8")
    with pytest.raises(LabelsError, match=message):
        read_labels(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LabelsError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")
