"""Every error as RFC 9457 problem details, from one table: error class -> HTTP status."""

from __future__ import annotations

import http
import math
import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rag import errors
from server.logs import request_id

__all__ = ["STATUS", "Problem", "add_problem_handlers", "problem_of", "problem_response", "status_of"]

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"
_AGAIN_LATER = {http.HTTPStatus.SERVICE_UNAVAILABLE, http.HTTPStatus.TOO_MANY_REQUESTS}

STATUS: dict[type[errors.CitewellError], int] = {
    errors.CitewellError: 500,
    errors.SettingsError: 500,
    errors.SettingsChangeError: 422,
    errors.QuestionError: 422,
    errors.ConversationError: 409,
    errors.QuestionSetError: 422,
    errors.EvaluationError: 409,
    errors.MachineError: 503,
    errors.MissingPackageError: 503,
    errors.ModelError: 503,
    errors.UnknownModelError: 503,
    errors.ModelMissingError: 503,
    errors.DownloadError: 502,
    errors.HashMismatchError: 503,
    errors.ConversionError: 503,
    errors.EmbedderUnavailableError: 503,
    errors.ProbeError: 503,
    errors.GeneratorError: 503,
    errors.GeneratorUnavailableError: 503,
    errors.GeneratorStartError: 503,
    errors.IngestError: 422,
    errors.SourceNotFoundError: 404,
    errors.SourceUnavailableError: 502,
    errors.SourceConflictError: 409,
    errors.UnsupportedFormatError: 415,
    errors.UnreadableFileError: 422,
    errors.TooLargeError: 413,
    errors.PageNotFoundError: 404,
    errors.StoreError: 500,
    errors.DiskFullError: 507,
    errors.NotFoundError: 404,
    errors.SchemaError: 500,
    errors.IndexStateError: 500,
    errors.AccessError: 403,
    errors.SignInError: 401,
    errors.ForbiddenError: 403,
    errors.ProviderError: 502,
    errors.TooManyRequestsError: 429,
    errors.AccountError: 422,
    errors.AccountConflictError: 409,
    errors.BusyError: 503,
}


class Invalid(BaseModel):
    """One part of a request that is wrong. What was given is not repeated: it may be private."""

    location: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details. ``remedy``, ``request_id`` and ``errors`` are extensions."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:citewell:problem:question",
                    "title": "Question",
                    "status": 422,
                    "detail": "The question is longer than 2000 characters.",
                    "remedy": "Shorten it.",
                    "request_id": "6f1e0c9b7a52",
                    "errors": [],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    remedy: str = ""
    request_id: str = ""
    errors: list[Invalid] = []


def status_of(error: errors.CitewellError) -> int:
    """HTTP status of an error: that of its class, or of the nearest class above it."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_of(error: errors.CitewellError) -> Problem:
    """An error as problem details; the type and title come from the name of its class."""
    words = re.findall(r"[A-Z][a-z]*", type(error).__name__.removesuffix("Error"))
    return Problem(
        type="urn:citewell:problem:" + "-".join(words).lower(),
        title=" ".join(words).capitalize(),
        status=status_of(error),
        detail=error.message,
        remedy=error.remedy,
        request_id=request_id.get(),
    )


def http_problem(status: int, detail: str = "", invalid: Sequence[Invalid] = ()) -> Problem:
    """Problem details of a plain HTTP error."""
    phrase = http.HTTPStatus(status).phrase
    return Problem(
        type="about:blank",
        title=phrase,
        status=status,
        detail=detail or phrase,
        request_id=request_id.get(),
        errors=list(invalid),
    )


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The response that carries a problem."""
    sent = dict(headers or {})
    if problem.status in _AGAIN_LATER:
        sent.setdefault("Retry-After", RETRY_AFTER_S)
    if problem.status == http.HTTPStatus.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", "Bearer")
    return Response(problem.model_dump_json(), problem.status, sent, MEDIA_TYPE)


async def _citewell(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CitewellError)
    wait = error.retry_after_s
    return problem_response(
        problem_of(error), None if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}
    )


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    invalid = [
        Invalid(location=".".join(str(part) for part in found["loc"]), message=str(found["msg"]))
        for found in error.errors()
    ]
    return problem_response(http_problem(422, "The request is not valid; see errors.", invalid))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_response(http_problem(error.status_code, error.detail), dict(error.headers or {}))


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of ``app`` a problem, and describe problems in its OpenAPI document.

    Unexpected errors are answered by RequestLog in server/middleware.py, which still knows the request's id.
    """
    app.add_exception_handler(errors.CitewellError, _citewell)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(problem.pop("$defs"), Problem=problem)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the statuses that a route may answer with besides success."""
    # FastAPI's own `model` would describe them as application/json
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": http.HTTPStatus(status).phrase, "content": content} for status in statuses
    }
