import dataclasses

import pytest

from rag.cite import cite
from rag.disagree import NEARBY, disagreements
from rag.types import Disagreement, User
from rag.versions import versions_of
from tests.fakes.library import evidence_of, put, take_away

EVERYTHING = User()
START = "Every trip with an overnight stay is approved by the line manager before anything is booked."
END = "Claims are handed in within thirty days of the end of the trip, with all receipts."
OLD = [START, "Trains are booked in second class. The maximum hotel rate is EUR 140 per night.", END]
NEW = [START, "Trains are booked in second class. The maximum hotel rate is EUR 165 per night.", END]
RATE = "The maximum hotel rate is EUR {} per night."


@pytest.fixture
def policies(store, embedder):
    old = put(store, embedder, "2024.md", OLD, title="Travel Policy 2024")
    return old, put(store, embedder, "2026.md", NEW, title="Travel Policy 2026")


def cited(store, document, quote, n=1, user=EVERYTHING):
    known = versions_of([document.id], store, user)[document.id]
    return cite(dataclasses.replace(evidence_of(document, quote), document=known), n)


def test_the_older_version_says_otherwise(store, policies):
    old, new = policies
    citation = cited(store, new, RATE.format(165), 3)
    start = old.text.index(RATE.format(140))
    (told,) = disagreements([citation], store, EVERYTHING)
    assert told == Disagreement(
        3, store.references([old.id], EVERYTHING)[old.id], RATE.format(140), start, start + 44, False
    )
    assert old.text[told.start : told.end] == told.quote


def test_the_newer_version_says_otherwise(store, policies):
    old, new = policies
    (told,) = disagreements([cited(store, old, RATE.format(140))], store, EVERYTHING)
    assert (told.document.id, told.quote, told.newer) == (new.id, RATE.format(165), True)


def test_what_both_say_is_no_disagreement(store, policies):
    _, new = policies
    quotes = ("Trains are booked in second class.", START, END)
    assert disagreements([cited(store, new, quote) for quote in quotes], store, EVERYTHING) == ()


def test_two_cited_versions_are_told_once(store, policies):
    old, new = policies
    both = [cited(store, new, RATE.format(165), 1), cited(store, old, RATE.format(140), 2)]
    assert [told.n for told in disagreements(both, store, EVERYTHING)] == [1]


def test_what_has_no_counterpart_is_none(store, embedder, policies):
    newest = put(store, embedder, "2027.md", [*NEW, "Flying needs a reason."], title="Travel Policy 2027")
    assert disagreements([cited(store, newest, "Flying needs a reason.")], store, EVERYTHING) == ()


def test_of_several_older_versions_the_newest_is_told(store, embedder, policies):
    _, new = policies
    newest = put(
        store, embedder, "2027.md", [NEW[0], OLD[1].replace("140", "199"), END], title="Travel Policy 2027"
    )
    (told,) = disagreements([cited(store, newest, RATE.format(199))], store, EVERYTHING)
    assert told.document.id == new.id


def test_a_version_that_is_gone_or_closed_is_not_told(store, embedder):
    put(store, embedder, "2024.md", OLD, title="Travel Policy 2024", groups=["board"])
    new = put(store, embedder, "2026.md", NEW, title="Travel Policy 2026")
    guest, board = User("guest", ()), User("chair", ["board"])
    assert disagreements([cited(store, new, RATE.format(165), user=guest)], store, guest) == ()
    citation = cited(store, new, RATE.format(165), user=board)
    assert len(disagreements([citation], store, board)) == 1
    assert disagreements([citation], store, guest) == (), "the quote is confirmed for the reader himself"
    take_away(store, "2024.md")
    assert disagreements([citation], store, board) == ()


def test_chinese(store, embedder):
    rule = [
        "第一条 为保障员工的休息权利，规范请假手续，结合本公司实际，制定本办法。",
        "第二条 当年未休完的年休假，最多可结转{}天，逾期作废。",
        "第三条 病假期间，工资按基本工资的80%发放。",
    ]
    old = put(store, embedder, "old.md", [one.format(3) for one in rule], title="休假管理办法（2023年版）")
    new = put(store, embedder, "new.md", [one.format(5) for one in rule], title="休假管理办法（2025年版）")
    (told,) = disagreements([cited(store, new, rule[1].format(5))], store, EVERYTHING)
    assert (told.document.id, told.quote) == (old.id, rule[1].format(3))


def test_only_passages_around_the_same_place_are_read(store, embedder):
    filler = [f"Rule {n} speaks of the matter number {n} and of nothing else at all." for n in range(400)]
    old = put(store, embedder, "2024.md", [*filler, *OLD], title="Travel Policy 2024")
    new = put(store, embedder, "2026.md", [*filler, *NEW], title="Travel Policy 2026")
    (told,) = disagreements([cited(store, new, RATE.format(165))], store, EVERYTHING)
    assert told.quote == RATE.format(140)
    assert NEARBY < 400
    far = dataclasses.replace(cited(store, new, RATE.format(165)), start=0)
    assert disagreements([far], store, EVERYTHING) == ()
    assert old.text.index(told.quote) == told.start
