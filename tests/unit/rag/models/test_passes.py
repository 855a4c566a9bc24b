import threading

import numpy as np

from rag.models.passes import Memory, Remembering, SharedPasses
from tests.fakes.embedder import HashingEmbedder


class Held(HashingEmbedder):
    """Its first pass waits until it may go on; a text "bad" breaks whatever pass it is in."""

    def __init__(self):
        super().__init__()
        self.passes = []
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def token_vectors(self, texts, kind):
        self.passes.append((kind, list(texts)))
        self.begun.set()
        assert self.go_on.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return super().token_vectors(texts, kind)


def same(found, texts):
    for one, want in zip(found, HashingEmbedder().token_vectors(texts, "passage"), strict=True):
        np.testing.assert_array_equal(one.vectors, want.vectors)
        np.testing.assert_array_equal(one.whole, want.whole)
        assert one.spans == want.spans


def test_those_who_wait_share_a_pass_and_errors_stay_where_they_belong(settled):
    held = Held()
    shared = SharedPasses(held)
    found, errors = {}, {}

    def ask(name, texts, kind="passage"):
        try:
            found[name] = shared.token_vectors(texts, kind)
        except ValueError as error:
            errors[name] = error

    asks = [
        ("a", ["one"]),
        ("b", ["two", "three"]),
        ("c", ["four"]),
        ("d", ["five"], "query"),
        ("e", ["bad"]),
    ]
    threads = [threading.Thread(target=ask, args=each) for each in asks]
    threads[0].start()
    assert held.begun.wait(10)
    for thread in threads[1:4]:
        thread.start()
    settled(lambda: len(shared._waiting) == 3)
    held.go_on.set()
    for thread in threads[:4]:
        thread.join(10)
    assert held.passes[0] == ("passage", ["one"])
    assert ("query", ["five"]) in held.passes
    together = next(texts for kind, texts in held.passes[1:] if kind == "passage")
    assert sorted(together) == ["four", "three", "two"]
    for name, texts in (("a", ["one"]), ("b", ["two", "three"]), ("c", ["four"]), ("d", ["five"])):
        same(found[name], texts)

    held.go_on.clear()
    held.begun.clear()
    first = threading.Thread(target=ask, args=("a", ["one"]))
    first.start()
    assert held.begun.wait(10)
    others = [threading.Thread(target=ask, args=("f", ["six"])), threads[4]]
    for thread in others:
        thread.start()
    settled(lambda: len(shared._waiting) == 2)
    held.go_on.set()
    for thread in (first, *others):
        thread.join(10)
    same(found["f"], ["six"])
    assert list(errors) == ["e"]


def test_what_was_just_read_is_known_within_a_scope():
    held = Held()
    held.go_on.set()
    memory = Memory()
    ada, bob, eve = (Remembering(held, memory, scope) for scope in ("staff", "staff", "board"))
    same(ada.token_vectors(["one", "two", "one"], "passage"), ["one", "two", "one"])
    same(bob.token_vectors(["two", "three"], "passage"), ["two", "three"])
    ada.token_vectors(["two"], "query")
    eve.token_vectors(["two"], "passage")
    assert held.passes == [
        ("passage", ["one", "two"]), ("passage", ["three"]), ("query", ["two"]), ("passage", ["two"]),
    ]  # fmt: skip
    assert ada.token_vectors([], "passage") == []


def test_a_memory_forgets_what_was_not_asked_for_the_longest():
    texts = [f"text {i}" for i in range(4)]
    vectors = HashingEmbedder().token_vectors(texts, "passage")
    memory = Memory(most=3 * vectors[0].vectors.nbytes)
    for text, found in zip(texts[:3], vectors[:3], strict=True):
        memory.put((text,), found)
    assert memory.get((texts[0],)) is vectors[0]
    memory.put((texts[3],), vectors[3])
    assert [memory.get((text,)) for text in texts] == [vectors[0], None, vectors[2], vectors[3]]
