import pytest

from rag.text.edition import (
    asked_editions,
    asks_for_former,
    edition_in_name,
    edition_of,
    in_force,
    is_edition,
    later,
    shown_edition,
    without_editions,
)


@pytest.mark.parametrize(
    ("name", "edition", "rest"),
    [
        ("leave-rules-2023.md", "2023", "leave-rules- .md"),
        ("policy_v2.1_2024", "2024 v0002.0001", "policy "),
        ("报销制度（第3版）", "v0003", "报销制度( )"),
        ("休假管理办法（2025年修订版）", "2025", "休假管理办法( )"),
        ("出張規程 令和7年4月1日", "2025-04-01", "出张规程 "),
        ("Reiserichtlinie", "", "reiserichtlinie"),
    ],
)
def test_names(name, edition, rest):
    assert edition_in_name(name) == edition
    assert without_editions(name).split() == rest.split()


@pytest.mark.parametrize(
    ("title", "text", "edition"),
    [
        ("Policy", "Effective from 1 March 2024.", "2024-03-01"),
        ("Policy", "Valid from: 2025-05-01. Version 4", "2025-05-01 v0004"),
        ("Policy", "In force since 3 May 2021", "2021-05-03"),
        ("Policy", "Last updated: 3 April 2025", "2025-04-03"),
        # from when it is in force tells more than when it was written
        ("Policy", "Issued on 2 May 2025. Effective 1 July 2025.", "2025-07-01"),
        (
            "Travel Policy 2026",
            "Effective from 1 January 2026. It replaces the policy of 1 March 2024.",
            "2026-01-01",
        ),
        ("Travel Policy 2026", "Effective from 1 December 2025.", "2026"),
        ("Rules", "This replaces version 3 of 2023. Version 4.", "v0004"),
        ("Rules", "Valid until 31 December 2027.", ""),
        ("Manual", "Rev. C. Requires version 3.8 or later.", "rc"),
        ("Manual", "Runs on version 3.8 or later.", ""),
        ("Minutes", "Date: 3 May 2025. Present: all.", ""),
        ("Ordnung", "Gültig ab 01.03.2025. Ersetzt die Fassung vom 1. Januar 2020.", "2025-03-01"),
        ("Ordnung", "Diese Ordnung tritt am 1. Mai 2024 in Kraft.", "2024-05-01"),
        ("Richtlinie", "Stand: März 2025", "2025-03"),
        (
            "办法",
            "文件编号：HR-05，第3版。生效日期：2025年7月1日。本版取代2023年1月1日版。",
            "2025-07-01 v0003",
        ),
        ("办法（2025年版）", "2023年1月1日起施行的办法废止。自2025年7月1日起施行。", "2025-07-01"),
        ("办法", "第一条 总则。" * 400 + "本办法自2025年7月1日起施行。", "2025-07-01"),
        (
            "規程",
            "第一条。" * 600 + "附則 平成30年4月1日から施行する。附則 令和7年4月1日から施行する。",
            "2025-04-01",
        ),
        ("通知", "国办发〔2024〕3号", "2024"),
        ("办法", "2025年修订", "2025"),
        ("Note", "Nothing is said.", ""),
    ],
)
def test_what_a_document_states_of_itself(title, text, edition):
    assert edition_of(title, text) == edition


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("2026", "2024-03-01", True),
        ("2024-03-01", "2026", False),
        ("2026", "2026-01-01", None),  # one only says it less exactly
        ("2026-01-01 v0005", "2026 v0004", True),
        ("2026-01-01 v0001", "2024-03-01 v0009", True),  # dates decide before versions
        ("v0010", "v0009", True),
        ("v0002.0001", "v0002", True),
        ("v0002", "v0002.0001", False),
        ("rc", "rb", True),
        ("rc", "v0002", None),
        ("2026", "v0005", None),
        ("2026 v0005", "v0004", True),
        ("", "2026", None),
        ("", "", None),
        ("v0005", "v0005", None),
    ],
)
def test_which_is_later(a, b, expected):
    assert later(a, b) is expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What was the limit in the 2024 policy?", ["2024"]),
        ("2023年的规定是什么？", ["2023"]),
        ("What does version 1.2 say of 2024?", ["v0001.0002", "2024"]),
        ("Is a rate of 2000 EUR allowed?", []),
        ("What is the limit?", []),
    ],
)
def test_editions_that_a_question_names(question, expected):
    assert asked_editions(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "What did the old travel policy say?",
        "What was previously the limit?",
        "the former version of the rules",
        "以前的差旅标准是多少？",
        "过去，年休假有几天？",
        "旧版规定的上限是多少？",
        "Was galt früher?",
        "In der alten Fassung?",
        "改定前の規程では？",
    ],
)
def test_questions_for_what_was_in_force_before(question):
    assert asks_for_former(question)


@pytest.mark.parametrize(
    "question",
    [
        "How old must a driver be?",
        "须在什么时候以前休完？",
        "三十天之前提交吗？",
        "Are new rules in force?",
        "What is the policy?",
    ],
)
def test_questions_that_only_sound_so(question):
    assert not asks_for_former(question)


def test_editions_as_they_are_asked_for():
    assert is_edition("2024", "2024-03-01 v0004")
    assert is_edition("v0004", "2024-03-01 v0004")
    assert is_edition("v0001", "v0001.0002")
    assert not is_edition("2024-03-01", "2024")
    assert not is_edition("v0004", "2024")
    assert not is_edition("2024", "")
    assert in_force("2025", "2024-03-01")
    assert in_force("2025", "2025-12-31")
    assert in_force("2024-03-01", "2024")
    assert not in_force("2023", "2024-03-01")
    assert not in_force("v0004", "2024")
    assert not in_force("2024", "v0004")


def test_editions_as_they_are_shown():
    assert shown_edition("2026-01-01 v0005.0010") == "2026-01-01, v5.10"
    assert shown_edition("2026") == "2026"
    assert shown_edition("rc") == "rev. C"
    assert shown_edition("") == ""
