from decimal import Decimal

import pytest

from rag.check.numbers import missing_numbers, quantities


def read(text):
    """Each quantity as (its possible values, its unit)."""
    return [({f"{value:f}" for value in q.values}, q.unit) for q in quantities(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25 days", [({"25"}, "day")]),
        ("二十五天", [({"25"}, "day")]),
        ("２５ days", [({"25"}, "day")]),
        ("twenty-five days", [({"25"}, "day")]),
        ("1,200", [({"1200", "1.2"}, "")]),
        ("1.200 EUR", [({"1200", "1.2"}, "eur")]),
        ("1.200,50 €", [({"1200.5"}, "eur")]),
        ("1,200.50", [({"1200.5"}, "")]),
        ("1’200", [({"1200"}, "")]),
        ("1\u202f200 €", [({"1200"}, "eur")]),
        ("12\u00a0345\u00a0678", [({"12345678"}, "")]),
        ("1,200,000", [({"1200000"}, "")]),
        ("0,5", [({"0.5"}, "")]),
        ("3.14159", [({"3.14159"}, "")]),
        ("百分之三十", [({"30"}, "percent")]),
        ("30%", [({"30"}, "percent")]),
        ("30 per cent", [({"30"}, "percent")]),
        ("five percent", [({"5"}, "percent")]),
        ("1.5万", [({"15000"}, "")]),
        ("1.5万元", [({"15000"}, "cny")]),
        ("一万五千元", [({"15000"}, "cny")]),
        ("三万五千二百", [({"35200"}, "")]),
        ("一千零五", [({"1005"}, "")]),
        ("一亿", [({"100000000"}, "")]),
        ("1.2 million", [({"1200000"}, "")]),
        ("1,2 Mio. €", [({"1200000"}, "")]),
        ("二〇二六年", [({"2026"}, "")]),
        ("3月5日", [({"3"}, ""), ({"5"}, "")]),
        ("March 5", [({"5"}, ""), ({"3"}, "")]),
        ("5. März 2026", [({"5"}, ""), ({"2026"}, ""), ({"3"}, "")]),
        ("2026-03-05", [({"2026"}, ""), ({"3"}, ""), ({"5"}, "")]),
        ("05.03.2026", [({"5", "3", "2026"}, "")]),
        ("May 5", [({"5"}, ""), ({"5"}, "")]),
        ("10.0.3.1", [({"10", "0", "3", "1"}, "")]),
        ("14:30", [({"14"}, ""), ({"30"}, "")]),
        ("¥500", [({"500"}, "cny")]),
        ("500円", [({"500"}, "jpy")]),
        ("5美元", [({"5"}, "usd")]),
        ("两周", [({"2"}, "week")]),
        ("三个月", [({"3"}, "month")]),
        ("30分間", [({"30"}, "minute")]),
        ("−20 °C", [({"20"}, "celsius")]),
        ("100 m²", [({"100"}, "m2")]),
        ("100平方米", [({"100"}, "m2")]),
        ("第十二条", [({"12"}, "")]),
        ("三分之二", [({"0.666667"}, "")]),
        ("two-thirds of them", [({"0.666667"}, "")]),
        ("3 quarters", [({"0.75", "3"}, "")]),
        ("a quarter of all", [({"0.25"}, "")]),
        ("drei Viertel", [({"0.75"}, "")]),
        ("6½ days", [({"6.5"}, "day")]),
        ("8 1⁄2", [({"8.5"}, "")]),
        ("thirty thousand", [({"30000"}, "")]),
        ("five million people", [({"5000000"}, "")]),
        ("two hundred and fifty-six", [({"256"}, "")]),
        ("a dozen", [({"12"}, "")]),
        ("fünf Millionen", [({"5000000"}, "")]),
        ("5 million", [({"5000000"}, "")]),
        ("5 thousand", [({"5000"}, "")]),
        ("390 миллиардов", [({"390000000000"}, "")]),
        ("30 مليون", [({"30000000"}, "")]),
        ("22،000", [({"22000", "22"}, "")]),
        ("三万亿", [({"3000000000000"}, "")]),
        ("£30m", [({"30000000"}, "gbp")]),
        ("30 m", [({"30"}, "m")]),
        ("30 to 50 thousand", [({"30", "30000"}, ""), ({"50000"}, "")]),
        ("3到5万", [({"3", "30000"}, ""), ({"50000"}, "")]),
        ("1665,1691", [({"1665"}, ""), ({"1691"}, "")]),
        ("20世纪80年代", [({"1980"}, "")]),
        ("上世纪五十年代", [({"1950"}, "")]),
        ("八十年代", [({"80", "1980"}, "")]),
        ("the 1620s", [({"1620"}, "")]),
        ("two decades", [({"20"}, "")]),
        ("五个世纪", [({"500"}, "")]),
        ("一两个", [({"12", "1", "2"}, "")]),
        ("4分51秒", [({"4"}, "minute"), ({"51"}, "second")]),
        ("308分", [({"308"}, "")]),
        ("half an hour", [({"0.5"}, "")]),
        ("总人数三千人", [({"3000"}, "")]),
        ("不同的两个，同两人、单三天", [({"2"}, ""), ({"2"}, ""), ({"3"}, "day")]),
        ("50 Cent", [({"50"}, "")]),
        # what only looks like a number
        ("You may leave", []),
        ("one of them", []),
        ("一些员工", []),
        ("万一发生，千万不要", []),
        ("eine Woche", []),
        ("几十年来，数百人", []),
        ("唯一一场", []),
        ("四分卫", []),
        ("三元组", []),
        ("Thousand Oaks", []),
        ("millions of people", []),
        ("a third party", []),
    ],
)
def test_values_and_units(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("sentence", "evidence", "missing"),
    [
        ("Employees have 25 days.", "员工享有二十五天年假。", []),
        ("员工有25天年假。", "Employees have twenty-five days of leave.", []),
        ("The limit is 1,200 yuan.", "上限为1200元。", []),
        ("The limit is 1.200,50 €.", "The limit is 1,200.50 EUR.", []),
        ("Das sind 1 200 €.".replace(" 200", "\u202f200"), "1.200 €", []),
        ("比例为30%。", "比例为百分之三十。", []),
        ("预算为15000元。", "预算为1.5万元。", []),
        ("It starts on 5 March 2026.", "自2026年3月5日起施行。", []),
        ("Gültig ab 5. März 2026.", "2026-03-05", []),
        ("It takes 24 hours.", "It takes 48 hours.", ["24"]),
        ("It takes 24 hours.", "It takes 24 days.", ["24"]),
        ("It costs 500 USD.", "It costs 500 EUR.", ["500"]),
        ("It costs 500.", "It costs 500 EUR.", []),
        ("5% are refunded.", "5 are refunded.", ["5"]),
        ("5 percent are refunded.", "5 per cent are refunded.", []),
        # a table's number has its unit in the header
        ("It costs 12 yuan.", "型号 | 价格（元）\nA | 12", []),
        ("It takes 5 hours.", "Step | Duration (hours)\nDrying | 5", []),
        ("It takes 5 hours.", "Step 5 comes with a rush.", ["5"]),
        ("Between 10 and 20 items", "10 to 15 items", ["20"]),
        ("No number here.", "7", []),
        ("Three of 7.", "", ["7", "three"]),
        ("zero defects", "five defects", ["zero"]),
        ("一万五千元和三天", "15000 yuan", ["三"]),
    ],
)
def test_missing_numbers(sentence, evidence, missing):
    assert missing_numbers(sentence, [evidence]) == missing


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("年满18周岁的人", "Members must be at least 18."),
        ("mit 38 Jahren", "at the age of 38"),
        ("两名商人", "two businessmen"),
        ("two businessmen", "他与两位商人合作"),
        ("the three classes", "三等人"),
        ("the eleventh Doctor of 19 worlds", "第11任博士，19个世界"),
        ("第11任博士", "the Eleventh Doctor"),
        ("in the 90s", "1990年代"),
        ("in den 1940er Jahren", "20世纪40年代"),
        ("после 1940-х годов", "after the 1940s"),
        ("853 382 человек", "a population of 853,382"),
        ("1038–40", "in den Jahren 1038 und 1040"),
        ("Ludwig XIV.", "路易十四"),
        ("Super Bowl 33", "Super Bowl XXXIII"),
        ("七年战争", "the Seven Years' War"),
        ("约有三分之二的人口", "some two-thirds of the population"),
        ("人口超过500万", "a population of more than five million"),
        ("3万大军", "an army of thirty thousand"),
        ("3000 万英镑", "fees of £30m"),
        ("30.000 bis 50.000", "30 to 50 thousand"),
        ("他们两次夺冠", "they won it twice"),
        ("连接两个校区", "it connects both campuses"),
        ("此后十年", "over the following decade"),
        ("比赛还剩4分51秒", "with 4:51 left"),
        ("只丢了308分", "gave up just 308 points"),
        ("第二次总体规划", "a second master plan"),
        ("17世纪20年代", "in the 1620s"),
        ("over half of them", "占一半以上"),
        ("growth in two quarters", "两个季度都有增长"),
        ("三个季度", "in three quarters"),
        ("two officers", "双方各有军官"),
    ],
)
def test_one_number_in_two_languages(sentence, evidence):
    assert missing_numbers(sentence, [evidence]) == []


@pytest.mark.parametrize(
    ("sentence", "evidence", "missing"),
    [
        ("1038–41", "in den Jahren 1038 und 1040", ["41"]),
        ("in the 80s", "1990年代", ["80"]),
        ("in the 1880s", "in the 1980s", ["1880"]),
        ("20世纪80年代", "in the 1990s", ["1980"]),
        ("约有三分之二的人口", "three quarters of the population", ["三分之二"]),
        ("人口超过500万", "a population of more than five thousand", ["500万"]),
        ("3到5万", "30 to 40 thousand", ["5万"]),
        ("还剩4分51秒", "with 5:41 left, and 5 minutes", ["4", "51"]),
        ("854 382 человек", "a population of 853,382", ["854’382"]),
        ("Ludwig XVI.", "路易十四", ["XVI"]),
        ("三名商人", "two businessmen", ["三"]),
    ],
)
def test_another_number_in_another_language(sentence, evidence, missing):
    assert missing_numbers(sentence, [evidence]) == missing


def test_any_of_the_evidence_will_do():
    assert missing_numbers("3 days and 4 weeks", ["4 weeks", "3 days"]) == []


def test_values_are_exact():
    assert quantities("0.1")[0].values == {Decimal("0.1")}
