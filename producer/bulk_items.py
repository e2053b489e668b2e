"""What became of each job of a bulk call, and how that is kept for a replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from infra.postgres.submit import NewJob
from producer.accepted import accepted_record
from producer.budgets import BudgetedJob
from schemas.error_catalog import by_code
from schemas.errors import Category, FieldError, GenqError, NotFoundError
from schemas.ids import format_id, parse_id
from schemas.job import JobRecord, JobRequest

_CAUSES = by_code()
# One fault of each job is worth more than all faults of the first ones.
_LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class BulkDraft:
    """A job of the call that can be written, and what it was made of."""

    index: int
    request: JobRequest
    new: NewJob
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One job of the call: either it was accepted, or there is an error.

    Attributes:
        found: The job is an earlier one, which holds the unique key.
    """

    index: int
    job: JobRecord | None = None
    error: GenqError | None = None
    found: bool = False


@dataclass(frozen=True, slots=True)
class SubmittedMany:
    """What became of a bulk call; ``replayed`` if its idempotency key had done it before."""

    items: Sequence[BulkItem]
    replayed: bool = False

    @property
    def refused(self) -> int:
        """How many jobs were not accepted."""
        return sum(item.error is not None for item in self.items)


def is_refusal(error: GenqError) -> bool:
    """Return whether ``error`` is about one job, and not about the servers behind all."""
    return error.category is not Category.INFRASTRUCTURE


def outcome_of(draft: BulkDraft, written: BudgetedJob) -> BulkItem:
    """Return what became of a draft."""
    if written.created_at is None:
        return BulkItem(draft.index, error=written.refusal)
    job = accepted_record(written.job, draft.request, draft.parameters, written.created_at)
    return BulkItem(draft.index, job=written.shown(job))


def placed_fields(index: int, error: GenqError) -> list[FieldError]:
    """Return the faults of one job with pointers into the whole body."""
    place = f"/jobs/{index}"
    found = [FieldError(place + fault.pointer, fault.message) for fault in error.fields]
    return found or [FieldError(place, error.message)]


def refusal_of_all(errors: Mapping[int, GenqError], count: int) -> GenqError:
    """Return the error that refuses the whole call because of some of its jobs.

    It is of the first one's kind, so that its code and status say what has to change.

    Args:
        errors: By the place of the job; not empty.
        count: How many jobs the call had.
    """
    first = min(errors)
    many = "1 job is" if len(errors) == 1 else f"{len(errors)} jobs are"
    message = (
        f"{many} not acceptable, so none of the {count} was accepted; "
        f"the first is /jobs/{first}: {errors[first].message}"
    )
    ordered = [placed_fields(index, errors[index]) for index in sorted(errors)]
    fields = [faults[0] for faults in ordered] + [f for faults in ordered for f in faults[1:]]
    told = vars(errors[first]) | {"message": message, "fields": tuple(fields[:_LISTED])}
    return _revived(type(errors[first]), told)


def to_keep(items: Sequence[BulkItem]) -> list[dict[str, Any]]:
    """Return the JSON form that ``kept_items`` reads."""
    return [_kept(item) for item in items]


def jobs_kept(kept: Sequence[Mapping[str, Any]]) -> list[UUID]:
    """Return the jobs that are part of a kept answer."""
    return [parse_id("job", one["job"]) for one in kept if "job" in one]


def kept_items(
    kept: Sequence[Mapping[str, Any]], jobs: Mapping[UUID, JobRecord]
) -> list[BulkItem]:
    """Return what a call was answered, with its jobs as they are now.

    Args:
        kept: As ``to_keep`` wrote it.
        jobs: The jobs of ``jobs_kept`` that are still there.
    """
    return [_item(index, one, jobs) for index, one in enumerate(kept)]


def _kept(item: BulkItem) -> dict[str, Any]:
    if item.job is not None:
        return {"job": format_id("job", item.job.id), "found": item.found}
    error = item.error or NotFoundError("the job is gone")
    told = vars(error) | {
        "code": error.code,
        "fields": [[fault.pointer, fault.message] for fault in error.fields],
        "retry_after": error.retry_after and error.retry_after.total_seconds(),
    }
    return {name: value for name, value in told.items() if value is not None}


def _item(index: int, kept: Mapping[str, Any], jobs: Mapping[UUID, JobRecord]) -> BulkItem:
    if "job" in kept:
        job = jobs.get(parse_id("job", kept["job"]))
        if job is not None:
            return BulkItem(index, job=job, found=kept["found"])
        gone = NotFoundError(f"{kept['job']} was accepted, and is no longer stored")
        return BulkItem(index, error=gone)
    seconds = kept.get("retry_after")
    told = {name: value for name, value in kept.items() if name != "code"} | {
        "fields": tuple(FieldError(pointer, message) for pointer, message in kept["fields"]),
        "retry_after": None if seconds is None else timedelta(seconds=seconds),
    }
    return BulkItem(index, error=_revived(_CAUSES.get(kept["code"], GenqError), told))


def _revived(cause: type[GenqError], told: Mapping[str, Any]) -> GenqError:
    """Return an error with these attributes; each class is made of things of its own."""
    error = cause.__new__(cause, told["message"])
    vars(error).update(told)
    return error
