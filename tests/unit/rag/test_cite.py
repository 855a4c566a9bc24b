import dataclasses

import pytest

from rag.cite import Standing, cite, confirmed
from rag.types import Citation, DocumentRef, User
from tests.fakes.library import evidence_of, put, reference_of, take_away


@pytest.fixture
def documents(store, embedder):
    rules = put(store, embedder, "rules.md", ["One rule. Two rules."], title="Rules", heading=("H",))
    secret = put(store, embedder, "secret.md", ["A secret rule."], groups=["board"])
    return rules, secret


def test_a_citation_points_to_the_quote(documents):
    rules, _ = documents
    evidence = evidence_of(rules, "Two rules.", 4, page=7, heading=("H",))
    assert cite(evidence, 2) == Citation(
        2, rules.id, "Rules", "rules.md", 7, ("H",), "Two rules.", 10, 20, 1.5
    )


def test_only_what_still_stands_there_is_confirmed(store, embedder, documents):
    rules, secret = documents
    one, two = evidence_of(rules, "One rule.", 1), evidence_of(rules, "Two rules.", 2)
    hidden = evidence_of(secret, "A secret rule.", 3)
    assert confirmed([one, hidden, two], store, User()) == [
        dataclasses.replace(e, n=n) for n, e in enumerate([one, hidden, two], start=1)
    ]
    assert confirmed([hidden, two, one], store, User("s", ())) == [
        dataclasses.replace(two, n=1),
        dataclasses.replace(one, n=2),
    ]
    put(store, embedder, "rules.md", ["One rule. Three rules."], title="Rules")
    # another version is another document
    assert confirmed([two, one], store, User()) == []


def test_a_citation_names_the_versions_of_its_document(documents):
    rules, _ = documents
    newest, oldest = (DocumentRef(key, f"{key}.md", key, "en") for key in ("newest", "oldest"))
    document = dataclasses.replace(
        reference_of(rules), edition="2024", superseded_by=newest, supersedes=(oldest,)
    )
    evidence = dataclasses.replace(evidence_of(rules, "Two rules."), document=document)
    citation = cite(evidence, 1)
    assert (citation.edition, citation.modified) == ("2024", 1.5)
    assert (citation.superseded_by, citation.supersedes) == (newest, (oldest,))


def test_what_stands_is_looked_up_anew_when_the_database_has_changed(store, embedder, documents, monkeypatch):
    rules, secret = documents
    one, hidden = evidence_of(rules, "One rule.", 1), evidence_of(secret, "A secret rule.", 2)
    looks = []
    excerpt = store.excerpt
    monkeypatch.setattr(store, "excerpt", lambda *about: looks.append(about) or excerpt(*about))
    board, guest = (
        Standing([one, hidden], store, User("c", ["board"])),
        Standing([one, hidden], store, User("g", ())),
    )
    assert board.now() == (one, hidden)
    assert guest.now() == (one,)
    assert board.now() == (one, hidden)
    assert len(looks) == 3
    put(store, embedder, "new.md", ["Something else."])
    assert board.now() == (one, hidden)
    assert len(looks) == 5
    take_away(store, "rules.md")
    assert (board.now(), guest.now()) == ((hidden,), ())
    put(store, embedder, "rules.md", ["One rule. Two rules."], title="Rules", heading=("H",))
    assert (board.now(), guest.now()) == ((hidden,), ()), "what is gone does not come back"


def test_what_stands_is_called_as_the_reader_sees_it_now(store, embedder):
    rule = "All trips are approved by the line manager before anything is booked, also short ones by train."
    old = put(store, embedder, "2024.md", [rule], title="Policy 2024")
    standing = Standing([evidence_of(old, rule)], store, User("g", ()))
    assert standing.now()[0].document.superseded_by is None
    put(store, embedder, "2026.md", [rule, "And more."], title="Policy 2026")
    assert standing.now()[0].document.superseded_by.title == "Policy 2026"
    take_away(store, "2026.md")
    assert standing.now()[0].document.superseded_by is None
