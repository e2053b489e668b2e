"""Reviews, appeals and reports as callers see them."""

from typing import Any, Literal

from schemas.job_safety import SafetyReasonView
from schemas.shape import Shape


class DecisionView(Shape):
    """What one person decided."""

    reviewer: str
    decision: Literal["approve", "reject", "escalate"]
    reason: str
    note: str | None
    at: str


class ReviewVerdictView(Shape):
    """What the detectors found."""

    verdict: str
    confidence: float
    categories: dict[str, float]
    violations: list[str]
    reasons: list[SafetyReasonView]


class PictureView(Shape):
    """A picture to decide about; ``url`` needs the scope review, and is told in the audit log.

    ``hidden``: nobody is shown it.
    """

    index: int
    url: str
    content_type: str
    bytes: int
    width: int | None
    height: int | None
    hidden: bool


class JudgedTextView(Shape):
    """A text that was judged: where in the job it stood, and what it said."""

    stage: str
    at: str
    text: str | None
    sha256: str | None


class ReportNoteView(Shape):
    """What a user said of the job."""

    category: str
    note: str | None
    created_at: str


class ReviewContentView(Shape):
    """What a reviewer has to see to decide; what was erased is not there any more."""

    input: dict[str, Any] | None
    judged: list[JudgedTextView]
    output_text: str | None
    pictures: list[PictureView]
    appeal: str | None
    reports: list[ReportNoteView]


class ReviewView(Shape):
    """Something that people decide.

    ``holds``: its job waits for it. ``needs``: so many people must agree. ``content`` is there
    for keys with the scope review, where one item is looked at.
    """

    id: str
    object: Literal["review"]
    tenant: str
    job: str
    origin: Literal["hold", "sample", "report", "appeal"]
    stage: str
    category: str
    state: Literal["open", "decided", "timed_out", "withdrawn"]
    outcome: Literal["allow", "block"] | None
    holds: bool
    needs: int
    escalated: bool
    claimed_by: str | None
    claimed_until: str | None
    due_at: str | None
    on_timeout: Literal["allow", "block"] | None
    created_at: str
    decided_at: str | None
    verdict: ReviewVerdictView | None
    decisions: list[DecisionView]
    reports: int
    content: ReviewContentView | None


class ReviewPage(Shape):
    """One page of items, newest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[ReviewView]
    has_more: bool
    next: str | None


class OpenReviewsView(Shape):
    """How much of one origin waits for people."""

    origin: str
    open: int
    overdue: int
    oldest_seconds: float


class DecisionCountView(Shape):
    """How often something was decided for a reason in the last thirty days."""

    decision: str
    reason: str
    count: int


class ReviewStatsView(Shape):
    """What waits for people, and what they decided."""

    object: Literal["review_stats"]
    open: list[OpenReviewsView]
    decisions: list[DecisionCountView]


class AppealView(Shape):
    """An appeal. ``requeued_as`` is the job that does it over, once it was overturned."""

    id: str
    object: Literal["appeal"]
    tenant: str
    job: str
    review: str
    state: Literal["open", "upheld", "overturned"]
    requeued_as: str | None
    created_at: str
    decided_at: str | None


class AppealPage(Shape):
    """One page of appeals, newest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[AppealView]
    has_more: bool
    next: str | None


class ReportView(Shape):
    """That a result was reported. Of one job at most one review is open for reports."""

    id: str
    object: Literal["report"]
    job: str
    review: str
    category: str
    created_at: str
