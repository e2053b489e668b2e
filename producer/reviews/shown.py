"""Items, appeals and reports in their JSON form."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.postgres.appeals import Appeal
from infra.postgres.review_decisions import DecisionCount, ReviewCount
from infra.postgres.review_queue import ReviewItem, SaidBefore
from producer.reviews.notes import ReviewNotes
from schemas.ids import format_id
from schemas.job import iso_ms


def review_view(
    item: ReviewItem, notes: ReviewNotes, content: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return exactly the fields of ``ReviewView``."""
    claimed = item.claimed and item.claimed_until is not None
    return {
        "id": format_id("rev", item.id),
        "object": "review",
        "tenant": item.tenant,
        "job": format_id("job", item.job_id),
        "origin": item.origin.value,
        "stage": item.stage.value,
        "category": item.category,
        "state": item.state.word,
        "outcome": item.outcome.word if item.outcome is not None else None,
        "holds": item.holds,
        "needs": item.needs,
        "escalated": item.escalated,
        "claimed_by": item.claimed_by if claimed else None,
        "claimed_until": _when(item.claimed_until) if claimed else None,
        "due_at": _when(item.due_at),
        "on_timeout": item.on_timeout.word if item.on_timeout is not None else None,
        "created_at": iso_ms(item.created_at),
        "decided_at": _when(item.decided_at),
        "verdict": _verdict(item.verdict),
        "decisions": [_said(one, notes.words_of(item.id, one)) for one in item.said],
        "reports": item.reports,
        "content": content,
    }


def appeal_view(appeal: Appeal) -> dict[str, Any]:
    """Return exactly the fields of ``AppealView``."""
    again = appeal.requeued_as
    return {
        "id": format_id("apl", appeal.id),
        "object": "appeal",
        "tenant": appeal.tenant,
        "job": format_id("job", appeal.job_id),
        "review": format_id("rev", appeal.item_id),
        "state": appeal.state.word,
        "requeued_as": format_id("job", again) if again else None,
        "created_at": iso_ms(appeal.created_at),
        "decided_at": _when(appeal.decided_at),
    }


def stats_view(waiting: list[ReviewCount], decided: list[DecisionCount]) -> dict[str, Any]:
    """Return exactly the fields of ``ReviewStatsView``."""
    return {
        "object": "review_stats",
        "open": [
            {
                "origin": one.origin,
                "open": one.open,
                "overdue": one.overdue,
                "oldest_seconds": one.oldest_seconds,
            }
            for one in waiting
        ],
        "decisions": [
            {"decision": one.decision, "reason": one.reason, "count": one.count}
            for one in decided
        ],
    }


def _verdict(verdict: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what detectors found; nothing, where nobody looked before a person did."""
    if "verdict" not in verdict:
        return None
    names = ("verdict", "confidence", "categories", "violations", "reasons")
    return {name: verdict[name] for name in names}


def _said(one: SaidBefore, note: str | None) -> dict[str, Any]:
    return {
        "reviewer": one.reviewer,
        "decision": one.decision.value,
        "reason": one.reason,
        "note": note,
        "at": iso_ms(datetime.fromisoformat(one.at)),
    }


def _when(at: datetime | None) -> str | None:
    return iso_ms(at) if at else None
