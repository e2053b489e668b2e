"""/queue and /cancel: what somebody has under way, and ending it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from infra.postgres.chat_inbound import claim_inbound, heard_before
from infra.postgres.chat_messages import KeptMessage, message_of_job
from infra.postgres.chat_people import open_jobs_of, unfinished_of
from infra.postgres.engine import transaction
from producer.chat.asked import Asked, ChatMeans, HeardT, Outcome, tell
from producer.position import placed
from schemas.chat_buttons import cancel_button
from schemas.chat_inbound import Command
from schemas.chat_job import starts_at
from schemas.chat_view import Notice, Tell, Tone
from schemas.errors import DatabaseUnavailableError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.job import JobRecord
from schemas.job_states import JobState, JobStatus, status_of
from schemas.picture_words import users_words
from schemas.position import WaitingOn

MOST_LISTED: Final = 5
_LONGEST_PROMPT: Final = 80
_MINUTE: Final = 60
_HOUR: Final = 3600
_LONG: Final = 1.5 * _HOUR
_NOTHING: Final = "You have nothing under way. Make something: /imagine a red kite"
_WHY: Final = {
    WaitingOn.NO_WORKER: "no worker takes this lane now",
    WaitingOn.PAUSED: "an operator holds it back",
    WaitingOn.BUDGET: "until the budget allows it",
    WaitingOn.REVIEW: "a person looks at it first",
    WaitingOn.RATE_LIMIT: "the model is at its limit",
    WaitingOn.TENANT_LIMIT: "as many jobs run as may",
}


async def queue(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """List what the person has under way, with a button each that cancels it."""
    async with transaction(means.engine) as connection:
        counts = await unfinished_of(connection, asked.person)
        found = await open_jobs_of(connection, asked.person, limit=MOST_LISTED)
        jobs = [await placed(connection, one.job, means.settings) for one in found]
    if not jobs:
        return tell("Your queue", _NOTHING)
    now = means.clock.now()
    lines = [f"{n}. {_line(job, now)}" for n, job in enumerate(jobs, 1)]
    total = counts.running + counts.waiting
    if total > len(jobs):
        lines.append(f"… and {total - len(jobs)} more, which are older.")
    lines.append("/cancel ends the newest one, /cancel 2 the second of this list.")
    title = f"Your queue: {counts.running} running, {counts.waiting} waiting"
    buttons = tuple(cancel_button(job.id, f"Cancel {n}") for n, job in enumerate(jobs, 1))
    return Tell(Notice(title, "\n".join(lines), buttons=buttons))


async def cancel(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Cancel the newest job of the person, or the one that is named."""
    named = asked.heard.text.strip() or asked.heard.options.get("job", "").strip()
    if named.startswith("job_"):
        try:
            return await cancel_job(means, asked, parse_id("job", named))
        except InvalidIdError as error:
            return _no_such(f"{named[:40]} is no job's id: {error}")
    number = int(named) if named.isascii() and named.isdigit() and len(named) == 1 else None
    if named and not number:
        return _no_such("say nothing for the newest job, or a number of /queue, or a job's id")
    chosen = await _chosen(means, asked, number or 1)
    if isinstance(chosen, UUID):
        return await cancel_job(means, asked, chosen)
    if not chosen:
        return tell("Nothing to cancel", _NOTHING)
    return _no_such(f"/queue lists {chosen} jobs; there is none of number {number}")


async def cancel_job(means: ChatMeans, asked: Asked[HeardT], job_id: UUID) -> Tell:
    """Cancel a job of the person; who did not ask for it may not.

    Raises:
        JobEndedError: It ended before, and not by being cancelled.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(means.engine) as connection:
        message = await message_of_job(connection, asked.tenant.id, job_id)
    if message is None or message.platform is not asked.heard.platform:
        return _no_such("there is no such job of yours")
    if message.user_id != asked.heard.user.id:
        return tell("Not allowed", "Only who asked for it can cancel it.", Tone.WARNING)
    job = await means.canceller.cancel(asked.tenant.id, job_id)
    if job is None:
        return _no_such("there is no such job of yours")
    if job.state.final:
        return tell("Cancelled", f"It is cancelled: {_named(job, message, asked)}.")
    return tell("Cancelled", f"It runs, and is being stopped: {_named(job, message, asked)}.")


async def _chosen(means: ChatMeans, asked: Asked[Command], number: int) -> UUID | int:
    """Choose the job that a number means, once: a repetition is of the same job.

    What is to be ended is written down before it is, or the second newest would follow the
    newest. A job's id needs no such thing: to cancel it twice is to cancel it once.

    Returns:
        The job; or how many there are to choose from, if it is none of them.
    """
    platform, key = asked.heard.platform, asked.heard.dedupe_key
    async with transaction(means.whole) as connection:
        before = await heard_before(connection, platform, key)
        if before is None:
            found = await open_jobs_of(connection, asked.person, limit=MOST_LISTED)
            wanted = found[number - 1].job.id if 1 <= number <= len(found) else None
            try:
                before = await claim_inbound(connection, platform, key, wanted)
            except LookupError as error:
                raise DatabaseUnavailableError(str(error)) from error
            if before is None:
                return wanted or len(found)
    return before.job_id or 0


def _line(job: JobRecord, now: datetime) -> str:
    return f"{_words(job)} ({job.lane}) · {_standing(job, now)}"


def _standing(job: JobRecord, now: datetime) -> str:
    if status_of(job.state) is JobStatus.RUNNING:
        return "running"
    told: list[str] = []
    place = job.queue
    if place is not None and place.ahead_in_lane is not None:
        told.append(f"position {place.ahead_in_lane + 1}")
    begins = None if place is None else starts_at(place, now)
    if begins is not None:
        told.append(f"starts in {_span((begins - now).total_seconds())}")
    why = _WHY.get(WaitingOn(job.waiting_on)) if job.waiting_on else None
    if job.state is JobState.SCHEDULED and job.attempts:
        why = "waits for another try"
    return ", ".join([*told, *([why] if why else [])]) or "waiting"


def _span(seconds: float) -> str:
    """Return a time to come in round words."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _LONG:
        return f"{round(seconds / _MINUTE)} min"
    return f"{round(seconds / _HOUR)} h"


def _words(job: JobRecord) -> str:
    """Return what the job is about; its id, if nobody said it in words."""
    words = " ".join(users_words(job.input).split())
    if len(words) > _LONGEST_PROMPT:
        words = words[:_LONGEST_PROMPT] + "…"
    return words or format_id("job", job.id)


def _named(job: JobRecord, message: KeptMessage, asked: Asked[HeardT]) -> str:
    """Return what a job is about to those who can read that already; its id to others.

    Who is in a group may read what is answered there, and not what was asked for elsewhere.
    """
    place = asked.heard.place
    if place.private or message.ref.channel == place.channel:
        return _words(job)
    return format_id("job", job.id)


def _no_such(what: str) -> Tell:
    return tell("No such job", f"{what[:1].upper()}{what[1:]}.", Tone.WARNING)
