import dataclasses
import itertools

from ingest.kin import stated_in_name
from rag.types import DocumentRef, User
from rag.versions import marked, newer, newest_first, versions_of
from tests.fakes.library import put, take_away

RULE = (
    "Every trip with an overnight stay is approved by the line manager before anything is booked.",
    "Trains are booked in second class. The maximum hotel rate is EUR {rate} per night.",
    "Claims are handed in within thirty days of the end of the trip, with all receipts.",
)


def paragraphs(rate):
    return [paragraph.format(rate=rate) for paragraph in RULE]


def ref(key, edition="", modified=None):
    return DocumentRef(key, f"{key}.md", key, "en", modified, edition)


def test_editions_decide_before_the_times_of_change():
    assert newer(ref("a", "2026", 1.0), ref("b", "2024", 2.0))
    assert not newer(ref("b", "2024", 2.0), ref("a", "2026", 1.0))
    assert newer(ref("a", stated_in_name("rules v1.10")), ref("b", stated_in_name("rules v1.9")))


def test_without_comparable_editions_the_times_decide():
    for one, other in itertools.product(("", "2026", "v0005"), repeat=2):
        if one != other or not one:
            assert newer(ref("a", one, 2.0), ref("b", other, 1.0))
    assert newer(ref("a", "2026", 2.0), ref("b", "2026-01-01", 1.0))


def test_of_equals_and_unknown_ones_neither_is_newer():
    for a, b in ((ref("a"), ref("b")), (ref("a", "", 1.0), ref("b", "", 1.0)), (ref("a", "", 1.0), ref("b"))):
        assert not newer(a, b)
        assert not newer(b, a)


def test_a_document_is_marked_with_its_versions():
    oldest, old, new, newest = (ref(str(year), str(year)) for year in (2020, 2022, 2024, 2026))
    twin = ref("twin", "2024")
    assert marked(new, [oldest, newest, twin, old]) == dataclasses.replace(
        new, superseded_by=newest, supersedes=(old, oldest)
    )
    assert marked(oldest, [old, new]) == dataclasses.replace(oldest, superseded_by=new)
    assert marked(new, []) == new
    assert newest_first([oldest, newest, old, new]) == [newest, new, old, oldest]


def test_versions_are_those_that_the_reader_may_read(store, embedder):
    old = put(store, embedder, "2024.md", paragraphs(140), title="Travel Policy 2024")
    new = put(store, embedder, "2026.md", paragraphs(165), title="Travel Policy 2026", groups=["board"])
    board, guest = User("chair", ["board"]), User("guest", ())
    assert versions_of([old.id], store, board)[old.id].superseded_by.id == new.id
    assert [one.id for one in versions_of([new.id], store, board)[new.id].supersedes] == [old.id]
    assert versions_of([old.id, new.id], store, guest) == store.references([old.id], guest)
    assert versions_of([old.id], store, guest)[old.id].superseded_by is None
    take_away(store, "2026.md")
    assert versions_of([old.id, new.id], store, board) == store.references([old.id], board)
