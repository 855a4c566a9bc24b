import dataclasses

import pytest

from rag.cite import cite, confirmed
from rag.types import Citation, User
from tests.fakes.library import evidence_of, put


@pytest.fixture
def documents(store, embedder):
    rules = put(store, embedder, "rules.md", ["One rule. Two rules."], title="Rules", heading=("H",))
    secret = put(store, embedder, "secret.md", ["A secret rule."], groups=["board"])
    return rules, secret


def test_a_citation_points_to_the_quote(documents):
    rules, _ = documents
    evidence = evidence_of(rules, "Two rules.", 4, page=7, heading=("H",))
    assert cite(evidence, 2) == Citation(2, rules.id, "Rules", "rules.md", 7, ("H",), "Two rules.", 10, 20)


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
    assert confirmed([two, one], store, User()) == [dataclasses.replace(one, n=1)]
    store.remove_documents(["rules.md"])
    assert confirmed([two, one], store, User()) == []
