import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import fold, standing_terms, terms


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Straße", "strasse"),
        ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"),
        ("ﬁle", "file"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("㎡", "m2"),
        ("報銷", "报销"),
        ("臺灣經銷商", "台湾经销商"),
        ("公司规定", "公司规定"),
        ("ΣΑΣ", "σασ"),
        ("", ""),
    ],
)
def test_what_is_the_same_to_readers_is_folded_to_the_same(written, folded):
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The pump's seal", ["the", "pump's", "pump", "s", "seal"]),
        ("e-mail us", ["e-mail", "e", "mail", "us"]),
        ("1,200 EUR", ["1,200", "1", "200", "eur"]),
        ("HS-900", ["hs-900", "hs", "900"]),
        ("v2.4.1", ["v2.4.1", "v2", "4", "1"]),
        ("end. Next, word", ["end", "next", "word"]),
        ("snake_case", ["snake", "case"]),
        ("报销上限", ["报销", "销上", "上限"]),
        ("泵", ["泵"]),
        ("使用HS-900泵", ["使用", "hs-900", "hs", "900", "泵"]),
        ("出差，住宿费", ["出差", "住宿", "宿费"]),
        ("ポンプを交換", ["ポン", "ンプ", "プを", "を交", "交换"]),
        ("人々", ["人々"]),
        ("Größe", ["grösse"]),
        ("насос 5", ["насос", "5"]),
        ("المضخة", ["المضخة"]),
        ("펌프 교체", ["펌프", "교체"]),
        ("  …!? ", []),
    ],
)
def test_terms(text, expected):
    assert terms(text) == expected


def test_traditional_and_simplified_give_the_same_terms():
    assert terms("報銷單據須於三十日內提交") == terms("报销单据须于三十日内提交")


def test_half_and_full_width_give_the_same_terms():
    assert terms("ＨＳ－９００のﾎﾟﾝﾌﾟ") == terms("HS-900のポンプ")


@given(st.text())
def test_terms_hold_no_blanks_and_are_never_empty(text):
    for term in terms(text):
        assert term
        assert not any(c.isspace() for c in term)


PIECES = st.text(st.sampled_from("aE1 .,'-éß水泵温溫。ー々\n"), max_size=12)


@given(PIECES, PIECES)
def test_which_terms_stand_in_a_text(text, other):
    wanted = set(terms(other)) | set(terms(text)[:3])
    assert standing_terms(wanted, text) == wanted & set(terms(text))
