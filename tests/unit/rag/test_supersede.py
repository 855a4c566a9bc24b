import dataclasses

import numpy as np
import pytest

from rag.supersede import supersede
from rag.types import Query, User
from tests.fakes.library import hit_of, put
from tests.unit.rag.test_versions import paragraphs

TITLES = {2022: "Travel Policy 2022", 2024: "Travel Policy 2024", 2026: "Travel Policy 2026"}
EVERYTHING = User()


def found(store, document, position=0):
    return dataclasses.replace(
        hit_of(document, position), document=store.references([document.id], EVERYTHING)[document.id]
    )


@pytest.fixture
def policies(store, embedder):
    return {
        year: put(store, embedder, f"{year}.md", paragraphs(year - 1880), title=title)
        for year, title in TITLES.items()
    }


@pytest.fixture
def leading(store, policies):
    """Question -> by year: the year that its policy yields to, None where it leads."""

    def run(question, user=EVERYTHING):
        hits = [found(store, document) for document in policies.values()]
        query = Query(question, "en", np.zeros(4, np.float32), {})
        years = {document.id: year for year, document in policies.items()}
        told = supersede(query, hits, store, user)
        assert [hit.chunk for hit in told] == [hit.chunk for hit in hits]
        return {years[hit.document.id]: years.get(hit.yields_to) for hit in told}

    return run


@pytest.mark.parametrize(
    ("question", "leader"),
    [
        ("What is the maximum hotel rate?", 2026),
        ("What is the maximum hotel rate since 1 January 2026?", 2026),
        ("What is the maximum hotel rate in the 2024 policy?", 2024),
        ("2024年的住宿标准是多少？", 2024),
        # in that year that of 2024 was in force
        ("What was the maximum hotel rate in 2025?", 2024),
        ("What was the maximum hotel rate in 2019?", 2026),
        ("What did the old travel policy say?", 2024),
        ("以前的住宿标准是多少？", 2024),
        ("What does version 7 say?", 2026),
    ],
)
def test_the_newest_leads_unless_another_one_is_asked_for(leading, question, leader):
    assert leading(question) == {year: None if year == leader else leader for year in TITLES}


def test_two_that_are_asked_for_both_lead(leading):
    assert leading("Compare the hotel rates of 2022 and 2026.") == {2022: None, 2024: 2026, 2026: None}


def test_each_document_is_given_its_versions(store, policies):
    query = Query("Rate?", "en", np.zeros(4, np.float32), {})
    hits = [found(store, policies[2024]), found(store, policies[2024], 1)]
    for hit in supersede(query, hits, store, EVERYTHING):
        assert hit.document.superseded_by.id == policies[2026].id
        assert [older.id for older in hit.document.supersedes] == [policies[2022].id]


def test_what_the_reader_may_not_see_plays_no_part(store, embedder):
    old = put(store, embedder, "2024.md", paragraphs(140), title="Travel Policy 2024")
    put(store, embedder, "2026.md", paragraphs(165), title="Travel Policy 2026", groups=["board"])
    query = Query("Rate?", "en", np.zeros(4, np.float32), {})
    hits = [found(store, old)]
    assert supersede(query, hits, store, User("guest", ())) == hits
    assert supersede(query, hits, store, User("chair", ["board"])) != hits
    assert supersede(query, [], store, EVERYTHING) == []
