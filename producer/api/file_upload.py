"""``POST /v1/files``: a form with a file, from the socket to the disk, then to the store."""

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.kept_answers import Call
from infra.postgres.tenants import Tenant
from infra.spool import Spool, open_spool
from producer.api.bodies import did_you_mean, encode
from producer.api.files import files_of
from producer.api.form_parts import FORM_BYTES, Form, Part
from producer.api.keyset import PRIVATE
from producer.api.preferences import idempotency_key
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.files import NewFile
from producer.keyed_files import KeyedFiles
from schemas.errors import FieldError, InputError, PayloadTooLargeError
from schemas.stored_file import (
    LEAST_EXPIRY,
    MOST_EXPIRY,
    UPLOADED,
    FilePurpose,
    FileRecord,
    file_view,
)

_FILE: Final = "file"
_PURPOSE: Final = "purpose"
_ANCHOR: Final = "expires_after[anchor]"
_SECONDS: Final = "expires_after[seconds]"
_FIELDS: Final = (_FILE, _PURPOSE, _ANCHOR, _SECONDS)
_FIELD_BYTES: Final = 1_024
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
# Of OpenAI's other purposes, what to say instead of a guess at a typing error.
_NOT_DONE: Final = {
    "fine-tune": "genq does not train models",
    "assistants": "genq has no assistants",
    "batch_output": "only batches make such files",
}


async def create_file(services: Services, tenant: Tenant, request: Request) -> Response:
    """Take a file: it is durable, and can be used, once this has answered.

    Raises:
        UnsupportedMediaTypeError: The body is no form.
        PayloadTooLargeError: The file is larger than the settings allow.
        InputError: The form is broken, or a field of it is missing or wrong.
        IdempotencyConflictError: The key was used for another upload, or its file is gone.
        ObjectStoreError: The store, or the disk, cannot do its work.
    """
    limit = services.settings.max_file_bytes
    key = idempotency_key(request.headers, "files")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit + FORM_BYTES:
        raise _too_large(limit)
    async with AsyncExitStack() as stack:
        upload = _Upload(stack, services, Form(request))
        made, replayed = await upload.take(tenant, key)
    headers = {**PRIVATE, **({"idempotent-replayed": "true"} if replayed else {})}
    return Response(encode(file_view(made)), 200, headers, "application/json")


class _Upload:
    """One upload; its spool closes with ``stack``."""

    def __init__(self, stack: AsyncExitStack, services: Services, form: Form) -> None:
        self._stack = stack
        self._services = services
        self._form = form
        self._fields: dict[str, str] = {}
        self._head: Part | None = None
        self._spool: Spool | None = None

    async def take(self, tenant: Tenant, key: str | None) -> tuple[FileRecord, bool]:
        """Read the form to its end, then store its file, unless its key did that before."""
        while (part := await self._form.part()) is not None:
            if part.name == _FILE:
                await self._spool_file(part)
            else:
                await self._note(part)
        faults = _missing(self._fields) + _faults(self._fields)
        if self._spool is None or self._head is None:
            faults.append(FieldError("/file", "is missing: the form needs a part of this name"))
        elif not self._spool.size:
            faults.append(FieldError("/file", "is empty: it has no bytes"))
        if faults or self._spool is None or self._head is None:
            raise _refused(*faults)
        seconds = self._fields.get(_SECONDS)
        given = self._head.content_type
        wanted = NewFile(
            purpose=FilePurpose(self._fields[_PURPOSE]),
            filename=self._head.filename,
            content_type=given if _MEDIA_TYPE.fullmatch(given) else "",
            expires_after=timedelta(seconds=int(seconds)) if seconds else None,
        )
        files = files_of(self._services)
        if key is None:
            return await files.create(tenant.id, wanted, self._spool), False
        ttl = self._services.settings.idempotency_ttl
        call = Call(tenant.id, key, await _hash(wanted, self._spool))
        keyed = KeyedFiles(files, self._services.engine, ttl)
        return await keyed.create(call, wanted, self._spool)

    async def _note(self, part: Part) -> None:
        if part.name not in _FIELDS:
            hint = did_you_mean(part.name[:60], _FIELDS)
            raise _refused(FieldError(f"/{part.name[:60]}", f"unknown field; {hint}"))
        if part.name in self._fields:
            raise _refused(FieldError(_pointer(part.name), "is given twice"))
        self._fields[part.name] = await self._form.text(part, _FIELD_BYTES)

    async def _spool_file(self, part: Part) -> None:
        if self._spool is not None:
            raise _refused(FieldError("/file", "is given twice; upload files one by one"))
        # Fields usually come first: whoever sends a wrong one need not send gigabytes.
        faults = _faults(self._fields)
        if faults:
            raise _refused(*faults)
        settings = self._services.settings
        self._head = part
        self._spool = await self._stack.enter_async_context(open_spool(settings))
        async for chunk in self._form.content():
            if self._spool.size + len(chunk) > settings.max_file_bytes:
                raise _too_large(settings.max_file_bytes)
            await self._spool.add(chunk)


async def _hash(wanted: NewFile, spool: Spool) -> bytes:
    # What the form says, not how: its boundary is another one each time. The bytes were
    # digested as they came.
    kept = wanted.expires_after
    return hash_of(
        [
            wanted.purpose,
            wanted.filename,
            wanted.content_type,
            kept and kept.total_seconds(),
            (await spool.finish()).hex(),
        ]
    )


def _missing(fields: Mapping[str, str]) -> list[FieldError]:
    if _PURPOSE in fields:
        return []
    return [FieldError("/purpose", f"is missing; {_purposes()}")]


def _faults(fields: Mapping[str, str]) -> list[FieldError]:
    """Return what is wrong with the fields that are there."""
    found: list[FieldError] = []
    purpose = fields.get(_PURPOSE)
    if purpose is not None and purpose not in UPLOADED:
        known = [one.value for one in UPLOADED]
        why = _NOT_DONE.get(purpose) or did_you_mean(purpose[:60], known)
        found.append(FieldError("/purpose", f"{_purposes()}; {why}"))
    if fields.get(_ANCHOR, "created_at") != "created_at":
        found.append(FieldError(_pointer(_ANCHOR), "must be created_at"))
    seconds = fields.get(_SECONDS)
    fits = seconds is not None and _DIGITS.fullmatch(seconds) is not None
    if seconds is not None and not (fits and LEAST_EXPIRY <= int(seconds) <= MOST_EXPIRY):
        told = f"must be a number from {LEAST_EXPIRY} (an hour) to {MOST_EXPIRY} (thirty days)"
        found.append(FieldError(_pointer(_SECONDS), told))
    return found


def _purposes() -> str:
    return f"must be one of {', '.join(one.value for one in UPLOADED)}"


def _pointer(field: str) -> str:
    return "/" + field.replace("[", "/").replace("]", "")


def _refused(*faults: FieldError) -> InputError:
    return InputError("the form is not acceptable", fields=faults)


def _too_large(limit: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"the file may have {limit} bytes at the most")
