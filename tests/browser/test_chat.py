"""Asking in the page: from the first visit to the words of the source."""

import re

import pytest
from playwright.sync_api import Page, expect

from rag.types import Citation
from server.slack.blocks import View
from tests.browser.conftest import PASSWORD, QUOTE

pytestmark = pytest.mark.browser

LEAVE = "How many days of annual leave do employees have?"
HOTEL = "What is the hotel allowance in Berlin?"
PRESS = "How may the press be started?"
SALARY = "What is the salary of the managing director?"


def ask(page: Page, question: str) -> None:
    field = page.get_by_label("Your question", exact=True)
    field.fill(question)
    field.press("Enter")


def answer(page: Page, question: str) -> None:
    """Ask, and wait for the end."""
    before = page.get_by_role("toolbar").count()
    ask(page, question)
    expect(page.get_by_role("toolbar")).to_have_count(before + 1)


def test_first_visit_to_the_words_of_the_source(desk, shots):
    page = desk.window(who=None)
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("no account with this name and password")
    page.screenshot(path=shots / "sign-in.png")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    answer(page, LEAVE)
    first = page.locator("[data-verdict=quoted]").first
    expect(first).to_contain_text("25 days of annual leave")
    expect(first).to_contain_text("Verbatim")
    expect(page).to_have_url(re.compile("/c/[0-9a-f]+$"))
    expect(page).to_have_title(f"{LEAVE} · Citewell")
    chip = first.get_by_role("button", name="Source 1: leave")
    chip.hover()
    expect(page.locator("blockquote")).to_have_text("Employees have 25 days of annual leave.")
    page.screenshot(path=shots / "answer.png")
    chip.click()
    expect(page.locator("mark")).to_have_text("Employees have 25 days of annual leave.")
    expect(page.locator("mark")).to_be_in_viewport()
    page.screenshot(path=shots / "document.png")
    page.keyboard.press("Escape")
    expect(page.locator("mark")).to_have_count(0)
    expect(chip).to_be_focused()


def test_a_link_from_slack_opens_a_document_at_the_quoted_words(desk, house):
    page = desk.window()
    token = page.request.get("/v1/session").json()["csrf"]
    question = {"question": "员工出差住宿费上限为每晚多少元？"}
    told = page.request.post("/v1/ask", data=question, headers={"X-CSRF-Token": token}).json()
    cited = Citation(**{**told["citations"][0], "heading": ()})
    page.goto(View("zh", "m1", "c1", base=house.url).cited(cited))
    expect(page.locator("mark")).to_have_text(cited.quote)
    expect(page.locator("mark")).to_be_in_viewport()


def test_the_whole_page_speaks_chinese(desk, shots):
    page = desk.window(locale="zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    field = page.get_by_label("您的问题", exact=True)
    field.fill("员工出差住宿费上限为每晚多少元？")
    field.press("Enter")
    first = page.locator("[data-verdict=quoted]").first
    expect(first).to_contain_text("员工出差住宿费上限为每晚600元。")
    expect(first).to_contain_text("原文")
    expect(page.get_by_role("toolbar")).to_be_visible()
    first.get_by_role("button", name="出处 1").click()
    expect(page.locator("mark")).to_have_text("员工出差住宿费上限为每晚600元。")
    page.screenshot(path=shots / "chinese.png")


def test_a_chip_opens_the_page_of_a_pdf_at_the_quote(desk, shots):
    page = desk.window()
    answer(page, PRESS)
    page.locator("[data-verdict]", has_text=QUOTE).get_by_role("button", name="Source").first.click()
    mark = page.locator("[data-highlight=quote]").first
    expect(mark).to_be_visible()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    # the rectangle lies over the very words, as pdf.js has placed them
    words = page.locator("aside span", has_text=QUOTE).first
    marked, placed = mark.bounding_box(), words.bounding_box()
    assert marked["x"] == pytest.approx(placed["x"], abs=4)
    assert marked["width"] == pytest.approx(placed["width"], rel=0.05)
    assert abs(marked["y"] + marked["height"] / 2 - placed["y"] - placed["height"] / 2) < 6
    page.screenshot(path=shots / "pdf.png")
    page.get_by_role("button", name="Previous page").click()
    expect(page.get_by_text("Page 1 of 2")).to_be_visible()
    expect(mark).to_have_count(0)
    page.get_by_role("tab", name="Text").click()
    expect(page.locator("mark")).to_have_text(QUOTE)


def test_what_is_for_others_is_not_told(desk):
    page = desk.window(who="Bob")
    answer(page, SALARY)
    expect(page.get_by_role("article")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("250000")
    expect(page.locator("main")).not_to_contain_text("secret")
    page = desk.window(who="Ann")
    answer(page, SALARY)
    expect(page.locator("[data-verdict=quoted]").first).to_contain_text("250000 EUR")


def test_edit_branch_and_answer_again(desk):
    page = desk.window()
    answer(page, LEAVE)
    page.get_by_role("button", name="Edit the question").click()
    editor = page.get_by_role("textbox", name="Edit the question")
    editor.fill(HOTEL)
    editor.press("Enter")
    expect(page.locator("[data-verdict=quoted]").first).to_contain_text("140 EUR")
    expect(page.get_by_label("Version 2 of 2")).to_be_visible()
    page.get_by_role("button", name="Previous version").click()
    expect(page.locator("[data-verdict=quoted]").first).to_contain_text("25 days")
    expect(page.get_by_label("Version 1 of 2")).to_be_visible()
    page.get_by_role("button", name="Answer again").click()
    answered = page.get_by_role("article")
    expect(answered.get_by_label("Version 2 of 2")).to_be_visible()
    page.reload()
    expect(page.get_by_role("article").get_by_label("Version 2 of 2")).to_be_visible()


def test_stop_keeps_what_was_said(desk, house):
    page = desk.window()
    house.close_gate()
    ask(page, LEAVE)
    expect(page.locator("[data-verdict=quoted]")).to_have_count(1)
    expect(page.get_by_role("log")).to_contain_text("25 days of annual leave.” Verbatim")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("You stopped this answer.")).to_be_visible()
    expect(page.locator("[data-verdict=quoted]")).to_have_count(1)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_broken_connection_is_taken_up(desk, house):
    page = desk.window()
    house.close_gate()
    ask(page, LEAVE)
    expect(page.locator("[data-verdict=quoted]")).to_have_count(1)
    house.cut()
    expect(page.get_by_role("article").get_by_text("Taking the answer up again")).to_be_visible()
    house.open_gate()
    expect(page.get_by_role("toolbar")).to_have_count(1)
    texts = page.locator("[data-verdict=quoted]").all_inner_texts()
    assert len(texts) == len(set(texts)) == 2


def test_an_answer_goes_on_when_the_page_is_loaded_again(desk, house):
    page = desk.window()
    house.close_gate()
    ask(page, LEAVE)
    expect(page.locator("[data-verdict=quoted]")).to_have_count(1)
    page.reload()
    expect(page.locator("[data-verdict=quoted]")).to_have_count(1)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    house.open_gate()
    expect(page.get_by_role("toolbar")).to_have_count(1)


def test_enter_belongs_to_the_input_method_while_it_composes(desk):
    page = desk.window(locale="zh-CN")
    field = page.get_by_label("您的问题", exact=True)
    field.click()
    keys = page.context.new_cdp_session(page)
    keys.send("Input.imeSetComposition", {"text": "shi tang", "selectionStart": 8, "selectionEnd": 8})
    enter = {"key": "Enter", "code": "Enter"}
    # during a composition some browsers tell the key as 229, others tell isComposing
    for code in (229, 13):
        keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": code, **enter})
        keys.send("Input.dispatchKeyEvent", {"type": "keyUp", "windowsVirtualKeyCode": code, **enter})
    expect(field).to_have_value("shi tang")
    expect(page.get_by_role("article")).to_have_count(0)
    keys.send("Input.insertText", {"text": "食堂几点开门？"})
    expect(field).to_have_value("食堂几点开门？")
    field.press("Shift+Enter")
    expect(field).to_have_value("食堂几点开门？\n")
    field.press("Enter")
    expect(page.get_by_role("article")).to_be_visible()
    expect(field).to_have_value("")


def test_feedback_with_a_reason_reaches_the_administrator(desk):
    page = desk.window()
    answer(page, HOTEL)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_text("Outdated").click()
    page.get_by_label("The right answer").fill("It is 150 EUR.")
    page.get_by_role("button", name="Send", exact=True).last.click()
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    review = desk.window(who="Ada", path="/admin/feedback")
    card = review.get_by_role("article").filter(has_text="It is 150 EUR.")
    expect(card).to_contain_text("Outdated")
    expect(card).to_contain_text(HOTEL)
    card.get_by_role("button", name="Mark as reviewed").click()
    expect(card).to_have_count(0)


def test_an_answer_is_copied_with_its_sources(desk):
    page = desk.window(permissions=["clipboard-read", "clipboard-write"])
    answer(page, LEAVE)
    page.get_by_role("button", name="Copy with sources").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()").splitlines()
    assert copied[0].startswith("“Employees have 25 days of annual leave.” [1]")
    assert "Sources" in copied
    assert copied[copied.index("Sources") + 1] == "[1] leave, p. 1"
    assert copied[copied.index("Sources") + 2].strip() == "“Employees have 25 days of annual leave.”"


def test_a_question_that_may_follow_is_one_click_away(desk):
    page = desk.window()
    answer(page, "How many berths for visiting boats does the harbour have?")
    following = page.get_by_role("navigation", name="Questions that may follow")
    expect(following.get_by_role("button")).to_have_count(1)
    following.get_by_role("button").click()
    expect(page.get_by_role("toolbar")).to_have_count(2)
    expect(page.get_by_role("article").last).to_contain_text("Diesel and petrol are sold at the east pier")


def test_the_list_of_conversations(desk):
    page = desk.window(who="Bob")
    answer(page, "When does the canteen open?")
    rows = page.get_by_role("navigation", name="Conversations")
    row = rows.get_by_role("link", name="When does the canteen open?")
    expect(row).to_have_attribute("aria-current", "page")
    rows.get_by_role("button", name="Actions for When does the canteen open?").click()
    page.get_by_role("menuitem", name="Rename").click()
    name = rows.get_by_label("Rename")
    name.fill("Lunch")
    name.press("Enter")
    expect(rows.get_by_role("link", name="Lunch")).to_be_visible()
    rows.get_by_label("Search conversations").fill("nowhere to be found")
    expect(rows.get_by_text("No conversation holds these words.")).to_be_visible()
    rows.get_by_label("Search conversations").fill("lunch")
    expect(rows.get_by_role("link", name="Lunch")).to_be_visible()
    rows.get_by_role("button", name="Actions for Lunch").click()
    with page.expect_download() as exported:
        page.get_by_role("menuitem", name="Export as Markdown").click()
    assert exported.value.suggested_filename == "Lunch.md"
    assert "noon" in exported.value.path().read_text("utf-8")
    rows.get_by_role("button", name="Actions for Lunch").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(rows.get_by_role("link", name="Lunch")).to_have_count(0)
    expect(page).to_have_url(re.compile("/$"))


def test_a_dropped_file_is_uploaded_for_oneself(desk):
    page = desk.window(who="Bob")
    dropped = page.evaluate_handle(
        """() => {
            const carried = new DataTransfer();
            carried.items.add(new File(["The quay is closed."], "quay.txt", { type: "text/plain" }));
            return carried;
        }"""
    )
    chat = page.get_by_label("Your question", exact=True)
    chat.dispatch_event("dragenter", {"dataTransfer": dropped})
    expect(page.get_by_text("Drop to add documents")).to_be_visible()
    chat.dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_text("Drop to add documents")).to_have_count(0)
    expect(page.get_by_role("list", name="Added documents")).to_contain_text("quay.txt")


def test_an_upload_is_read_and_asked_about(desk, house, tmp_path):
    notes = tmp_path / "mooring.txt"
    notes.write_text("The mooring fee at Lough Derg is 35 EUR a night.", "utf-8")
    page = desk.window(who="Bob")
    page.locator("input[type=file]").set_input_files(notes)
    listed = page.get_by_role("list", name="Added documents")
    expect(listed).to_contain_text("Being read")
    with house.worker():
        expect(listed).to_contain_text("Ready: ask about it", timeout=60_000)
    page.get_by_role("button", name="Ask only these").click()
    answer(page, "What is the mooring fee at Lough Derg?")
    expect(page.locator("[data-verdict=quoted]").first).to_contain_text("35 EUR a night")
    other = desk.window(who="Ann")
    answer(other, "What is the mooring fee at Lough Derg?")
    expect(other.locator("main")).not_to_contain_text("35 EUR a night")
