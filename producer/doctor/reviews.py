"""Does anybody decide about what waits for people?"""

from datetime import timedelta
from typing import Final

from infra.postgres.engine import transaction
from infra.postgres.review_decisions import ReviewCount, open_counts
from producer.doctor.finding import Finding, fine, warning
from producer.doctor.subject import Subject
from schemas.review import Origin

_CHECK: Final = "reviews"
_LATE: Final = timedelta(hours=3)
_URGENT: Final = frozenset({Origin.HOLD.value, Origin.APPEAL.value})


async def look_at_reviews(subject: Subject) -> list[Finding]:
    """Tell how much waits for a person, and for how long."""
    async with transaction(subject.engine) as connection:
        counted = await open_counts(connection, None)
    late = [
        _late(one)
        for one in counted
        if one.origin in _URGENT and one.oldest_seconds > _LATE.total_seconds()
    ]
    if late:
        return late
    waiting = ", ".join(f"{one.open} {one.origin}" for one in counted)
    return [fine(_CHECK, f"people are to decide: {waiting or 'nothing'}")]


def _late(one: ReviewCount) -> Finding:
    hours = one.oldest_seconds / 3600
    jobs = one.origin == Origin.HOLD.value
    return warning(
        _CHECK,
        f"{one.open} {one.origin} {'waits' if one.open == 1 else 'wait'} for a person, the"
        f" oldest for {hours:.1f} h",
        "when the policy's review.sla is over, its on_timeout decides"
        if jobs
        else "their submitters wait for an answer",
        "genq review next, with a key that has the scope review",
    )
