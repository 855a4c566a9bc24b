"""Dependencies of routes: who asks, when they may do what the route does."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from server.auth.principal import OPERATOR, Principal

__all__ = ["administrator", "editor", "reader"]


def reader() -> Principal:
    """Whoever may ask. The server listens on this machine only, so that is its operator."""
    return OPERATOR


def editor(principal: Annotated[Principal, Depends(reader)]) -> Principal:
    """Whoever may bring documents in."""
    return principal


def administrator(principal: Annotated[Principal, Depends(reader)]) -> Principal:
    """Whoever may run the place."""
    return principal
