"""A job's story is reckoned from the ledger, and its ids say where each event stands."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.job_states import AttemptOutcome, JobState
from schemas.progress import (
    BEFORE_ALL,
    BEGINNING,
    END,
    EndedAttempt,
    InvalidPlaceError,
    JobMoves,
    Place,
    Progress,
    parse_place,
    story_of,
)

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def moves(state: JobState, *ended: EndedAttempt, **more: Any) -> JobMoves:
    job = UUID("019aa0c5-4b10-7cc3-9f2e-5d0f6b8a1c2d")
    return JobMoves(job, 7, state, T0, ended=ended, **more)


def attempt(
    fence: int, n: int, outcome: AttemptOutcome, at: int, error: str | None = None
) -> EndedAttempt:
    return EndedAttempt(fence, n, outcome, T0 + at * SECOND, T0 + (at + 1) * SECOND, error)


def told(job: JobMoves) -> list[tuple[str, str]]:
    return [(str(event.place), event.type) for event in story_of(job)]


def test_ids_are_read_as_they_are_written_and_stand_in_the_order_of_what_happened() -> None:
    order = [
        *(BEGINNING, Place(0, 3, 140), Place(1), Place(1, 1, 1), Place(1, 1, 12)),
        *(Place(1, 2), Place(1, 3, 2000), Place(3), Place(3, 1, 1), Place(3, 2), END),
    ]
    written = [str(place) for place in order]

    assert written[:6] == ["0", "0.w140", "1.0", "1.p1", "1.p12", "1.9"]
    assert [parse_place(text) for text in written] == order == sorted(order)
    assert BEFORE_ALL < BEGINNING


@pytest.mark.parametrize(
    "text", ["", "1", "0 ", "1.1", "1.p", "-1.0", "1.p1x", "\u0661.0", "1.0\n", "9" * 40 + ".0"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidPlaceError):
        parse_place(text)


def test_a_waiting_job_was_queued_and_a_running_one_started() -> None:
    running = moves(JobState.RUNNING, fence=1, attempt=1, started_at=T0 + SECOND)

    assert told(moves(JobState.READY)) == [("0", "queued")]
    assert told(running) == [("0", "queued"), ("1.0", "started")]


def test_a_retry_says_why_and_when_while_the_ledger_knows() -> None:
    failed = attempt(1, 1, AttemptOutcome.ERROR, 1, "model_unavailable")
    waiting = moves(JobState.SCHEDULED, failed, fence=2, attempt=1, run_at=T0 + 9 * SECOND)
    again = moves(JobState.RUNNING, failed, fence=3, attempt=2, started_at=T0 + 9 * SECOND)

    retrying = story_of(waiting)[-1].data
    assert retrying["attempt"] == 1
    assert (retrying["reason"], retrying["error"]) == ("error", "model_unavailable")
    assert retrying["run_at"] == "2026-11-20T10:00:09.000Z"
    assert told(again)[2:] == [("1.9", "retrying"), ("3.0", "started")]
    assert story_of(again)[2].data["run_at"] is None


def test_the_attempt_that_ended_the_job_is_no_retry_but_one_before_a_cancel_is() -> None:
    lost = attempt(1, 1, AttemptOutcome.LOST, 1)
    last = attempt(4, 2, AttemptOutcome.OK, 5)
    done = moves(JobState.SUCCEEDED, lost, last, finished_at=last.ended_at)
    cancelled = moves(JobState.CANCELLED, lost, finished_at=T0 + 60 * SECOND)

    types = ["queued", "started", "retrying", "started"]
    assert [kind for _, kind in told(done)] == types
    assert [kind for _, kind in told(cancelled)] == types[:3]


def test_an_interrupted_attempt_keeps_its_number_and_its_place_stays_its_own() -> None:
    interrupted = attempt(1, 1, AttemptOutcome.INTERRUPTED, 1)
    job = moves(JobState.RUNNING, interrupted, fence=3, attempt=1, started_at=T0 + 5 * SECOND)

    started = [event for event in story_of(job) if event.type == "started"]
    assert [event.data["attempt"] for event in started] == [1, 1]
    assert started[0].place < started[1].place


def test_progress_stands_behind_the_start_of_its_attempt() -> None:
    progress = Progress(fence=3, attempt=2, number=17, at="2026-11-20T10:00:00.000Z")

    assert str(progress.place) == "3.p17"
    assert Place(3) < progress.place < Place(3, 2)
