import pytest

from rag.check.wording import NEAR, Repetition

LEAVE = "Employees in Dublin have 25 days of annual leave, and those in Shenzhen have 20 days."
STEEL = "首钢集团有限公司是北京市的国有独资公司，总部设在石景山区。"


def changed(sentence, *evidence):
    return [said for said, _ in Repetition(sentence).nearest(evidence).exchanged]


@pytest.mark.parametrize(
    "sentence, evidence",
    [
        ("Employees in Dublin have 25 days of annual leave.", LEAVE),
        ("Employees in Dublin have 25 days of yearly leave, and those in Shenzhen have 20 days.", LEAVE),
        ("首钢集团有限公司是北京市的国有公司。", STEEL),
        ("首钢集团有限公司的总部设在石景山区。", STEEL),
        ("报销单须在三十天内提交给财务部。", "报销单须在30天内提交给财务部。"),
        ("泵每3个月保养一次。", "泵每三个月保养一次。"),
        ("The fee of 1200 euros is due at once.", "The fee of 1,200 euros is due at once."),
        ("Yes, the pump is serviced in March.", "The pump is serviced in March."),
        ("The pumps were all serviced by Miller's team.", "The pump was all serviced by Miller’s team."),
    ],
)
def test_what_is_left_out_or_said_in_other_words_is_no_exchange(sentence, evidence):
    found = Repetition(sentence).nearest([evidence])
    assert found.share >= NEAR
    assert not found.exchanged
    assert not found.denied


@pytest.mark.parametrize(
    "sentence, evidence, said",
    [
        # both names stand in the evidence
        ("Employees in Shenzhen have 25 days of annual leave.", LEAVE, "Shenzhen"),
        (
            "Employees in Dublin have 20 days of annual leave, and those in Shenzhen have 20 days.",
            LEAVE,
            "20",
        ),
        (
            "The Board approves travel of the staff.",
            "The Works Council approves travel of the staff.",
            "Board",
        ),
        ("The price of oil increased in the year.", "The price of oil decreased in the year.", "increased"),
        ("首钢集团有限公司是上海市的国有独资公司。", STEEL, "上海"),
        ("这两家公司都是合作伙伴。", "这三家公司都是合作伙伴。", "两"),
        ("Cards may be returned in May.", "Cards must be returned in May.", "may"),
        ("门禁卡可以在五天内归还。", "门禁卡须在五天内归还。", "可以"),
        # one character of a word that has an opposite
        ("2019年以后入职的员工每年有30天年假。", "2019年以前入职的员工每年有30天年假。", "后"),
    ],
)
def test_another_name_number_or_direction_in_the_same_place(sentence, evidence, said):
    assert said in "".join(changed(sentence, evidence))


def test_chinese_that_is_nowhere_in_the_evidence_is_an_addition():
    assert changed("首钢集团有限公司是北京市朝阳区的国有独资公司。", STEEL) == ["朝阳区"]


@pytest.mark.parametrize(
    "sentence, evidence, denied",
    [
        ("Parking fees are refunded.", "Parking fees are not refunded.", True),
        ("Parking fees are not refunded.", "Parking fees are refunded.", True),
        ("Fees cannot be refunded later.", "Fees can be refunded later.", True),
        ("停车费予以报销。", "停车费不予报销。", True),
        ("停车费不能报销。", "停车费能报销。", True),
        # the clause that denies was left out as a whole
        ("The plan was passed.", "The plan was passed by the council, but never carried out.", False),
        ("温度不超过30度。", "温度不超过30度，湿度不限。", False),
    ],
)  # fmt: skip
def test_a_denial_put_in_or_taken_out(sentence, evidence, denied):
    assert Repetition(sentence).nearest([evidence]).denied is denied


def test_the_nearest_sentence_counts():
    found = Repetition("The filter is changed yearly.").nearest(
        ["The pump is old.", "The filter is changed yearly."]
    )
    assert found.share == 1.0


@pytest.mark.parametrize("evidence", [[], [""], ["。！"]])
def test_nothing_compares_with_nothing(evidence):
    assert Repetition("A sentence.").nearest(evidence).share == 0.0
    assert Repetition("").nearest(evidence).share == 0.0
