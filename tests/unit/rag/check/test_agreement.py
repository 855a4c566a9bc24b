import pytest

from rag.check.agreement import objection
from rag.check.facts import Facts

PARKING = "Parking fees are not refunded."
LEAVE = "Employees have 25 days of annual leave."


@pytest.mark.parametrize(
    "sentence, evidence, spoken, reason",
    [
        (LEAVE, LEAVE, "en", ""),
        ("Employees have 28 days of annual leave.", LEAVE, "en", "number not in the evidence: 28"),
        ("Ask Peter Keller.", "Ask Maria Keller.", "en", "name not in the evidence: Peter"),
        (
            "Sales of pumps rose.", "For pumps, the sales of the whole year fell.", "en",
            "turns a comparison of the evidence round",
        ),
        ("Parking fees are refunded.", PARKING, "en", "denies or affirms otherwise than the evidence"),
        ("Refunds of fees: none.", "Fees are paid back.", "en", "denies what the evidence does not deny"),
        ("We refund parking.", "For parking, no refund is due.", "en", "affirms what the evidence denies"),
        (
            "Visitors from Cork pay for parking.", "Visitors from Dublin pay for parking, those of Cork not.",
            "en", "“Cork” where the evidence says “Dublin”",
        ),
        ("停车费由财务部报销。", "停车费由人事部报销。", "zh", "“财务” where the evidence says “人事”"),
        # words of two languages cannot be compared, numbers and denials can
        ("员工每年有25天年假。", LEAVE, "", ""),
        ("员工每年有28天年假。", LEAVE, "", "number not in the evidence: 28"),
        ("员工没有年假。", LEAVE, "", "denies what the evidence does not deny"),
    ],
)  # fmt: skip
def test_objections(sentence, evidence, spoken, reason):
    assert objection(Facts(sentence, [evidence], [evidence], spoken)) == reason
