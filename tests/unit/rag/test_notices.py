import dataclasses

import pytest

from rag.notices import gap_notices, version_label, version_notices
from rag.types import Citation, Disagreement, DocumentRef, Gap

OLD = DocumentRef("old", "old.md", "Travel Policy 2024", "en", 1.0, "2024-03-01 v0004")
NEW = DocumentRef("new", "new.md", "Travel Policy 2026", "en", 2.0, "2026")
CITATION = Citation(1, "new", NEW.title, NEW.source, None, (), "EUR 165", 0, 7, 2.0, "2026", None, (OLD,))
TOLD = Disagreement(1, OLD, "EUR 140", 0, 7, False)
OLDER = "Travel Policy 2024 (2024-03-01, v4)"


def test_labels():
    assert version_label("Policy", "2026-01-01, v5", 1.0) == "Policy (2026-01-01, v5)"
    assert version_label("Policy 2026", "2026", 1.0) == "Policy 2026"
    assert version_label("Policy", "", 86400.0) == "Policy (1970-01-02)"
    assert version_label("Policy", "", None) == "Policy"
    assert version_label("休假管理办法", "v3", None) == "休假管理办法（v3）"


def test_the_older_is_named_as_superseded():
    assert version_notices([CITATION], [], "en") == [f"{OLDER} is superseded by Travel Policy 2026."]
    again = dataclasses.replace(CITATION, n=2)
    assert len(version_notices([CITATION, again], [], "en")) == 1


def test_an_older_one_that_is_cited_is_named_as_superseded():
    citation = Citation(
        1, "old", OLD.title, OLD.source, None, (), "EUR 140", 0, 7, 1.0, OLD.edition, superseded_by=NEW
    )
    assert version_notices([citation], [], "en") == [f"{OLDER} is superseded by Travel Policy 2026."]
    assert len(version_notices([citation, dataclasses.replace(CITATION, n=2)], [], "en")) == 1


def test_a_disagreement_names_the_version_itself():
    assert version_notices([CITATION], [TOLD], "en") == [f"The superseded version, {OLDER}, says: “EUR 140”"]
    newer = dataclasses.replace(TOLD, document=NEW, newer=True)
    citation = dataclasses.replace(CITATION, document_id="old", supersedes=(), superseded_by=NEW)
    assert version_notices([citation], [newer], "en") == [
        "The newer version, Travel Policy 2026, says: “EUR 140”"
    ]


@pytest.mark.parametrize("language", ["zh", "de", "ja", "fr", "es", "ru", "ar", "pl"])
def test_every_language_says_all_of_it(language):
    (told,) = version_notices([CITATION], [TOLD], language)
    assert OLDER in told
    assert "EUR 140" in told
    (named,) = version_notices([CITATION], [], language)
    assert OLDER in named
    assert NEW.title in named
    assert "{" not in told + named


def test_a_quote_with_braces_is_a_quote():
    told = dataclasses.replace(TOLD, quote="{title} {0}")
    assert "“{title} {0}”" in version_notices([CITATION], [told], "en")[0]


def test_nothing_to_tell():
    assert version_notices([dataclasses.replace(CITATION, supersedes=())], [], "en") == []


@pytest.mark.parametrize("language", ["en", "zh", "de", "ja", "fr", "es", "ru", "ar", "pl"])
def test_gaps_are_told_in_the_readers_language(language):
    part, fact = Gap("part", "Who {approves} it?"), Gap("fact", "unless agreed", 2)
    told = gap_notices([part, fact, part], language)
    assert len(told) == 2
    assert part.text in told[0]
    assert fact.text in told[1]
    assert "[2]" in told[1]
