import pytest

from ingest.subject import clash, facts, filled_in, is_record, subject

TEXT = "员工出差须经部门经理批准。" * 5


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Travel Policy 2024", "travel_policy-2026 (FINAL)", True),
        ("Policy for the Travel", "Policy of Travel", True),
        ("Travel Policy", "Leave Policy", False),
        ("HS-410 manual v2", "HS-900 manual v2", False),
        ("Part 1", "Part 2", False),
        ("第3章 安全", "第4章 安全", False),
        ("Minutes 2026-04-03", "Minutes 2026-04-10", False),
        ("Minutes 2026-04-03 draft", "Minutes 2026-04-03 final", True),
        ("Release notes 2.1", "Release notes 2.2", False),
        ("休假管理办法（2023年版）", "休假管理暂行办法", True),
        ("2024-05-01", "2024-05-02", False),
    ],
)
def test_titles(a, b, same):
    assert (subject(a, TEXT, "zh") == subject(b, TEXT, "zh")) is same


def test_language_and_script_belong_to_the_subject():
    assert subject("Rules", TEXT, "zh") != subject("Rules", TEXT, "ja")
    traditional = "員工出差須經部門經理批準。" * 5
    assert subject("規定", traditional, "zh") != subject("规定", TEXT, "zh")
    # what NFKC makes longer must not be taken for another script
    assert subject("规定", "…" * 30 + TEXT, "zh") == subject("规定", TEXT, "zh")


@pytest.mark.parametrize("title", ["", " ", "—"])
def test_without_a_name_there_is_no_subject(title):
    assert subject(title, TEXT, "zh") == ""


@pytest.mark.parametrize("title", ["Sitzungsprotokoll", "Travel Policy", "Catalogue", "管理办法"])
def test_what_is_no_record(title):
    assert not is_record(title)


@pytest.mark.parametrize(
    "title", ["Protokoll 3. Mai", "Certificate", "生产例会纪要", "議事録", "Release Notes"]
)
def test_records(title):
    assert is_record(title)


@pytest.mark.parametrize(
    ("a", "b", "different"),
    [
        ("Site: Berlin\nRules", "Site: Osaka\nRules", True),
        ("Site: Berlin\nRules", "Site: BERLIN\nRules", False),
        ("Site: Berlin\nRules", "Rules", False),
        ("Owner: Anna\nRules", "Owner: Bo\nRules", False),
        ("Date: 1 May\nVersion: 2", "Date: 3 May\nVersion: 3", False),
        ("型号：HS-410\n说明", "型号：HS-900\n说明", True),
        ("氏名：田中\n研修", "氏名：鈴木\n研修", True),
        ("Kunde: Weber\nVertrag", "Kunde: Huber\nVertrag", True),
        ("Name | Anna\nDay | 3", "Name | Bo\nDay | 3", True),
        ("HS-410 " * 5 + "PA-22", "HS-900 " * 5 + "PA-22", True),
        ("HS-410 " * 3 + "PA-22 " * 2, "PA-22 " * 3 + "HS-410 " * 2, False),  # neither dominates
        ("HS-410 " * 5, "HS410 " * 4, False),
    ],
)
def test_facts(a, b, different):
    assert clash(facts(a), facts(b)) is different
    assert clash(facts(b), facts(a)) is different


def test_facts_are_few():
    text = "".join(
        f"serial no: {n}\n{label}: {n}\n" for n, label in enumerate(["site", "product", "model"] * 40)
    )
    assert len(facts(text)) <= 16


@pytest.mark.parametrize(
    ("a", "b", "form"),
    [
        ("This certifies that Anna Berg took part.", "This certifies that Bo Lund took part.", True),
        ("This certifies that Anna Berg took part.", "This certifies that Dr Bo Lund Ek took part.", True),
        ("Anna has paid 30 EUR.", "Bo has paid 50 EUR.", True),
        ("The rate is 30 EUR.", "The rate is 50 EUR.", False),
        ("Anna approves trips.", "Bo rejects trips.", False),
        ("Anna approves trips.", "Anna approves trips. Bo too.", False),
        ("兹证明张伟参加了培训。", "兹证明李晓娜参加了培训。", True),
        ("每年十天年休假。", "每年十五天年休假。", False),
        ("每晚三百元。", "每晚五百元。", False),
        # a rule that says which edition it is may change a name
        ("Version 1. Anna approves trips.", "Version 2. Bo approves trips.", False),
    ],
)
def test_forms_with_other_names_in_them(a, b, form):
    assert filled_in(a, b, "T", "T") is form
    assert filled_in(b, a, "T", "T") is form


def test_titles_of_other_years_make_a_version_of_anything():
    assert not filled_in("Anna approves trips.", "Bo approves trips.", "Rules 2024", "Rules 2026")
