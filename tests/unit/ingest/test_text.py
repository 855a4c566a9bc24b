import pytest

from rag.errors import UnreadableFileError


def test_first_line_is_the_title(outline):
    text = "差旅管理办法\n\n第一章 总则\n\n第一条 为规范差旅管理，制定本办法。\n\n"
    text += "第二条 住宿标准为每晚六百元。\n"
    assert outline("a.txt", text.encode("gb18030")) == [
        ("heading", "", "差旅管理办法"),
        ("heading", "差旅管理办法", "第一章 总则"),
        ("text", "差旅管理办法 > 第一章 总则 > 第一条", "第一条 为规范差旅管理，制定本办法。"),
        ("text", "差旅管理办法 > 第一章 总则 > 第二条", "第二条 住宿标准为每晚六百元。"),
    ]


def test_title_and_language(read):
    document = read("a.txt", "打合せ議事録\n\n来週の会議は中止です。\n".encode("shift_jis"))
    assert (document.title, document.language, document.mime) == ("打合せ議事録", "ja", "text/plain")
    lone = read("Meeting 5 May.txt", b"The meeting was moved to Friday.")
    assert (lone.title, lone.text) == ("Meeting 5 May", "The meeting was moved to Friday.")
    assert lone.id == read("Meeting 5 May.txt", b"Something else entirely.").id


def test_one_line_per_paragraph_is_kept_apart(outline):
    lines = [
        "This whole paragraph stands on one line, however long it may be. It has two sentences. " * 3
    ] * 3
    found = outline("a.txt", "\n".join(lines).encode())
    assert [text for _, _, text in found] == [line.strip() for line in lines]


def test_text_without_words_is_refused(read):
    with pytest.raises(UnreadableFileError, match="no text in it"):
        read("a.txt", b" \n\n\t\n")


def test_control_characters_and_blanks(read):
    document = read(
        "a.txt", "Zero\u200bwidth and so\u00adft hyphen,\u00a0hard  blank.\r\nCafe\u0301".encode()
    )
    assert document.text == "Zerowidth and soft hyphen, hard blank.\n\nCafé"
