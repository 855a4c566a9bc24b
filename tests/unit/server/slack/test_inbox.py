"""Each event counts once and is held by one server at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from rag.settings import Settings
from rag.store import Store
from rag.tables_slack import slack_event
from server.slack.inbox import Claimed, Inbox, Lost, Received


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return Inbox(store, "one", 30)


def received(key: str, place: str = "", thread: str = "", person: str = "U1") -> Received:
    return Received(key, "question", {"text": f"What is {key}?"}, person, place, thread)


def claimed(inbox: Inbox) -> Claimed:
    found = inbox.claim()
    assert found is not None
    return found


def test_an_event_and_its_message_count_once(inbox: Inbox) -> None:
    assert inbox.put(received("Ev1", "T1:C1:1.1"))
    assert not inbox.put(received("Ev1", "T1:C1:9.9"))
    assert not inbox.put(received("Ev2", "T1:C1:1.1"))
    assert inbox.put(received("Ev3", "T1:C1:1.2"))
    assert [claimed(inbox).id, claimed(inbox).id] == ["Ev1", "Ev3"]
    assert inbox.claim() is None


def test_what_is_worked_on_here_is_not_begun_again_here_however_late_the_lease_is(store: Store) -> None:
    slow = Inbox(store, "slow", -1)
    slow.put(received("Ev1"))
    held = claimed(slow)
    assert slow.claim([held.id]) is None
    assert claimed(slow).attempts == 2
    assert claimed(Inbox(store, "another", 30)).id == "Ev1"


def test_what_is_done_is_remembered_without_its_text(inbox: Inbox, store: Store) -> None:
    inbox.put(received("Ev1"))
    one = claimed(inbox)
    assert (one.payload, one.attempts) == ({"text": "What is Ev1?"}, 1)
    inbox.done(one)
    with store.read() as connection:
        row = connection.execute(select(slack_event)).one()
    assert (row.state, row.payload) == ("done", {})
    assert not inbox.put(received("Ev1"))


def test_another_server_takes_over_when_the_lease_has_ended(store: Store) -> None:
    first, second = Inbox(store, "one", -1), Inbox(store, "two", 30)  # the first's leases have ended already
    first.put(received("Ev1"))
    dead = claimed(first)
    first.note(dead, replies=["1.5"])
    taken = claimed(second)
    assert (taken.id, taken.attempts, taken.notes) == ("Ev1", 2, {"replies": ["1.5"]})
    with pytest.raises(Lost):
        first.note(dead, replies=["1.6"])
    first.done(dead)
    second.note(taken, replies=["1.7"])
    assert second.claim() is None


def test_a_server_goes_on_holding_what_it_renews(store: Store) -> None:
    first = Inbox(store, "one", -1)
    first.put(received("Ev1"))
    claimed(first)
    Inbox(store, "one", 30).renew()
    assert Inbox(store, "two", 30).claim() is None


def test_questions_of_a_thread_come_in_their_order(inbox: Inbox) -> None:
    inbox.put(received("Ev1", thread="C1:1.1"))
    inbox.put(received("Ev2", thread="C1:1.1"))
    inbox.put(received("Ev3", thread="C1:2.1"))
    first = claimed(inbox)
    assert [first.id, claimed(inbox).id] == ["Ev1", "Ev3"]
    assert inbox.claim() is None
    inbox.done(first)
    assert claimed(inbox).id == "Ev2"


def test_one_that_is_given_back_waits(inbox: Inbox) -> None:
    inbox.put(received("Ev1"))
    inbox.again(claimed(inbox), 60)
    assert inbox.claim() is None
    inbox.put(received("Ev2"))
    inbox.again(claimed(inbox), 0, counts=False)
    assert claimed(inbox).attempts == 1


def test_places_in_the_queue_and_what_somebody_asked(inbox: Inbox) -> None:
    begun = time.time() - 1
    for number in range(4):
        inbox.put(received(f"Ev{number}", person="U1" if number % 2 else "U2"))
    assert [inbox.ahead(f"Ev{number}") for number in range(4)] == [0, 1, 2, 3]
    inbox.done(claimed(inbox))
    assert [inbox.ahead(f"Ev{number}") for number in range(4)] == [0, 0, 1, 2]
    last = [claimed(inbox) for _ in range(3)][-1]
    assert (inbox.asked("U1", begun, last), inbox.asked("U2", begun, last)) == (2, 2)
    assert inbox.asked("U1", time.time(), last) == 0


def test_many_servers_share_the_work_and_nothing_is_done_twice(settings: Settings, store: Store) -> None:
    for number in range(40):
        Inbox(store, "x", 30).put(received(f"Ev{number:02}"))
    found: list[str] = []

    def work(name: str) -> None:
        own = Store.open(settings)
        inbox = Inbox(own, name, 30)
        while (one := inbox.claim()) is not None:
            found.append(one.id)
            inbox.done(one)
        own.close()

    threads = [threading.Thread(target=work, args=(f"server {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == [f"Ev{number:02}" for number in range(40)]
