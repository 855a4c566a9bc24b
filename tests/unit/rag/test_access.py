from rag.access import access_scope
from rag.types import User


def test_a_scope_is_that_of_the_groups_not_of_the_person():
    ada = access_scope(User("ada", ("staff", "board")))
    assert access_scope(User("bob", ("board", "staff", "staff"), ("handbook",))) == ada
    others = {access_scope(User("ada", groups)) for groups in ((), ("staff",), ("staffboard",), None)}
    assert len(others | {ada}) == 5
    assert all(len(scope) == 64 for scope in others)
