"""How what people decide is shown on a screen."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from genq.models import Json
from genq.review_models import Review, ReviewContent

HEADINGS = ("id", "origin", "category", "stage", "state", "due", "claimed", "tenant")
SPARE = ("tenant", "stage", "claimed", "origin")


def row_of(review: Review) -> tuple[str, ...]:
    """Return one item as a row of ``HEADINGS``."""
    state = review.outcome or review.state if review.state == "decided" else review.state
    return (
        review.id,
        review.origin,
        review.category,
        review.stage,
        f"{state}, escalated" if review.escalated and review.state == "open" else state,
        left_of(review.due_at) if review.state == "open" else "",
        review.claimed_by or "",
        review.tenant,
    )


def left_of(due: datetime | None) -> str:
    """Return how long there is, such as ``3h 10m``; ``late`` past it, nothing without."""
    if due is None:
        return ""
    minutes = int((due - datetime.now(UTC)).total_seconds() // 60)  # noqa: TID251 - the command line imports no clock of ours
    if minutes < 0:
        return "late"
    return f"{minutes // 60}h {minutes % 60}m" if minutes >= 60 else f"{minutes}m"  # noqa: PLR2004 - minutes of an hour


def lines_of(review: Review) -> Iterator[str]:
    """Yield all that there is to say of an item."""
    yield f"{review.id}  {review.category}  {review.stage} of {review.job}"
    yield f"  why here   {_why(review)}"
    yield f"  tenant     {review.tenant}"
    if review.due_at is not None and review.state == "open":
        then = f", then {review.on_timeout}" if review.on_timeout else ""
        yield f"  due        in {left_of(review.due_at)}{then}"
    if review.state != "open":
        yield f"  state      {review.state}: {review.outcome or 'nobody waits for it'}"
    for reason in review.reasons:
        yield f"  because    {reason}"
    if review.reports:
        yield f"  reports    {review.reports}"
    for said in review.decisions:
        note = f": {said.note}" if said.note else ""
        yield f"  decided    {said.decision} ({said.reason}) by {said.reviewer}{note}"
    if review.content is not None:
        yield from _content(review.id, review.content)


def _why(review: Review) -> str:
    told = {
        "hold": "its job waits for you",
        "sample": "a sample of what went through",
        "report": "a user reported the result",
        "appeal": "its submitter appeals the block",
    }
    words = told.get(review.origin, review.origin)
    both = "; two people have to agree" if review.needs > 1 else ""
    return f"{words}{both}; escalated" if review.escalated else f"{words}{both}"


def _content(review_id: str, content: ReviewContent) -> Iterator[str]:
    if content.appeal is not None:
        yield from _text("appeal", content.appeal)
    for category, note in content.reports:
        yield from _text("report", f"{category}: {note or '(no words)'}")
    if content.judged:
        for judged in content.judged:
            shown = judged.text if judged.text is not None else f"a picture, {judged.sha256}"
            yield from _text(judged.at or judged.stage, shown)
    elif content.input is not None:
        yield from _text("input", _input(content.input))
    else:
        yield "  input      erased"
    if content.output_text is not None:
        yield from _text("output", content.output_text)
    if content.hidden:
        yield f"  pictures   {content.pictures}, shown to nobody"
    elif content.pictures:
        yield (
            f"  pictures   {content.pictures}: genq review show {review_id} --pictures FOLDER"
        )


def _input(given: Json) -> str:
    prompt = given.get("prompt")
    if isinstance(prompt, str):
        return prompt
    return json.dumps(given, ensure_ascii=False)


def _text(name: str, text: str) -> Iterator[str]:
    first, *others = text.splitlines() or [""]
    yield f"  {name:<10} {first}"
    for line in others:
        yield f"  {'':<10} {line}"
