"""Question sets are read as they were written, and what is wrong with one is told with file and line."""

import json

import pytest

from rag.errors import QuestionSetError
from rag.eval.public_sets import read_set
from rag.eval.questions import LabelledSentence, Part, Question, write_questions
from rag.types import Turn

FULL = Question(
    "What is the leave, and who grants it?",
    "q1",
    ("25 days", 'twenty-five, "paid" days'),
    ("hr/leave.md", "hr/休假.md"),
    ("Employees have 25 days.",),
    "en",
    (Part("What is the leave?", ("25 days",)), Part("Who grants it?")),
    "in",
    (Turn("user", "Hello"), Turn("assistant", "Yes?")),
    "for people",
)
SET = [
    FULL,
    Question("年假多少天？", "q2", (), language="zh"),
    Question("Judged by nobody?", "q3", language="en"),
]


@pytest.mark.parametrize("name", ["set.csv", "set.jsonl"])
def test_what_is_written_reads_back_the_same(tmp_path, name):
    write_questions(tmp_path / name, SET)
    assert read_set(tmp_path / name) == SET


def test_there_and_back_through_a_spreadsheet(tmp_path):
    first, second, third = (tmp_path / name for name in ("a.jsonl", "b.csv", "c.jsonl"))
    write_questions(first, SET)
    write_questions(second, read_set(first))
    write_questions(third, read_set(second))
    assert third.read_bytes() == first.read_bytes()
    assert second.read_bytes().startswith(b"\xef\xbb\xbf")  # else a spreadsheet shows 年假 as noise


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_delimiter_of_another_country(tmp_path, delimiter):
    file = tmp_path / "set.csv"
    file.write_text(f"question{delimiter}answers\nWhat, please?{delimiter}this\n", "utf-8")
    (question,) = read_set(file)
    assert (question.question, question.answers) == ("What, please?", ("this",))


def test_only_the_question_must_be_there(tmp_path):
    file = tmp_path / "set.jsonl"
    file.write_text('{"question": "年假多少天？", "kind": "fact"}\n\n', "utf-8")
    (question,) = read_set(file)
    assert (question.language, question.answers, question.sources) == ("zh", None, ())
    assert question.id  # made from the question: the same in every run


def test_labelled_sentences(tmp_path):
    file = tmp_path / "set.jsonl"
    rows = [
        {"evidence": "It is red.", "sentence": "It is red.", "label": "supported", "domain": "paint"},
        {"evidence": ["It is red.", "It is old."], "sentence": "It is new.", "label": False, "id": 7},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    first, second = read_set(file)
    assert (first.supported, first.evidence, first.language) == (True, ("It is red.",), "en")
    assert first.domain == "paint"
    assert second == LabelledSentence(
        "It is new.", ("It is red.", "It is old."), False, "7", "en", domain="set"
    )


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.jsonl", '{"question": "x?"}\n{"question"', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", "[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", '{"evidence": "x", "sentence": " ", "label": 1}\n', "line 1: sentence: is empty"),
        ("a.jsonl", '{"question": "x?", "answer": ["y"]}\n', "line 1: answer: is answers meant?"),
        ("a.jsonl", '{"question": " "}\n', "line 1: question: is empty"),
        ("a.jsonl", '{"id": "1"}\n', "line 1: question: Field required"),
        ("a.jsonl", '{"question": "x?", "topic": "maybe"}\n', "line 1: topic: Input should be 'in', 'out'"),
        (
            "a.jsonl",
            '{"question": "x?", "id": 1}\n{"question": "y?", "id": 1}\n',
            "line 2: the id 1 is there",
        ),
        ("a.jsonl", '{"evidence": "e", "sentence": "s", "label": "perhaps"}\n', "line 1: label: 'perhaps'"),
        ("a.jsonl", '{"evidence": "e", "sentence": "s"}\n', "line 1: label: None"),
        ("a.jsonl", "\n", "a.jsonl holds no questions"),
        (
            "a.jsonl",
            '{"question": "x?"}\n{"evidence": "e", "sentence": "s", "label": 1}\n',
            "mixes questions and labelled sentences",
        ),
        ("a.csv", "question,parts\nx?,\nz?,not json\n", "a.csv, line 3: Expecting value"),
        ("a.csv", "question,id\nx?,1,2\n", "a.csv, line 2: it has more cells"),
        ("a.json", "{", "a.json, line 1: not JSON"),
        ("a.json", '{"version": 1}', "a.json is not in SQuAD's form"),
        ("a.json", '{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": 1}]}]}]}', "question 1 lacks"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, name, text, told):
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(QuestionSetError) as raised:
        read_set(tmp_path / name)
    assert told in raised.value.message
    assert raised.value.remedy


@pytest.mark.parametrize("name", ["none.jsonl", "none.json"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(QuestionSetError, match="cannot be read: No such file"):
        read_set(tmp_path / name)


def test_a_file_in_another_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes("question\n年假多少天？\n".encode("gb18030"))
    with pytest.raises(QuestionSetError, match="not UTF-8"):
        read_set(tmp_path / "a.csv")


def test_squad_s_form(tmp_path):
    qas = [
        {"id": "a", "question": "Who?", "answers": [{"text": "Ann"}, {"text": "Ann"}, {"text": "Ann B."}]},
        {"id": "b", "question": "Where?", "is_impossible": True, "answers": [], "plausible_answers": []},
    ]
    context = "Die Leitung des Hauses hat Ann B. seit dem Jahr 2020."
    file = tmp_path / "set.json"
    file.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}), "utf-8")
    assert read_set(file) == [
        Question("Who?", "a", ("Ann", "Ann B."), passages=(context,), language="de"),
        Question("Where?", "b", (), language="de"),
    ]


def ragtruth(folder, *responses):
    sources = [
        {"source_id": "1", "task_type": "Summary", "source_info": "It is red. It is old."},
        {
            "source_id": "2",
            "task_type": "QA",
            "source_info": {"question": "?", "passages": "p1: a\n\np2: b\n\n"},
        },
        {"source_id": "3", "task_type": "Data2txt", "source_info": {"name": "Café"}},
    ]
    for name, rows in (("source_info", sources), ("response", responses)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return read_set(folder)


def test_ragtruth_s_form(tmp_path):
    text = "It is red. It is new, they say. So it is."
    marked = [{"start": text.index("new"), "end": text.index("new") + 3, "label_type": "Evident Conflict"}]
    row = {
        "id": "r",
        "source_id": "1",
        "labels": marked,
        "split": "test",
        "quality": "good",
        "response": text,
    }
    found = ragtruth(
        tmp_path,
        row,
        {**row, "id": "cut", "quality": "truncated"},
        {**row, "id": "t", "split": "train"},
        {**row, "id": "q", "source_id": "2", "labels": [], "response": "Yes."},
        {**row, "id": "d", "source_id": "3", "labels": [], "response": "No."},
    )
    assert [(s.id, s.sentence, s.supported) for s in found] == [
        ("r-0", "It is red.", True),
        ("r-11", "It is new, they say.", False),
        ("r-32", "So it is.", True),
        ("q-0", "Yes.", True),
        ("d-0", "No.", True),
    ]
    assert [s.evidence for s in found[2:]] == [
        ("It is red. It is old.",),
        ("p1: a", "p2: b"),
        ('{\n "name": "Café"\n}',),
    ]
    assert {s.domain for s in found} == {tmp_path.name}


def test_ragtruth_with_a_source_that_is_not_there(tmp_path):
    row = {"id": "r", "source_id": "9", "labels": [], "quality": "good", "response": "x"}
    with pytest.raises(QuestionSetError, match=r"response\.jsonl, line 1: lacks '9'"):
        ragtruth(tmp_path, row)
