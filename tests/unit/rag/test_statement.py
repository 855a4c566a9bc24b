import pytest

from rag.statement import ALIKE, counterpart, differ, likeness

RATES = [
    "The maximum hotel rate is EUR 140 per night.",
    "For Osaka the maximum is EUR 180 per night.",
    "Ask first.",
]


def test_likeness_is_that_of_the_words_without_numbers():
    assert likeness("The rate is EUR 140.", "The rate is EUR 165.") == 1.0
    assert likeness("second class trains", "first class trains") == pytest.approx(2 / 3)
    assert likeness("trains", "ships") == 0.0
    assert likeness("", "ships") == 0.0
    assert likeness("第三条 年休假五天", "第四条 年休假五天") == 1.0


def test_the_sentence_that_speaks_of_the_same_thing():
    assert counterpart("The maximum hotel rate is EUR 165 per night including breakfast.", RATES) == 0
    assert counterpart("For Osaka and London the maximum is EUR 210 per night.", RATES) == 1
    assert counterpart("Claims are due after 30 days.", RATES) is None
    assert counterpart("Claims", []) is None
    assert 0.5 < ALIKE < 0.75


def test_of_rows_that_differ_in_numbers_only_the_one_with_the_same_numbers():
    rows = ["0 to 8 hours | EUR 5", "8 to 24 hours | EUR 18", "24 to 48 hours | EUR 30"]
    assert counterpart("8 to 24 hours | EUR 22", rows) == 1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The rate is EUR 165.", "The rate is EUR 140."),
        ("Less than five hours by train.", "Less than four hours by train."),
        ("Claims are due in 30 days.", "Claims are due in 60 days, with receipts."),
        ("Flying is reimbursed.", "Flying is not reimbursed."),
        ("Trips are approved by Anna Berg.", "Trips are approved by Bo Lund."),
        ("Trains are booked in first class by all.", "Trains are booked in second class by all."),
        ("最多可结转5天，逾期作废。", "最多可结转3天，逾期作废。"),
        ("可以在线申请年休假。", "不可以在线申请年休假。"),
        (
            "请假须在三个工作日以前申请，经直接主管批准后生效。",
            "请假须在三个工作日以前申请，经部门经理批准后生效。",
        ),
        ("病假两天以内的，可凭本人说明办理。", "病假一天以内的，可凭本人说明办理。"),
    ],
)
def test_disagreements(a, b):
    assert differ(a, b, "zh" if a[0] > "z" else "en")
    assert differ(b, a, "zh" if a[0] > "z" else "en")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The rate is EUR 165.", "the rate is  165 EUR"),
        ("3. The rate is EUR 165.", "4. The rate is EUR 165."),
        ("The colour of the cover is grey.", "The color of the cover is grey."),
        ("The line manager's approval is needed.", "The line manager’s approval is needed."),
        (
            "Trips are approved by the head of department as well.",
            "Trips are approved by the head of department.",
        ),
        ("Claims are due within 30 days.", "Claims are due within thirty days."),
        ("第三条 年休假最多结转5天。", "第四条 年休假最多结转五天。"),
        ("须登录系统，填写帐号。", "须登录系统，填写账号。"),
        ("應提前三個工作日申請。", "应提前三个工作日申请。"),
        ("未休完的年休假作废。", "未休完的年休假作废"),
    ],
)
def test_spelling_numbering_and_additions_are_none(a, b):
    assert not differ(a, b, "zh" if a[0] > "z" else "en")
    assert not differ(b, a, "zh" if a[0] > "z" else "en")
