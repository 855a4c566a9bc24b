import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import sentences


def cut(text):
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        # English
        ["It runs.", "It stops!", "Does it?", "Yes…"],
        ["Dr. Smith came at 5 p.m. on Monday.", "He left."],
        ["It costs 3.5 million, e.g. in the U.S. market.", "That is a lot."],
        ['"Really?" she asked.', "He nodded."],
        ['He said "Stop."', "Then he left."],
        ["J. K. Rowling wrote it.", "She did."],
        ["See fig. 3 and no. 7.", "They differ."],
        ["Wait... what?", "Nothing."],
        # German
        ["Am 3. Oktober ist frei.", "Das gilt z. B. auch in Sachsen.", "Nr. 5 entfällt."],
        ["Die Frist beträgt ca. 14 Tage bzw. zwei Wochen.", "Danach verfällt sie."],
        ["Im 3. Quartal stieg der Umsatz.", "Im 4. auch."],
        # French, Spanish, Russian
        ["Mme Dupont et M. Durand sont venus.", "Ils sont partis."],
        ["El Sr. López llegó.", "¿Cuándo?", "Ayer."],
        ["Это стоит 5 млн. рублей, т.е. много.", "Дорого!"],
        # Chinese and Japanese need no blank
        ["报销须在三十天内提交。", "逾期不予受理！", "为什么？"],
        ["他说：“可以。”", "然后走了。"],
        ["限额为1.5万元；超出部分自理。", "完。"],
        ["ポンプを止める。", "「なぜですか？」", "弁を閉める。"],
        # others
        ["यह पंप है।", "यह चलता है।"],
        ["ما هذا؟", "هذه مضخة."],
        ["펌프를 멈추세요.", "밸브를 닫으세요."],
    ],
)
def test_sentences(expected):
    blank = "" if expected[0][-1] in "。！？" else " "
    assert cut(blank.join(expected)) == expected


def test_lines_end_sentences():
    assert cut("Scope\n  The rule holds \n\n- first item\n- second") == [
        "Scope",
        "The rule holds",
        "- first item",
        "- second",
    ]


def test_a_numbered_line_is_one_sentence():
    assert cut("2. Antrag stellen\n3. Warten") == ["2. Antrag stellen", "3. Warten"]


def test_offsets_count_code_points():
    text = "😀 One.  Two."
    assert sentences(text) == [(0, 6), (8, 12)]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t"])
def test_blanks_hold_no_sentence(text):
    assert sentences(text) == []


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(".!?。！？…\n\"'”) A1一"))))
def test_spans_are_ordered_disjoint_trimmed_and_leave_nothing_out(text):
    spans = sentences(text)
    at = 0
    for start, end in spans:
        assert at <= start < end <= len(text)
        assert not text[at:start].strip()
        assert text[start:end] == text[start:end].strip()
        at = end
    assert not text[at:].strip()


@given(st.text(alphabet=st.sampled_from("ab. 。\n!?1A")))
def test_a_sentence_cut_alone_holds_no_line_end(text):
    for start, end in sentences(text):
        assert "\n" not in text[start:end]
