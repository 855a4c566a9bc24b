import pytest

from rag.text import language
from rag.text.language import _LATIN, _OTHER, _identifier


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How many days of annual leave does an employee have?", "en"),
        ("员工每年有多少天年假？", "zh"),
        ("員工每年有多少天年假？", "zh"),
        ("HS-900的VPN怎么设置？", "zh"),
        ("年次有給休暇は何日ありますか。", "ja"),
        ("ポンプ", "ja"),
        ("Wie viele Urlaubstage haben die Beschäftigten im Jahr?", "de"),
        ("Combien de jours de congé les employés ont-ils par an ?", "fr"),
        ("¿Cuántos días de vacaciones tienen los empleados al año?", "es"),
        ("Сколько дней отпуска у сотрудников в год?", "ru"),
        ("Скільки днів відпустки мають працівники щороку?", "uk"),
        ("كم عدد أيام الإجازة السنوية للموظفين؟", "ar"),
        ("कर्मचारियों को साल में कितने दिन की छुट्टी मिलती है?", "hi"),
        ("직원은 연차가 며칠입니까?", "ko"),
        ("พนักงานลาพักร้อนได้กี่วัน", "th"),
        ("Πόσες ημέρες άδειας έχουν οι υπάλληλοι;", "el"),
        ("כמה ימי חופשה יש לעובדים?", "he"),
        ("VPN?", "en"),
        ("12345 !?", "en"),
        ("", "en"),
    ],
)
def test_language(text, code):
    assert language(text) == code


def test_short_latin_text_is_english_unless_it_is_clearly_not():
    assert language("Leave?") == "en"
    assert language("Was kostet das Gerät?") == "de"


def test_the_identifier_knows_every_language_that_we_ask_it_for():
    known = {code for code, _ in _identifier().rank("text")}
    assert {*_LATIN, *(code for codes in _OTHER.values() for code in codes)} <= known
