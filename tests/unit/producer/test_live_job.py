"""What one client of a stream is sent, and what a place in the queue is worth telling."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from producer.api.live_job import LiveJob, Watcher, stands_elsewhere
from producer.api.live_stream import EventStream, frame
from schemas.generation import Kind
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.progress import JobMoves, Progress, StoryEvent, position_of

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SAMPLE = JobRecord(
    id=UUID("019aa0c5-4b10-7cc3-9f2e-5d0f6b8a1c2d"),
    tenant_id=7,
    kind=Kind.CHAT,
    model="m",
    lane=Lane.FAST,
    priority=5,
    state=JobState.RUNNING,
    created_at=T0,
    input={"messages": []},
    waiting_on=None,
)
WAITING = JobMoves(UUID("019aa0c5-4b10-7cc3-9f2e-5d0f6b8a1c2d"), 7, JobState.READY, T0)


def place(low: float | None, high: float | None = None, **changes: Any) -> StoryEvent:
    queue: dict[str, Any] = {
        "position": 3,
        "ahead_in_lane": 2,
        "estimated": False,
        "eta_seconds": None if low is None else {"low": low, "high": high},
        "waiting_until": None,
    }
    at = T0 + timedelta(seconds=5)
    return position_of(WAITING, at, "lane", queue | changes)


@pytest.mark.parametrize(
    ("new", "elapsed", "told"),
    [
        (place(10.0, 20.0), 0.0, False),
        (place(6.0, 16.0), 4.0, False),
        (place(10.0, 20.0), 4.0, True),
        (place(0.0, 1.0), 40.0, False),
        (place(10.0), 0.0, True),
        (place(None), 0.0, True),
        (place(10.0, 20.0, position=2, ahead_in_lane=1), 0.0, True),
        (place(10.0, 20.0, waiting_until="2026-11-20T10:01:00.500Z"), 0.0, True),
    ],
)
def test_seconds_that_run_by_themselves_are_no_news(
    new: StoryEvent, elapsed: float, told: bool
) -> None:
    assert stands_elsewhere(place(10.0, 20.0), new, elapsed) is told
    assert stands_elsewhere(None, new, elapsed)


class Endless:
    """A source that always has something."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self.over = False
        self.taken = 0

    async def take(self) -> bytes:
        self.taken += 1
        return frame("progress", f"1.p{self.taken}", b"{}")


def test_a_client_that_takes_nothing_is_let_go_and_nothing_is_kept_for_it() -> None:
    source = Endless()
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("it never leaves by itself")

    async def send(message: Message) -> None:
        if source.taken == 3:
            await asyncio.Event().wait()
        sent.append(message)

    async def scene() -> None:
        stream = EventStream(nullcontext(source), stall=0.05)
        with pytest.raises(ClientDisconnect):
            await stream({"type": "http"}, receive, send)

    asyncio.run(scene())
    assert source.taken == 3
    assert len(sent) == 4


def test_words_are_not_lost_when_the_same_progress_is_read_without_them_first() -> None:
    live = LiveJob(SAMPLE, "https://genq.test")
    running = JobMoves(SAMPLE.id, SAMPLE.tenant_id, JobState.RUNNING, T0, fence=1, attempt=1)
    live.moved(running, None)
    watcher = Watcher(live)
    live.watchers.add(watcher.rung)
    kept = Progress(1, 1, 3, "2026-11-20T10:00:05.000Z", characters=9)
    live.reported(kept)
    watcher.rung.clear()

    live.reported(replace(kept, text="Once upon"))

    assert watcher.rung.is_set()
    live.reported(kept)
    live.reported(replace(kept, number=2, text="Once"))
    assert live.progress is not None
    assert live.progress.text == "Once upon"
