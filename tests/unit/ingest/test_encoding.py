import pytest

from ingest.parse_text import decode
from rag.errors import UnreadableFileError

ZH = "员工应当在每年三月以前提交休假申请，逾期不予受理。"
JA = "社員は出張後三十日以内に精算書を提出しなければならない。カタカナも含む。"
TW = "員工應當在每年三月以前提交休假申請，逾期不予受理。"
KO = "직원은 출장 후 삼십일 이내에 정산서를 제출해야 한다."
DE = "Die Übernachtung kostet höchstens 120 Euro; für Zürich gilt eine größere Spanne."
RU = "Сотрудник обязан подать заявление на отпуск до первого марта каждого года."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ZH, "utf-8"), (ZH, "utf-8-sig"), (ZH, "utf-16"), (ZH + "\n" + DE, "utf-16-le"),
        (DE, "utf-16-be"), (DE, "utf-32"),
        (ZH, "gb18030"), (ZH, "gbk"), ("差旅费", "gb18030"), ("第一章 总则\n" + ZH * 20, "gb18030"),
        (JA, "shift_jis"), (JA, "euc_jp"), (TW, "big5"), (KO, "cp949"),
        (DE, "cp1252"), (DE * 9, "latin-1"), (RU * 3, "cp1251"), ("plain ASCII only", "ascii"),
    ],
)  # fmt: skip
def test_text_comes_back_from_its_encoding(text, encoding):
    assert decode(text.encode(encoding))[0] == text


def test_broken_bytes_in_good_utf8_are_replaced():
    text, encoding = decode(ZH.encode() + b"\xff\xfe" + ZH.encode())
    assert (text, encoding) == (ZH + "\ufffd\ufffd" + ZH, "utf-8")


def test_binary_is_refused():
    with pytest.raises(UnreadableFileError, match="binary data, not text"):
        decode(bytes(range(256)) * 20)
