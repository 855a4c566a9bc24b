import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.access import AccessSource, Selection, narrow
from ingest.source import Failure, Fetched, SourceFile
from rag.errors import SettingsError, UnreadableFileError
from rag.settings import SourceSettings
from rag.tables import NOBODY


class Listing:
    """A source of files that are given: path -> content, or SourceFile or Failure as they are."""

    def __init__(self, *found, **contents):
        self.contents = contents
        paths = [SourceFile(f"/s/{path}", path.rpartition("/")[2], path) for path in contents]
        self.found = [*paths, *found]

    def list(self, known):
        yield from self.found

    def fetch(self, file):
        if self.contents[file.path] is None:
            raise UnreadableFileError("cannot be opened: Permission denied")
        return Fetched(self.contents[file.path])

    def close(self):
        self.found = []


def access(listing, **config):
    config = SourceSettings(location="/s", **config)
    found = list(AccessSource("docs", listing, Selection("docs", config)).list({}))
    groups = {one.path: one.groups for one in found if isinstance(one, SourceFile)}
    return groups, [one for one in found if isinstance(one, Failure)]


def rules(**given):
    return tuple({"pattern": pattern, "groups": groups} for pattern, groups in given.items())


def test_the_last_rule_that_matches_decides():
    listing = Listing(**{"a.txt": b"", "hr/b.txt": b"", "hr/open/c.txt": b"", "x/hr/d.txt": b""})
    groups, failures = access(
        listing, groups=("staff",), rules=rules(**{"/hr/": ("hr",), "open/": (), "d.*": ("d1", "d2")})
    )
    assert groups == {
        "a.txt": ("staff",),
        "hr/b.txt": ("hr",),
        "hr/open/c.txt": (),
        "x/hr/d.txt": ("d1", "d2"),
    }
    assert failures == []


def test_include_and_exclude():
    listing = Listing(
        **{"a.md": b"", "a.txt": b"", "drafts/b.md": b"", "drafts/final.md": b"", "文档/c.md": b""}
    )
    groups, _ = access(listing, include=("*.md",), exclude=("drafts/*", "!final.md"))
    assert list(groups) == ["a.md", "drafts/final.md", "文档/c.md"]
    assert list(access(listing, include=("文档/",))[0]) == ["文档/c.md"]


def test_patterns_are_compared_composed():
    groups, _ = access(Listing(**{"Größe.txt": b""}), include=("Gro\u0308ße.*",))
    assert list(groups) == ["Größe.txt"]


def test_failures_are_told_only_of_what_is_wanted():
    shut = [Failure(f"/s/{path}".rstrip("/"), "no", path) for path in ("a.md", "a.txt", "in/", "out/", "")]
    _, failures = access(Listing(*shut), include=("*.md",), exclude=("out/",))
    assert [failure.path for failure in failures] == ["a.md", "in/", ""]


def test_failures_tell_who_may_read_at_most_what_is_known_below_them():
    shut = [
        Failure(f"/s/{path}".rstrip("/"), "no", path) for path in ("hr/a.txt", "hr/", "open/", "x.txt", "")
    ]
    listing = Listing(*shut, **{"hr/.citewell.toml": b'groups = ["hr"]\n[files]\n"a.txt" = ["board"]'})

    def of(**config):
        return {failure.path: failure.groups for failure in access(listing, **config)[1]}

    assert of() == {"hr/a.txt": ("board",), "hr/": ("hr",), "open/": (), "x.txt": (), "": ()}
    assert of(groups=("hr", "board"), rules=rules(**{"x.*": ("x",)})) == {
        "hr/a.txt": ("board",),
        "hr/": ("hr",),
        "open/": ("hr", "board", "x"),
        "x.txt": ("x",),
        "": ("hr", "board", "x"),
    }
    assert of(groups=("hr",), rules=rules(**{"open/": ()}))["open/"] == ()
    broken = Listing(*shut, **{"hr/.citewell.toml": b""})
    assert {one.path: one.groups for one in access(broken)[1]}["hr/"] == (NOBODY,)


def test_a_sidecar_holds_for_its_folder_and_below():
    listing = Listing(
        **{
            "a.txt": b"",
            "hr/.citewell.toml": b'groups = ["hr"]\n[files]\n"Salaries.xlsx" = ["board"]\n"Menu.txt" = []',
            "hr/b.txt": b"",
            "hr/salaries.XLSX": b"",
            "hr/menu.txt": b"",
            "hr/deep/c.txt": b"",
            "hr/deep/Salaries.xlsx": b"",
            "hrx/d.txt": b"",
        }
    )
    assert access(listing) == (
        {
            "a.txt": (),
            "hr/b.txt": ("hr",),
            "hr/salaries.XLSX": ("board",),
            "hr/menu.txt": (),
            "hr/deep/c.txt": ("hr",),
            "hr/deep/Salaries.xlsx": ("hr",),
            "hrx/d.txt": (),
        },
        [],
    )


def test_a_sidecar_cannot_open_what_the_settings_keep_closed():
    listing = Listing(
        **{
            ".citewell.toml": b'groups = ["staff", "guests"]',
            "a.txt": b"",
            "board/b.txt": b"",
            "board/.citewell.toml": b"groups = []",
            "board/c.txt": b"",
        }
    )
    groups, failures = access(listing, groups=("staff", "hr"), rules=rules(**{"board/": ("board",)}))
    assert groups == {"a.txt": ("staff",), "board/b.txt": (NOBODY,), "board/c.txt": (NOBODY,)}
    assert failures == [
        Failure(
            "/s/.citewell.toml",
            "nobody may read board/b.txt: it is for staff, guests, "
            "but what stands above lets only board read it",
        )
    ]


def test_sidecars_narrow_each_other_on_the_way_down():
    listing = Listing(
        **{
            ".citewell.toml": b'groups = ["staff", "hr"]',
            "a/.citewell.toml": b'groups = ["hr", "guests"]',
            "a/b.txt": b"",
            "a/c/.citewell.toml": b"groups = []",
            "a/c/d.txt": b"",
        }
    )
    assert access(listing) == ({"a/b.txt": ("hr",), "a/c/d.txt": ("hr",)}, [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'groups = ["hr"', "Unclosed array"),
        (b"", "it names neither groups nor files"),
        (b'group = ["hr"]', "group: Extra inputs are not permitted"),
        (b'groups = "hr"', "groups: Input should be a valid tuple"),
        (b'groups = ["*"]', "groups.0: '*' cannot be the name of a group"),
        (b'groups = [" "]', "groups.0: ' ' cannot be the name of a group"),
        (b"groups = [1]", "groups.0: Input should be a valid string"),
        ("groups = ['über']".encode("latin-1"), "it is not UTF-8"),
        (b"#" * 70_000, "it is longer than 65,536 bytes"),
        (b"a = " + b"[" * 5000, "maximum recursion depth"),
        (None, "cannot be opened: Permission denied"),
    ],
)
def test_what_a_broken_sidecar_speaks_of_is_hidden(content, reason):
    listing = Listing(**{"hr/.citewell.toml": content, "hr/a.txt": b"", "hr/x/b.txt": b"", "c.txt": b""})
    groups, failures = access(listing)
    assert groups == {"hr/a.txt": (NOBODY,), "hr/x/b.txt": (NOBODY,), "c.txt": ()}
    assert len(failures) == 1
    assert failures[0].source == "/s/hr/.citewell.toml"
    assert failures[0].error.startswith("what it speaks of is hidden until it can be read: ")
    assert reason in failures[0].error
    assert "\n" not in failures[0].error


def test_a_sidecar_that_names_a_file_wrongly_says_so():
    listing = Listing(
        Failure("/s/empty.txt", "the file is empty", "empty.txt"),
        **{".citewell.toml": b'[files]\n"Salery.txt" = ["hr"]\n"empty.txt" = ["hr"]', "Salary.txt": b""},
    )
    groups, failures = access(listing)
    assert groups == {"Salary.txt": ()}
    assert failures[1:] == [Failure("/s/.citewell.toml", "it names salery.txt, which is not in its folder")]


def test_what_the_source_knows_narrows_too(caplog):
    listing = Listing(
        SourceFile("/s/a", "a", "a", groups=("leads", "staff")),
        SourceFile("/s/b", "b", "b", groups=()),
        SourceFile("/s/c", "c", "c", groups=("leads",)),
    )
    with caplog.at_level(logging.WARNING):
        assert access(listing, groups=("staff",))[0] == {"a": ("staff",), "b": ("staff",), "c": (NOBODY,)}
    assert "nobody may read c: it is for leads, but what stands above lets only staff" in caplog.text
    assert access(listing)[0] == {"a": ("leads", "staff"), "b": (), "c": ("leads",)}


def test_a_rule_that_matches_nothing_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        access(Listing(**{"hr/a.txt": b""}), rules=rules(**{"HR/": ("hr",), "hr/": ("hr",)}))
    assert [record.getMessage() for record in caplog.records] == [
        "source docs: its rule 'HR/' decides for no file"
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"groups": ("*",)}, r"'\*' cannot be the name of a group"),
        ({"groups": ("!",)}, "'!' cannot be the name of a group"),
        ({"rules": ({"pattern": "a", "groups": ("",)},)}, "'' cannot be the name of a group"),
        ({"rules": ({"pattern": "!a", "groups": ()},)}, "the rule '!a' excludes"),
        ({"rules": ({"pattern": "# a", "groups": ()},)}, "the pattern '# a' matches nothing"),
        ({"include": ("",)}, "the pattern '' matches nothing"),
        ({"exclude": ("a[z-a/***\\",)}, "Source docs: "),
    ],
)
def test_settings_that_are_wrong(config, message):
    with pytest.raises(SettingsError, match=message):
        Selection("docs", SourceSettings(location="/s", **config))


GROUPS = st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple)


def readers(groups):
    """Those of the users a, b and c, each in the group of the same name, and of n, in none, who may read."""
    return {user for user in "abcn" if not groups or user in groups}


@given(GROUPS, GROUPS, st.booleans(), GROUPS, GROUPS, GROUPS)
def test_nothing_in_a_source_ever_adds_a_reader(source, rule, ruled, outer, inner, known):
    config = {"groups": source, "rules": rules(**{"x/": rule}) if ruled else ()}

    def of(*found, **contents):
        return readers(access(Listing(*found, **contents), **config)[0]["x/f"])

    plain = SourceFile("/s/x/f", "f", "x/f")
    aware = SourceFile("/s/x/f", "f", "x/f", groups=known)
    sidecars = {".citewell.toml": outer, "x/.citewell.toml": inner}
    written = {path: f"groups = {list(groups)}".encode() for path, groups in sidecars.items()}
    settings = readers(rule if ruled else source)
    assert of(plain) == settings
    assert of(plain, **written) == settings & readers(outer) & readers(inner)
    assert of(aware, **written) == settings & readers(outer) & readers(inner) & readers(known)


@given(GROUPS, GROUPS)
def test_narrow_is_the_intersection_of_readers(outer, inner):
    assert readers(narrow(outer, inner)) == readers(outer) & readers(inner)
