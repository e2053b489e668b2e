"""A line of a batch becomes a job, or is answered that it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import structlog

from infra.postgres.submit import NewJob
from infra.postgres.tenants import Tenant
from producer.api.bodies import refuse_unstorable
from producer.batches.erased_marks import is_erased, people_in, people_of
from producer.batches.file_lines import FileLine
from producer.batches.line_asides import aside_of_line
from producer.batches.line_check import InputLine, LineFault, check_line
from producer.batches.parts import BatchParts
from producer.bulk_items import is_refusal
from producer.input_rules import MAX_DEPTH, MAX_MEMBERS
from producer.moderation_answer import moderation_answer
from producer.openai.endpoint import Defaults
from producer.openai.refusals import refusal_of_error
from schemas.batch_record import BatchRecord
from schemas.errors import FieldError, GenqError, InputError, InternalError
from schemas.ids import format_id
from schemas.model_catalog import picture_models

MODERATIONS: Final = "/v1/moderations"
_NUL_ESCAPE: Final = b"\\u0000"
_OK: Final = 200

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LineDraft:
    """A line on its way: it has a job, or an answer.

    Attributes:
        number: Its place in the file, from 1.
        answer: ``{"status_code", "body"}``.
        erased: Its person was erased: it says nothing, and asks for nothing.
        people: Whom it names, in each of the places that count.
    """

    number: int
    custom_id: str
    new: NewJob | None = None
    answer: Mapping[str, Any] | None = None
    erased: bool = False
    people: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether it was answered, and well."""
        return self.answer is not None and self.answer["status_code"] == _OK

    def refused(self, error: GenqError, public_url: str, *, of_job: bool = True) -> "LineDraft":
        """Return the line as one that cannot become a job."""
        status, body = refusal_of_error(error, public_url=public_url, of_job=of_job)
        return replace(self, new=None, answer={"status_code": status, "body": body})


class LineDrafter:
    """Makes drafts of the lines of one batch.

    Args:
        parts: What it takes.
        batch: Whose lines they are.
        tenant: Whose batch it is, as it is now.
    """

    def __init__(self, parts: BatchParts, batch: BatchRecord, tenant: Tenant) -> None:
        self._parts = parts
        self._batch = batch
        self._tenant = tenant
        self._public_url = parts.settings.public_url.rstrip("/")
        self._longest = parts.settings.max_body_bytes
        self._defaults = Defaults(
            batch.lane,
            batch.priority,
            image_models=picture_models(parts.settings.model_servers),
        )

    def plain(self, line: FileLine) -> LineDraft:
        """Return a line that becomes nothing any more."""
        return _plain(line, self._checked(line))

    async def draft(self, line: FileLine) -> LineDraft:
        """Return what becomes of a line.

        Raises:
            GenqError: Of the servers behind all lines: it can be tried again.
        """
        found = self._checked(line)
        plain = _plain(line, found)
        if plain.erased:
            return plain
        if isinstance(found, LineFault):
            # The file was in order once: what the store gives now is something else.
            return plain.refused(InputError(found.message), self._public_url)
        try:
            _refuse_unstorable(line.data or b"", found.body)
            if self._batch.endpoint == MODERATIONS:
                return replace(plain, answer=await self._moderated(found.body))
            return replace(plain, new=await self._job(found.body))
        except GenqError as error:
            if not is_refusal(error):
                raise
            of_job = self._batch.endpoint != MODERATIONS
            return plain.refused(error, self._public_url, of_job=of_job)
        except Exception:  # noqa: BLE001 - one line that fails must not hold up the others
            _log.exception(
                "batch_line_failed",
                batch_id=format_id("batch", self._batch.id),
                line=line.number,
            )
            fault = InternalError("genq failed to make a job of this line")
            return plain.refused(fault, self._public_url)

    def _checked(self, line: FileLine) -> InputLine | LineFault:
        return check_line(line.data, self._batch.endpoint, longest=self._longest)

    async def _moderated(self, body: Mapping[str, Any]) -> dict[str, Any]:
        checks = self._parts.checks
        if checks is None:
            raise InternalError("nothing here moderates")
        most = self._parts.settings.max_prompt_chars
        told = await moderation_answer(
            checks.moderation, self._tenant, body, max_prompt_chars=most
        )
        return {"status_code": _OK, "body": told}

    async def _job(self, body: Mapping[str, Any]) -> NewJob:
        batch = self._batch
        endpoint = self._parts.endpoints[batch.endpoint]
        request = endpoint.request_of(body, self._defaults)
        if request.unique is not None:
            message = "lines of a batch have no unique keys; leave unique out"
            raise InputError(message, fields=[FieldError("/unique", message)])
        # A job that may not end before the batch has no deadline of its own.
        own = request.deadline is not None
        if not own:
            request = request.model_copy(update={"deadline": batch.expires_at})
        new, parameters = await self._parts.drafter.draft(
            self._tenant,
            request,
            face=endpoint.face,
            aside=aside_of_line(endpoint, body),
        )
        if own and new.deadline is not None:
            new = replace(new, deadline=min(new.deadline, batch.expires_at))
        new = replace(new, batch_id=batch.id)
        if self._parts.checks is None:
            return new
        return await self._parts.checks.checked_person(self._tenant, request, new, parameters)


def erased_draft(number: int) -> LineDraft:
    """Return a line whose person was erased."""
    return LineDraft(number, f"erased-{number}", erased=True)


def _plain(line: FileLine, found: InputLine | LineFault) -> LineDraft:
    if is_erased(line.data):
        return erased_draft(line.number)
    if isinstance(found, InputLine):
        return LineDraft(line.number, found.custom_id, people=tuple(people_of(found.body)))
    people = tuple(people_in(line.data or b""))
    return LineDraft(line.number, f"line-{line.number}", people=people)


def time_left(parts: BatchParts, batch: BatchRecord) -> timedelta:
    """Return how long a batch may still take."""
    return batch.expires_at - parts.clock.now()


def _refuse_unstorable(data: bytes, body: Mapping[str, Any]) -> None:
    # The bytes tell cheaply that nearly every body needs no walk.
    nested = data.count(b"[") + data.count(b"{") > MAX_DEPTH
    many = data.count(b",") >= MAX_MEMBERS // 2
    if nested or many or _NUL_ESCAPE in data:
        refuse_unstorable(body)
