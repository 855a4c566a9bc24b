"""The page as such: looks, widths, keyboard, accessibility, weight."""

import gzip
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from server.web import FOLDER
from tests.browser.test_chat import LEAVE, PRESS, answer

pytestmark = pytest.mark.browser

BUDGET_BYTES = 250 * 1024
ADMIN = ("sources", "jobs", "documents", "people", "feedback", "usage", "audit", "evaluations", "settings")


def faults(page: Page) -> list[str]:
    """What axe calls serious or worse."""
    # half-faded text has no contrast; what pulses for ever is not waited for
    page.evaluate(
        "() => Promise.allSettled(document.getAnimations()"
        ".filter((one) => one.effect.getTiming().iterations === 1).map((one) => one.finished))"
    )
    told = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in told
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def luminance(page: Page, selector: str) -> float:
    colour = page.locator(selector).evaluate("(one) => getComputedStyle(one).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chat_is_accessible(desk, shots, scheme):
    page = desk.window(color_scheme=scheme)
    assert faults(page) == []
    page.screenshot(path=shots / f"welcome-{scheme}.png")
    answer(page, PRESS)
    page.get_by_role("button", name="How this answer came about").click()
    assert faults(page) == []
    page.screenshot(path=shots / f"inspect-{scheme}.png")
    page.get_by_role("button", name="Source 1").first.click()
    expect(page.locator("[data-highlight=quote]").first).to_be_visible()
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Bad answer").click()
    assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_is_accessible(desk, scheme):
    page = desk.window(who=None, color_scheme=scheme)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("name", ADMIN)
def test_the_administrators_pages_are_accessible(desk, shots, name):
    page = desk.window(who="Ada", path=f"/admin/{name}")
    expect(page.get_by_role("navigation", name="Administration")).to_be_visible()
    expect(page.get_by_text("Loading…")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert faults(page) == []
    page.screenshot(path=shots / f"admin-{name}.png")


def test_the_administrators_pages_are_for_administrators(desk):
    page = desk.window(who="Ann", path="/admin/people")
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def test_an_administrator_adds_a_person_who_then_signs_in(desk):
    page = desk.window(who="Ada", path="/admin/people")
    page.get_by_role("button", name="Add a person").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Eve")
    dialog.get_by_label("Password").fill("some other plain words")
    dialog.get_by_text("Editor").click()
    dialog.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text="Eve")
    expect(row).to_contain_text("Editor")
    other = desk.window(who=None)
    other.get_by_label("Name").fill("Eve")
    other.get_by_label("Password").fill("some other plain words")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("button", name="Account and settings")).to_contain_text("Eve")
    row.get_by_role("button", name="Remove Eve").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove the account").click()
    expect(row).to_have_count(0)


def test_files_that_could_not_be_read_say_why(desk):
    page = desk.window(who="Ada", path="/admin/documents")
    page.get_by_label("State").select_option("failed")
    rows = page.get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("broken.pdf")
    expect(rows.last).to_contain_text("Not readable")


def test_an_administrator_adds_a_source_and_syncs_it(desk, house, tmp_path):
    (tmp_path / "ferry.txt").write_text("The ferry to Inis Oirr leaves at 9:40 from Doolin.", "utf-8")
    (tmp_path / "torn.pdf").write_bytes(b"%PDF-1.4 nothing")
    page = desk.window(who="Ada", path="/admin/sources")
    page.get_by_role("button", name="Add a source").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("ferries")
    dialog.get_by_label("Location").fill(str(tmp_path))
    dialog.get_by_label("Collection").fill("travel")
    dialog.get_by_role("button", name="Add a source").click()
    row = page.get_by_role("row").filter(has_text="ferries")
    row.get_by_role("button", name="Sync").click()
    expect(row).to_contain_text("Waiting")
    with house.worker():
        expect(row).to_contain_text("1 added, 0 updated, 0 removed, 1 failed", timeout=60_000)
    expect(row.get_by_role("button", name="Retry failed")).to_be_visible()
    assert faults(page) == []
    reader = desk.window(who="Ann")
    reader.get_by_role("button", name="All documents").click()
    reader.get_by_role("menuitemcheckbox", name="travel").click()
    reader.keyboard.press("Escape")
    answer(reader, "When does the ferry to Inis Oirr leave?")
    expect(reader.locator("[data-verdict=quoted]").first).to_contain_text("leaves at 9:40 from Doolin")
    answer(reader, LEAVE)
    expect(reader.locator("main")).not_to_contain_text("25 days of annual leave")
    row.get_by_role("button", name="Remove ferries").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove with its documents").click()
    expect(row).to_have_count(0)


def test_an_api_key_is_shown_once(desk):
    page = desk.window(who="Ann", path="/keys")
    page.get_by_role("button", name="New API key").click()
    page.get_by_role("dialog").get_by_label("Name").fill("intranet")
    page.get_by_role("dialog").get_by_role("button", name="New API key").click()
    secret = page.get_by_text(re.compile("^cw_"))
    expect(secret).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    expect(page.get_by_role("row").filter(has_text="intranet")).to_be_visible()
    expect(secret).to_have_count(0)
    page.get_by_role("button", name="Revoke intranet").click()
    expect(page.get_by_role("row").filter(has_text="intranet")).to_have_count(0)


def test_dark_follows_the_system_until_it_is_chosen(desk):
    page = desk.window(color_scheme="dark")
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    assert luminance(page, "body") < 0.2
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("menuitemradio", name="Light").click()
    assert luminance(page, "body") > 0.8
    page.reload()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    assert luminance(page, "body") > 0.8


def test_the_language_is_a_choice_that_stays(desk):
    page = desk.window()
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("menuitemradio", name="中文").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="您想了解什么？")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="您想了解什么？")).to_be_visible()


def test_on_a_phone_everything_is_in_reach(desk, shots):
    page = desk.window(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    answer(page, PRESS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=shots / "phone.png")
    page.get_by_role("button", name="Source 1").first.tap()
    expect(page.locator("[data-highlight=quote]").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=shots / "phone-document.png")
    page.get_by_role("button", name="Close the document").tap()
    page.get_by_role("button", name="Show conversations").tap()
    page.get_by_role("link", name=PRESS).first.tap()
    expect(page.get_by_role("navigation", name="Conversations")).to_have_count(0)
    expect(page.locator("[data-verdict]").first).to_be_visible()


def test_right_to_left_mirrors_the_page(desk):
    page = desk.window()
    answer(page, LEAVE)
    page.evaluate("document.documentElement.dir = 'rtl'")
    rows = page.get_by_role("navigation", name="Conversations").bounding_box()
    main = page.get_by_role("main").bounding_box()
    assert rows["x"] > main["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_keyboard_alone_is_enough(desk):
    page = desk.window()
    answer(page, LEAVE)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("Your question", exact=True)).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search conversations")).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    page = desk.window(path="/keys")
    expect(page.get_by_role("button", name="New API key")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the conversation")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_the_first_view_is_light():
    if not (FOLDER / ".vite/manifest.json").is_file():
        pytest.skip("the page is not built: make web")
    manifest = json.loads((FOLDER / ".vite/manifest.json").read_text("utf-8"))
    entry = next(name for name, one in manifest.items() if one.get("isEntry"))
    words = next(name for name in manifest if name.endswith("i18n/zh.json"))
    wanted, known = [entry, words], set()
    while wanted:
        name = wanted.pop()
        if name not in known:
            known.add(name)
            wanted += manifest[name].get("imports", [])
    scripts = {manifest[name]["file"] for name in known}
    total = sum(len(gzip.compress((FOLDER / name).read_bytes(), 9)) for name in scripts)
    assert 50_000 < total <= BUDGET_BYTES


def test_an_administrator_measures_the_answers(desk, tmp_path):
    page = desk.window(who="Ada", path="/admin/evaluations")
    questions = tmp_path / "set.jsonl"
    questions.write_text(
        '{"question": "How often must the press be greased?", "answers": ["every week"]}\n', "utf-8"
    )
    for name in ("Before", "After"):
        page.get_by_role("button", name="Ask a question set").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_label("Questions (.jsonl or .csv)").set_input_files(questions)
        assert faults(page) == []
        dialog.get_by_role("button", name="Ask them").click()
        row = page.get_by_role("row").filter(has_text=name)
        expect(row).to_contain_text("Done", timeout=30_000)
        with page.expect_popup() as opened:
            row.get_by_role("link", name="Report").click()
        expect(opened.value.get_by_role("heading", name="Time and tokens")).to_be_visible()
        opened.value.close()
        row.get_by_role("checkbox").check()
    compared = page.get_by_role("region", name="The second run against the first")
    expect(compared).to_contain_text("Undecided")
    assert faults(page) == []
    for name in ("Before", "After"):
        page.get_by_role("button", name=f"Remove {name}").click()
        expect(page.get_by_role("row").filter(has_text=name)).to_have_count(0)


def test_an_administrator_changes_a_setting_and_takes_it_back(desk):
    page = desk.window(who="Ada", path="/admin/settings")
    sentences = page.get_by_label("Sentences in an answer, at most")
    before = sentences.input_value()
    sentences.fill("2")
    card = page.locator("form").filter(has=sentences)
    card.get_by_role("button", name="Save").click()
    back = card.get_by_role("button", name=f"Back to {before}")
    expect(back).to_be_visible()
    page.reload()
    expect(sentences).to_have_value("2")
    back.click()
    expect(sentences).to_have_value(before)
    expect(back).to_have_count(0)
