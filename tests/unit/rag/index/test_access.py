"""Numbers for who may read what, against the definition."""

import itertools

import pytest

from rag.index.access import GONE, Accesses, reader_names
from rag.types import User

OPEN = frozenset({("default", frozenset({"*"}))})
STAFF = frozenset({("default", frozenset({"staff"}))})
PLANS = frozenset({("plans", frozenset({"board", "staff"})), ("archive", frozenset({"board"}))})
NOBODYS = frozenset({("default", frozenset({"!"}))})
NOWHERE = frozenset()
KINDS = (OPEN, STAFF, PLANS, NOBODYS, NOWHERE)
GROUPS = (None, (), ("staff",), ("board",), ("staff", "others"), ("!",))
COLLECTIONS = (None, ("default",), ("plans",), ("archive", "default"), ())


@pytest.mark.parametrize(("groups", "collections"), [*itertools.product(GROUPS, COLLECTIONS)])
def test_a_table_tells_who_may_read(groups, collections):
    accesses = Accesses()
    numbers = [accesses.number(kind) for kind in KINDS]
    user = User("x", groups, collections)
    names = reader_names(user)
    want = [
        (groups is None and collections is None)
        or any(
            (collections is None or where in collections) and (names is None or set(names) & readers)
            for where, readers in kind
        )
        for kind in KINDS
    ]
    table = accesses.table(user)
    assert [bool(table[number]) for number in numbers] == [bool(one) for one in want]
    assert not table[GONE]


def test_a_table_grows_with_what_is_met():
    accesses, user = Accesses([STAFF]), User("x", ("staff",))
    assert accesses.table(user).tolist() == [True, False]
    assert accesses.number(OPEN) == 1
    assert accesses.number(STAFF) == 0
    assert accesses.table(user).tolist() == [True, True, False]
    assert accesses.table(User("y", ())).tolist() == [False, True, False]
    assert list(accesses) == [STAFF, OPEN]
