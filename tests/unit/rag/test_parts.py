import pytest

from rag.parts import MOST_PARTS, parts


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many days of leave do I get? Who approves it?",
         ["How many days of leave do I get?", "Who approves it?"]),
        ("When was the bridge built, who designed it, and how much did it cost?",
         ["When was the bridge built?", "Who designed it?", "How much did it cost?"]),
        ("When and where was Tesla born?", ["When was Tesla born?", "Where was Tesla born?"]),
        ("In which year and by whom was it founded?",
         ["In which year was it founded?", "By whom was it founded?"]),
        ("What is the warranty of the HS-410 and the HS-900?",
         ["What is the warranty of the HS-410?", "What is the warranty of the HS-900?"]),
        ("What are the fees for travel, hotel and meals?",
         ["What are the fees for travel?", "What are the fees for hotel?", "What are the fees for meals?"]),
        ("How long is the warranty, and is it transferable?",
         ["How long is the warranty?", "Is it transferable?"]),
        ("Wann wurde die Brücke gebaut und wer hat sie entworfen?",
         ["Wann wurde die Brücke gebaut?", "Wer hat sie entworfen?"]),
        ("Когда построен мост и кто его проектировал?",
         ["Когда построен мост?", "Кто его проектировал?"]),
        ("متى بني الجسر وكم كلف؟", ["متى بني الجسر؟", "كم كلف؟"]),
        ("特斯拉什么时候出生，在哪里去世？", ["特斯拉什么时候出生？", "在哪里去世？"]),
        ("特斯拉是什么时候和在哪里出生的？", ["特斯拉是什么时候出生的？", "特斯拉是在哪里出生的？"]),
        ("HS-410和HS-900的保修期分别是多少？", ["HS-410的保修期分别是多少？", "HS-900的保修期分别是多少？"]),
        ("住宿标准是什么以及谁负责审批？", ["住宿标准是什么？", "谁负责审批？"]),
        ("谁批准休假？休假有多少天？", ["谁批准休假？", "休假有多少天？"]),
    ],
)  # fmt: skip
def test_questions_of_several_parts(question, expected):
    assert [part.text for part in parts(question)] == expected


@pytest.mark.parametrize(
    "question",
    [
        "How many days of leave do employees have?",
        "Which of the bread and butter plates are blue?",
        "What is the difference between the HS-410 and the HS-900?",
        "What is the purpose of the Department of Trade and Industry?",
        "What is the name of the city, which lies on the Rhine?",
        "Who went to the college and was trained there?",
        "What is the total number of professors, instructors and lecturers?",
        "苹果和梨的区别是什么？",
        "请问，差旅费如何报销？",
        "在评估任何给定问题时，最关键的资源是什么？",
        "lost laptop",
    ],
)
def test_questions_of_one_part_stay_whole(question):
    (part,) = parts(f" {question} ")
    assert (part.text, part.asked) == (question, question)


def test_a_part_that_leans_on_another_is_looked_up_with_its_subject():
    assert parts("When was Nikola Tesla born and where did he die?")[1].asked == (
        "Nikola Tesla where did he die?"
    )
    assert parts("特斯拉什么时候出生，在哪里去世？")[1].asked == "特斯拉 在哪里去世？"
    first, second = parts("I lost my badge. Who replaces it and what does a new badge cost?")
    assert first.asked == "I lost my badge. Who replaces it?"
    assert second.asked == second.text == "What does a new badge cost?"


def test_a_letter_is_not_taken_apart_for_ever():
    asked = parts(" ".join(f"Who wrote book {n}?" for n in range(9)))
    assert len(asked) == MOST_PARTS
    assert asked[-1].text.startswith("Who wrote book 4 Who wrote book 5")
