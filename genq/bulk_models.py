"""What came of submitting many jobs in one request."""

from dataclasses import dataclass, field, replace

from genq.decoding import read_job
from genq.errors import FieldFault
from genq.json_fields import Fields
from genq.models import Job, Json


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one job of many was not accepted; ``errors`` names the faulty fields."""

    code: str
    message: str
    errors: tuple[FieldFault, ...] = ()
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One of the jobs that were asked for: accepted, or refused with an ``error``.

    ``status`` is what the HTTP API would have answered to it alone; ``unique_replayed`` says
    that the job is an earlier one, which holds the unique key.
    """

    index: int
    status: int
    job: Job | None = None
    error: Refusal | None = None
    unique_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Bulk:
    """What came of many jobs: one item for each, in the order in which they were asked for."""

    data: tuple[BulkItem, ...]
    accepted: int
    refused: int
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that were accepted."""
        return tuple(item.job for item in self.data if item.job)

    @property
    def refusals(self) -> tuple[BulkItem, ...]:
        """The items that were refused."""
        return tuple(item for item in self.data if item.error)


@dataclass(frozen=True, slots=True)
class ActionReport:
    """What became of an action on all jobs that fit a filter.

    Attributes:
        matched: Jobs that fitted; ``matched_is_exact`` tells whether they were counted.
        changed: Of these, those that were tried again or cancelled.
        skipped: The others: they changed meanwhile, or cannot be accepted again.
        sample: The ids of some.
        has_more: The server stopped before the end; ``cursor`` is where it goes on.
    """

    action: str
    dry_run: bool
    matched: int
    matched_is_exact: bool
    changed: int
    skipped: int
    sample: tuple[str, ...]
    has_more: bool
    cursor: str | None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    def after(self, earlier: "ActionReport | None") -> "ActionReport":
        """Return this report, with what earlier requests of the same action did."""
        if earlier is None:
            return self
        return replace(
            self,
            matched=earlier.matched + self.matched,
            changed=earlier.changed + self.changed,
            skipped=earlier.skipped + self.skipped,
            sample=earlier.sample or self.sample,
        )


def read_action_report(found: object) -> ActionReport:
    """Return what became of an action, from a decoded answer; errors as of ``read_bulk``."""
    fields = Fields(found, "action report")
    return ActionReport(
        action=fields.text("action"),
        dry_run=fields.found.get("dry_run") is True,
        matched=fields.number("matched"),
        matched_is_exact=fields.found.get("matched_is_exact") is not False,
        changed=fields.number("changed"),
        skipped=fields.maybe_number("skipped") or 0,
        sample=fields.texts("sample"),
        has_more=fields.found.get("has_more") is True,
        cursor=fields.maybe_text("cursor"),
        raw=fields.found,
    )


def read_bulk(found: object) -> Bulk:
    """Return what came of many jobs, from a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every such answer has is missing or mistyped.
    """
    fields = Fields(found, "bulk")
    return Bulk(
        data=tuple(_item(part) for part in fields.parts("data")),
        accepted=fields.number("accepted"),
        refused=fields.number("refused"),
        raw=fields.found,
    )


def _item(fields: Fields) -> BulkItem:
    job, error = fields.part("job"), fields.part("error")
    return BulkItem(
        index=fields.number("index"),
        status=fields.maybe_number("status") or 0,
        unique_replayed=fields.found.get("unique_replayed") is True,
        job=read_job(job.found) if job else None,
        error=_refusal(error) if error else None,
    )


def _refusal(fields: Fields) -> Refusal:
    return Refusal(
        code=fields.text("code"),
        message=fields.maybe_text("detail") or fields.maybe_text("message") or "",
        errors=fields.faults("errors"),
        raw=fields.found,
    )
