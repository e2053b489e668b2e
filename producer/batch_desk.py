"""Batches as their tenants make them, cancel them and try them again.

What becomes of them afterwards is the batch keeper's: ``producer/batches``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.http.outbound_policy import policy_of
from infra.new_ids import new_key
from infra.postgres.batch_reads import count_open_batches
from infra.postgres.batches import NewBatch, cancel_batch, get_batch, insert_batch
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.files import get_file
from infra.postgres.kept_answers import Call, claim_call, kept_answer
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from producer.idempotency import refuse_other_body
from schemas.batch import BatchStatus
from schemas.batch_errors import (
    BatchEndedError,
    BatchNotRetryableError,
    TooManyBatchesError,
)
from schemas.batch_record import BatchRecord
from schemas.batch_request import BatchRequest, BatchRetry, window_of
from schemas.errors import (
    FieldError,
    IdempotencyConflictError,
    InputError,
    NotFoundError,
    OutboundRefusedError,
)
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.permission_errors import PermissionDeniedError
from schemas.stored_file import FilePurpose, FileRecord

RETRY_OF: Final = "retry_of"
"""The metadata by which a batch names the one whose lines it does again."""
_PATIENCE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MadeBatch:
    """A batch that was accepted; ``replayed``: the idempotency key had made it before."""

    batch: BatchRecord
    replayed: bool = False


class BatchDesk:
    """Takes orders for batches.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: Limits, and where webhooks may go.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._policy = policy_of(settings)

    async def create(
        self, tenant: Tenant, wanted: BatchRequest, *, call: Call | None = None
    ) -> MadeBatch:
        """Accept a batch: when this returns, it is durable, and its file is read next.

        Args:
            tenant: Whose it is.
            wanted: What was asked for, of the right shape.
            call: The idempotency key, if there is one.

        Raises:
            InputError: The file is none, or not for batches; or the webhook may not be called.
            PermissionDeniedError: The tenant's plan does not allow the lane.
            TooManyBatchesError: As many batches are under way as may be.
            IdempotencyConflictError: The key was used with another body.
        """
        options = wanted.genq
        self._check(tenant, wanted)
        file_id = _file_id(wanted.input_file_id)
        webhook = options.webhook
        new = NewBatch(
            id=new_key(),
            tenant_id=tenant.id,
            endpoint=wanted.endpoint,
            input_file_id=file_id,
            lane=options.lane.number,
            priority=options.priority,
            completion_window=wanted.completion_window,
            window=window_of(wanted.completion_window),
            webhook=webhook and webhook.model_dump(mode="json"),
            max_parallel=options.max_parallel,
            ordered_output=options.ordered_output,
            output_expires_after=(
                wanted.output_expires_after and wanted.output_expires_after.seconds
            ),
            metadata=wanted.metadata,
        )
        async with transaction(self._engine) as connection:
            earlier = await self._claim(connection, call, new.id)
            if earlier is not None:
                return MadeBatch(earlier, replayed=True)
            _check_input(await get_file(connection, tenant.id, file_id), wanted.input_file_id)
            await self._check_room(connection, tenant)
            return MadeBatch(await _insert(connection, new))

    async def cancel(self, tenant: Tenant, batch_id: UUID) -> BatchRecord:
        """Ask that a batch ends; lines that are running stop, what has ended stays.

        Raises:
            BatchEndedError: It has ended in another way, or only writes its files yet.
            NotFoundError: The tenant has no such batch.
        """
        async with transaction(self._engine) as connection:
            batch = await cancel_batch(connection, tenant.id, batch_id)
        if batch is None:
            raise unknown_batch(batch_id)
        if batch.cancelling_at is None:
            why = (
                "all its lines have ended, and it writes its files"
                if batch.status is BatchStatus.FINALIZING
                else f"its status is {batch.status.word}"
            )
            raise BatchEndedError(f"there is nothing left to cancel: {why}")
        return batch

    async def retry(
        self, tenant: Tenant, batch_id: UUID, wanted: BatchRetry, *, call: Call | None = None
    ) -> MadeBatch:
        """Make a batch of those lines of an ended batch that did not succeed.

        Raises:
            BatchNotRetryableError: There are none; or their file is gone.
            NotFoundError: The tenant has no such batch.
            TooManyBatchesError: As many batches are under way as may be.
            IdempotencyConflictError: The key was used with another body.
        """
        key = new_key()
        async with transaction(self._engine) as connection:
            earlier = await self._claim(connection, call, key)
            if earlier is not None:
                return MadeBatch(earlier, replayed=True)
            parent = await get_batch(connection, tenant.id, batch_id)
            if parent is None:
                raise unknown_batch(batch_id)
            file = await get_file(connection, tenant.id, parent.input_file_id)
            _check_retryable(parent, gone=file is None)
            await self._check_room(connection, tenant)
            new = _again(parent, key, wanted.completion_window or parent.completion_window)
            return MadeBatch(await _insert(connection, new))

    def _check(self, tenant: Tenant, wanted: BatchRequest) -> None:
        lane, allowed = wanted.genq.lane, tenant.allowed_lanes
        if allowed is not None and lane not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            message = f"lane {lane.value!r} is not allowed; allowed: {known}"
            raise PermissionDeniedError(
                f"tenant {tenant.name} may not do this: {message}",
                fields=[FieldError("/genq/lane", message)],
            )
        if wanted.genq.webhook is not None:
            try:
                self._policy.check_url(wanted.genq.webhook.url)
            except OutboundRefusedError as error:
                fault = FieldError("/genq/webhook/url", error.message)
                raise InputError(f"genq.webhook.url: {error.message}", fields=[fault]) from None

    async def _claim(
        self, connection: AsyncConnection, call: Call | None, key: UUID
    ) -> BatchRecord | None:
        """Return the batch that the idempotency key made before; else it is ours now."""
        if call is None:
            return None
        ttl = self._settings.idempotency_ttl
        answer = {"batch": str(key)}
        if await claim_call(connection, call, job_id=key, ttl=ttl, answer=answer):
            return None
        kept = await kept_answer(connection, call)
        if kept is not None:
            refuse_other_body(kept.request_hash, call.request_hash)
            made = UUID(kept.answer["batch"])
            earlier = await get_batch(connection, call.tenant_id, made)
            if earlier is not None:
                return earlier
        raise IdempotencyConflictError("the batch of this Idempotency-Key is gone; use another")

    async def _check_room(self, connection: AsyncConnection, tenant: Tenant) -> None:
        most = self._settings.max_open_batches
        if await count_open_batches(connection, tenant.id) >= most:
            raise TooManyBatchesError(
                f"{most} batches of this tenant are under way; wait until one has ended, or "
                "cancel one",
                retry_after=_PATIENCE,
            )


def unknown_batch(batch_id: UUID) -> NotFoundError:
    """Return the error that tells of a batch that the tenant does not have."""
    return NotFoundError(f"there is no batch {format_id('batch', batch_id)}")


async def _insert(connection: AsyncConnection, new: NewBatch) -> BatchRecord:
    await insert_batch(connection, new)
    made = await get_batch(connection, new.tenant_id, new.id)
    if made is None:
        raise unknown_batch(new.id)
    return made


def _again(parent: BatchRecord, key: UUID, completion_window: str) -> NewBatch:
    metadata: Mapping[str, Any] = {
        **(parent.metadata or {}),
        RETRY_OF: format_id("batch", parent.id),
    }
    return NewBatch(
        id=key,
        tenant_id=parent.tenant_id,
        endpoint=parent.endpoint,
        input_file_id=parent.input_file_id,
        lane=parent.lane.number,
        priority=parent.priority,
        completion_window=completion_window,
        window=window_of(completion_window),
        retry_of=parent.id,
        webhook=parent.webhook,
        max_parallel=parent.max_parallel,
        ordered_output=parent.ordered_output,
        output_expires_after=parent.output_expires_after,
        metadata=metadata,
        model=parent.model,
    )


def _check_retryable(parent: BatchRecord, *, gone: bool) -> None:
    shown = format_id("batch", parent.id)
    if not parent.status.final:
        why = f"batch {shown} is {parent.status.word}; wait until it has ended, or cancel it"
    elif parent.status is BatchStatus.FAILED and parent.in_progress_at is not None:
        told = next((str(one["message"]) for one in parent.errors or ()), "")
        why = (
            f"batch {shown} did not come to the end of its file, and a retry would not either: "
            f"upload the lines that are missing, and make a batch of them. {told}"
        ).rstrip()
    elif parent.status is BatchStatus.FAILED:
        why = (
            f"the input file of batch {shown} was refused: mend it, upload it, and make a "
            "batch of it"
        )
    elif parent.total == 0:
        why = f"batch {shown} ended before its lines were read: make a batch of its file again"
    elif parent.failed == 0:
        why = f"every line of batch {shown} has succeeded"
    elif gone:
        why = (
            f"the input file of batch {shown} is gone: upload its failed lines again, and make "
            "a batch of them"
        )
    else:
        return
    raise BatchNotRetryableError(why)


def _check_input(found: FileRecord | None, shown: str) -> None:
    if found is None:
        message = (
            f"there is no file {shown[:64]}: it was never uploaded, was deleted, or has "
            "expired; upload it with POST /v1/files"
        )
    elif found.purpose is not FilePurpose.BATCH:
        message = (
            f"the purpose of {shown} is {found.purpose.value!r}; upload it with purpose "
            f"{FilePurpose.BATCH.value!r}"
        )
    else:
        return
    raise InputError(message, fields=[FieldError("/input_file_id", message)])


def _file_id(shown: str) -> UUID:
    try:
        return parse_id("file", shown)
    except InvalidIdError as error:
        message = f"is no id of a file: {error}"
        raise InputError(
            f"input_file_id {message}", fields=[FieldError("/input_file_id", message)]
        ) from None
