"""POST /v1/documents: upload a file."""

from __future__ import annotations

import os
import shutil
import tempfile
import unicodedata
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ingest.jobs import Job
from ingest.registry import check_name, is_private, private_collection, uploads_name
from rag.errors import DiskFullError, ForbiddenError, IngestError, TooLargeError
from server.auth import Principal, Role, Scope, uploader
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_jobs import JobOut, job_out

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["documents"])

ROOM = 64 * 1024  # of a request beside the file: its other fields and the marks between them
NAME_BYTES = 240
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "One document."},
                        "collection": {"type": "string", "default": "default"},
                        "private": {
                            "type": "boolean",
                            "default": False,
                            "description": "For the asker alone, in a collection of his own.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/documents",
    status_code=202,
    responses=problem_responses(413, 421, 422, 507),
    openapi_extra=_FORM,
    summary="Upload a document",
)
async def upload_document(request: Request, who: Annotated[Principal, Depends(uploader)]) -> JobOut:
    """Takes one file and answers with the job that ingests it, a sync of the source ``uploads`` (of another
    collection: ``uploads.COLLECTION``). A file of a name that is there already takes its place.

    Editors upload for others; everyone may upload for himself alone (``private``).
    """
    at = await run_in_threadpool(desk, request)
    limit = at.settings.ingest.max_file_mb
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise IngestError("an upload is a multipart form", "Send the document as its field file.")
    parser = MultiPartParser(
        request.headers, _limited(request, int(limit * 1e6) + ROOM), max_files=1, max_fields=8
    )
    try:
        form = await parser.parse()
    except _TooLong as error:
        raise _too_large(limit) from error
    except MultiPartException as error:
        raise IngestError(f"the form cannot be read: {error.message}", "Send one field file.") from error
    except ClientDisconnect as error:
        raise IngestError("the upload was broken off", "Send it again.") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise IngestError("the form has no file", "Send the document as its field file.")
        collection = _collection(form, who)
        if (file.size or 0) > limit * 1e6:
            raise _too_large(limit)
        return job_out(await run_in_threadpool(_keep, at, file, collection))
    finally:
        await form.close()


def _collection(form: FormData, who: Principal) -> str:
    """Where the file goes. Raises IngestError, and ForbiddenError when that is not for this principal."""
    private, collection = str(form.get("private", "")).lower(), form.get("collection", "default")
    if private not in ("", "true", "false"):
        raise IngestError("the field private is neither true nor false", "Send one of these, or none.")
    if private == "true":
        return private_collection(who.id)
    if not isinstance(collection, str) or is_private(collection):
        raise IngestError(
            "what goes into this collection is private", "Send private=true for your own, or name another."
        )
    if not who.may(Role.EDITOR, Scope.DOCUMENTS):
        raise ForbiddenError("Only editors upload for others.", "Send private=true to upload for yourself.")
    return collection


class _TooLong(MultiPartException):
    """A MultiPartException, so that the parser gives back what it holds."""

    def __init__(self) -> None:
        super().__init__("too long")


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body, as far as it is not too long: what follows is not even received."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _TooLong
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > most:
            raise _TooLong
        yield part


def _too_large(limit: float) -> TooLargeError:
    return TooLargeError(f"over {limit:g} MB", "Raise ingest.max_file_mb or split the document.")


def _keep(at: Desk, file: UploadFile, collection: str) -> Job:
    """Put the file where its source finds it, whole or not at all, and ask for its ingestion."""
    name, collection = _file_name(file.filename or ""), check_name(collection, "collection")
    folder = at.settings.uploads_dir / collection
    incoming = at.settings.uploads_dir / ".incoming"  # no collection is called so
    try:
        for path in (folder, incoming):
            path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=incoming, delete=False) as kept:
            try:
                file.file.seek(0)
                shutil.copyfileobj(file.file, kept)
                kept.flush()
                os.fsync(kept.fileno())
                os.replace(kept.name, folder / name)
            except BaseException:
                Path(kept.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise DiskFullError(
            f"The upload cannot be kept in {folder}: {error.strerror or error}.", "Free some disk space."
        ) from error
    return at.jobs.upload(uploads_name(collection))


def _file_name(given: str) -> str:
    """The bare name of an uploaded file. Raises IngestError when it has none that a file may have."""
    name = unicodedata.normalize("NFC", given.replace("\\", "/").rpartition("/")[2]).strip()
    if not name or name.startswith(".") or not name.isprintable() or len(name.encode()) > NAME_BYTES:
        raise IngestError(
            f"{given[:80]!r} cannot be the name of an uploaded file",
            f"Give it a name of at most {NAME_BYTES} bytes that does not begin with a dot.",
        )
    return name
