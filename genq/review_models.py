"""What people decide, as the SDK hands it out."""

from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class Said:
    """What one person decided about an item."""

    reviewer: str
    decision: str
    reason: str
    at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedText:
    """A text that was judged, and where in the job it stood; of a picture its checksum."""

    stage: str
    at: str
    text: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewContent:
    """What there is to see.

    Attributes:
        input: What was asked for; ``None`` once it is erased.
        pictures: How many there are; ``reviews.picture`` fetches one.
        hidden: Nobody is shown the pictures.
        appeal: What its submitter says.
        reports: What users said, each with its category.
    """

    input: Json | None = None
    judged: tuple[JudgedText, ...] = ()
    output_text: str | None = None
    pictures: int = 0
    hidden: bool = False
    appeal: str | None = None
    reports: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """Something that people decide. Times are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        origin: ``hold``, ``sample``, ``report`` or ``appeal``.
        state: ``open``, ``decided``, ``timed_out`` or ``withdrawn``.
        outcome: ``allow`` or ``block``, once it is decided.
        holds: Its job waits for it.
        needs: How many people must agree.
        escalated: Only a key with the scope ``review:lead`` settles it.
        reasons: Why detectors stopped it, in sentences.
        content: For keys with the scope ``review``, where one item is looked at.
    """

    id: str
    tenant: str
    job: str
    origin: str
    stage: str
    category: str
    state: str
    holds: bool
    needs: int
    escalated: bool
    created_at: datetime
    outcome: str | None = None
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    due_at: datetime | None = None
    on_timeout: str | None = None
    decided_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    decisions: tuple[Said, ...] = ()
    reports: int = 0
    content: ReviewContent | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class OpenReviews:
    """How much of one origin waits for people."""

    origin: str
    open: int
    overdue: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class ReviewStats:
    """What waits, and how often what was decided in the last thirty days.

    Attributes:
        decisions: Of each decision and reason, how often.
    """

    open: tuple[OpenReviews, ...]
    decisions: tuple[tuple[str, str, int], ...]
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal; ``requeued_as`` is the job that does it over, once it was overturned."""

    id: str
    tenant: str
    job: str
    review: str
    state: str
    created_at: datetime
    requeued_as: str | None = None
    decided_at: datetime | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Report:
    """That a result was reported, and the item in which people look at it."""

    id: str
    job: str
    review: str
    category: str
    created_at: datetime
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_review(found: object) -> Review:
    """Return the item in a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every item has is missing or of another type.
    """
    fields = Fields(found, "review")
    verdict, content = fields.part("verdict"), fields.part("content")
    return Review(
        id=fields.text("id"),
        tenant=fields.text("tenant"),
        job=fields.text("job"),
        origin=fields.text("origin"),
        stage=fields.text("stage"),
        category=fields.text("category"),
        state=fields.text("state"),
        holds=fields.found.get("holds") is True,
        needs=fields.number("needs"),
        escalated=fields.found.get("escalated") is True,
        created_at=fields.moment("created_at"),
        outcome=fields.maybe_text("outcome"),
        claimed_by=fields.maybe_text("claimed_by"),
        claimed_until=fields.maybe_moment("claimed_until"),
        due_at=fields.maybe_moment("due_at"),
        on_timeout=fields.maybe_text("on_timeout"),
        decided_at=fields.maybe_moment("decided_at"),
        reasons=tuple(one.text("text") for one in verdict.parts("reasons")) if verdict else (),
        decisions=tuple(_said(one) for one in fields.parts("decisions")),
        reports=fields.maybe_number("reports") or 0,
        content=_content(content) if content else None,
        raw=fields.found,
    )


def read_reviews(found: object) -> tuple[tuple[Review, ...], str | None]:
    """Return one page of items and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    items = tuple(read_review(part.found) for part in fields.parts("data"))
    return items, fields.maybe_text("next")


def read_stats(found: object) -> ReviewStats:
    """Return the counts in a decoded answer; errors are those of ``read_review``."""
    fields = Fields(found, "review stats")
    return ReviewStats(
        open=tuple(
            OpenReviews(
                one.text("origin"),
                one.number("open"),
                one.number("overdue"),
                one.maybe_float("oldest_seconds") or 0.0,
            )
            for one in fields.parts("open")
        ),
        decisions=tuple(
            (one.text("decision"), one.text("reason"), one.number("count"))
            for one in fields.parts("decisions")
        ),
        raw=fields.found,
    )


def read_appeal(found: object) -> Appeal:
    """Return the appeal in a decoded answer; errors are those of ``read_review``."""
    fields = Fields(found, "appeal")
    return Appeal(
        id=fields.text("id"),
        tenant=fields.text("tenant"),
        job=fields.text("job"),
        review=fields.text("review"),
        state=fields.text("state"),
        created_at=fields.moment("created_at"),
        requeued_as=fields.maybe_text("requeued_as"),
        decided_at=fields.maybe_moment("decided_at"),
        raw=fields.found,
    )


def read_appeals(found: object) -> tuple[tuple[Appeal, ...], str | None]:
    """Return one page of appeals and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    items = tuple(read_appeal(part.found) for part in fields.parts("data"))
    return items, fields.maybe_text("next")


def read_report(found: object) -> Report:
    """Return the report in a decoded answer; errors are those of ``read_review``."""
    fields = Fields(found, "report")
    return Report(
        id=fields.text("id"),
        job=fields.text("job"),
        review=fields.text("review"),
        category=fields.text("category"),
        created_at=fields.moment("created_at"),
        raw=fields.found,
    )


def _said(fields: Fields) -> Said:
    return Said(
        reviewer=fields.text("reviewer"),
        decision=fields.text("decision"),
        reason=fields.text("reason"),
        at=fields.moment("at"),
        note=fields.maybe_text("note"),
    )


def _content(fields: Fields) -> ReviewContent:
    pictures = fields.parts("pictures")
    return ReviewContent(
        input=fields.mapping("input") if fields.part("input") else None,
        judged=tuple(
            JudgedText(
                one.text("stage"),
                one.text("at"),
                one.maybe_text("text"),
                one.maybe_text("sha256"),
            )
            for one in fields.parts("judged")
        ),
        output_text=fields.maybe_text("output_text"),
        pictures=len(pictures),
        hidden=any(one.found.get("hidden") is True for one in pictures),
        appeal=fields.maybe_text("appeal"),
        reports=tuple(
            (one.text("category"), one.maybe_text("note")) for one in fields.parts("reports")
        ),
    )
