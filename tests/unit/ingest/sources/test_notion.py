import pytest

A, B, C, D, E = ("0123456789abcdef" * 2, "b" * 32, "c" * 32, "d" * 32, "e" * 32)
MARKDOWN = {
    f"Export-0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/Team {A}.md": "# Team\n\nWelcome.",
    f"Export-0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/Team {A}/入职 指南 {B}.md": "# 入职 指南",
    f"Export-0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/Team {A}/Tasks {C}.csv": "Name\nA",
    f"Export-0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/Team {A}/Tasks {C}_all.csv": "Name,Due\nA,May\nB,June",
    f"Export-0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/Team {A}/Tasks {C}/Buy paper {D}.md": "# Buy paper",
    f"Export-0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/Team {A}/{E}/plan.pdf": "%PDF-",
    f"Export-0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/Team {A}/photo.png": "PNG",
}


@pytest.mark.parametrize("shape", ["zip", "unpacked"])
def test_ids_become_addresses_and_leave_the_names(exports, shape):
    path = getattr(exports, shape)(MARKDOWN)
    exports.sync("notion", path)
    assert {uri: (file.path, file.title) for uri, file in exports.files.items()} == {
        f"notion:team/{A}": ("Team.md", "Team"),
        f"notion:team/{B}": ("Team/入职 指南.md", "入职 指南"),
        f"notion:team/{C}": ("Team/Tasks.csv", "Tasks"),
        f"notion:team/{D}": ("Team/Tasks/Buy paper.md", "Buy paper"),
        "notion:team/Team/plan.pdf": ("Team/plan.pdf", "plan"),
    }
    assert exports.fetched[f"notion:team/{C}"].data == b"Name,Due\nA,May\nB,June"
    assert exports.fetched[f"notion:team/{B}"].data.decode() == "# 入职 指南"
    exports.sync("notion", path)
    assert exports.fetched == {}


def test_a_page_that_is_renamed_and_moved_keeps_its_address(exports):
    exports.sync("notion", exports.zip({f"Old {A}.md": "# Old"}))
    exports.sync("notion", exports.zip({f"Archive {B}/New {A}.md": "# Old"}))
    assert [(uri, file.path) for uri, file in exports.files.items()] == [
        (f"notion:team/{A}", "Archive/New.md")
    ]
    assert exports.fetched == {}


def test_html_and_nested_parts(exports):
    html = {
        "index.html": "<ul></ul>",
        f"Team {A}.html": "<h1>Team</h1>",
        f"Team/Tasks {C}.html": "<table></table>",
        f"Team/Tasks {C}.csv": "Name\nA",
    }
    part = exports.zip(html, "inner.zip").read_bytes()
    other = exports.zip({f"More {D}.html": "<h1>More</h1>"}, "inner2.zip").read_bytes()
    outer = exports.zip({"ExportBlock-1a2b3c4d-Part-1.zip": part, "ExportBlock-1a2b3c4d-Part-2.zip": other})
    assert exports.sync("notion", outer) == {"Team.html", "Team/Tasks.csv", "More.html"}


def test_options_and_rules(exports):
    path = exports.zip(MARKDOWN)
    assert exports.sync("notion", path, options={"attachments": False}) == {
        "Team.md",
        "Team/入职 指南.md",
        "Team/Tasks.csv",
        "Team/Tasks/Buy paper.md",
    }
    assert "Team/photo.png" in exports.sync("notion", path, options={"images": True})
    exports.sync("notion", path, rules=({"pattern": "Team/Tasks*", "groups": ("ops",)},))
    assert {file.path for file in exports.files.values() if file.groups == ("ops",)} == {
        "Team/Tasks.csv",
        "Team/Tasks/Buy paper.md",
    }
