"""Cursors: where a list goes on, opaque to whoever sends them back."""

from __future__ import annotations

import base64
import binascii
import json

from fastapi.exceptions import RequestValidationError

__all__ = ["cursor", "place_of"]

_Place = tuple[float, str]
_MOST = 2.0**53  # beyond it a float is no longer every whole number


def cursor(place: _Place) -> str:
    """The place of the last item that was sent."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(given: str | None) -> _Place | None:
    """What ``cursor`` was given; None for None. Raises RequestValidationError for what it never made."""
    if given is None:
        return None
    try:
        number, key = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        place = float(number), str(key)
        if not abs(place[0]) <= _MOST:
            raise ValueError
        return place
    except (binascii.Error, OverflowError, ValueError, TypeError) as error:
        wrong = {"loc": ("query", "cursor"), "msg": "no cursor of this list: leave it out to begin anew"}
        raise RequestValidationError([wrong]) from error
