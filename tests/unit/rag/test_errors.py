import inspect
import re

import pytest

import rag.errors
from rag.errors import CitewellError

CLASSES = {
    name: kind
    for name, kind in vars(rag.errors).items()
    if inspect.isclass(kind) and kind.__module__ == "rag.errors"
}


def test_all_is_sorted_and_complete():
    assert rag.errors.__all__ == sorted(CLASSES)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    drawn, path = {}, []
    for line in rag.errors.__doc__.splitlines():
        match = re.match(r"^( {4}[ │├└─]*)(\w+Error)\b", line)
        if match:
            depth = (len(match.group(1)) - 4) // 4
            path = [*path[:depth], match.group(2)]
            drawn[match.group(2)] = path[-2] if depth else "Exception"
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items()}


@pytest.mark.parametrize("kind", CLASSES.values())
def test_each_says_what_happened_and_what_to_do(kind):
    error = kind("The disk is full.", "Free some space.")
    assert isinstance(error, CitewellError)
    assert (str(error), error.message, error.remedy) == (
        "The disk is full.",
        "The disk is full.",
        "Free some space.",
    )
    assert kind("Only this.").remedy == ""
    assert kind.__doc__
