"""A job's end is heard of, by events or by asking, whatever breaks in between."""

from collections.abc import Callable
from typing import Any

import pytest

from genq.calls import Answer, Call, More, Step
from genq.errors import (
    GenqError,
    NoAnswerError,
    NotFoundError,
    ServerUnreachableError,
    WaitTimeoutError,
)
from genq.event_models import JobEvent
from genq.models import Job
from genq.waiting import (
    AWAY,
    BREAKS_BORNE,
    DOUBT,
    HOLD,
    HOLD_WATCHED,
    OPENING,
    PAUSE_UNHELD,
    wait_for_job,
)
from tests.fixtures.exchange_player import (
    CLOSED,
    ENDED,
    SILENT,
    Player,
    Server,
    chunk,
    refuses,
    says,
    scripted,
    stream,
    told,
)

BROKEN = ServerUnreachableError("http://x", "reset")
MUTE = NoAnswerError("http://x", "the stream fell silent")


class Wait:
    """One wait, played to its end. ``heard`` are the types of live events."""

    def __init__(self, server: Server, timeout: float | None = None, **given: Any) -> None:
        self.player = Player(server)
        self.heard: list[str] = []
        self.events: list[JobEvent] = []
        self.job: Job | None = None
        self.error: GenqError | None = None
        if given.pop("watched", True):
            given["on_progress"] = self._hear
        exchange = wait_for_job("job_01", timeout=timeout, clock=self.player.clock, **given)
        try:
            self.job = self.player.run(exchange)
        except GenqError as error:
            self.error = error

    def _hear(self, event: JobEvent) -> None:
        self.heard.append(event.type)
        self.events.append(event)

    @property
    def asked(self) -> list[str]:
        """What was asked for: ``job``, ``job <hold>``, ``events <last id>``, ``more``."""
        return [_name(step) for step in self.player.steps]


def _name(step: Step) -> str:
    if isinstance(step, More):
        return "more"
    assert isinstance(step, Call)
    if step.listen is not None:
        return f"events {step.headers.get('last-event-id', '')}".strip()
    return f"job {step.hold:g}" if step.hold else "job"


def acting(script: dict[type[Step], Callable[[Step], Answer]]) -> Server:
    return lambda step: script[type(step)](step)


# --- nobody watches: the server holds the requests ----------------------------------------


def test_waiting_goes_on_until_the_job_has_ended() -> None:
    wait = Wait(
        scripted(says("queued", 30), says("running", 30), says("succeeded")), watched=False
    )

    assert wait.job is not None
    assert wait.job.succeeded
    assert wait.asked == [f"job {HOLD}"] * 3
    assert [call.after for call in wait.player.calls] == [0, 0, 0]


def test_a_server_that_does_not_hold_requests_is_asked_with_pauses() -> None:
    wait = Wait(
        scripted(says("queued", 0.001), says("running", 0.001), says("succeeded")),
        watched=False,
    )

    assert [call.after for call in wait.player.calls] == [0, PAUSE_UNHELD, PAUSE_UNHELD]


def test_who_watches_changes_hears_of_each_once() -> None:
    seen: list[Job] = []
    wait = Wait(
        scripted(says("queued"), says("queued"), says("running"), says("succeeded")),
        watched=False,
        on_change=seen.append,
    )

    assert [job.status for job in seen] == ["queued", "running", "succeeded"]
    assert set(wait.asked) == {f"job {HOLD_WATCHED}"}


def test_waiting_ends_with_the_callers_patience() -> None:
    wait = Wait(
        scripted(*[says("running", 1.0), *[says("running", 0.1)] * 9]), 1.5, watched=False
    )

    assert isinstance(wait.error, WaitTimeoutError)
    assert str(wait.error) == "job_01 is still running after 1.5 s; it goes on"
    assert wait.player.now == pytest.approx(1.5, abs=0.15)


def test_no_patience_at_all_looks_once() -> None:
    wait = Wait(scripted(says("running", 0)), 0, watched=False)

    assert isinstance(wait.error, WaitTimeoutError)
    assert wait.asked == ["job"]


def test_a_server_that_is_restarted_is_waited_for() -> None:
    away = refuses(503, {"retry-after": "4"}, code="database_unavailable")
    wait = Wait(
        scripted(says("running", 30), BROKEN, MUTE, away, away, says("succeeded")),
        watched=False,
    )

    assert wait.job is not None
    assert wait.job.succeeded
    assert wait.player.calls[-1].after == 4


def test_a_server_that_stays_away_is_given_up() -> None:
    job = iter([says("running", 30)])

    def server(step: Step) -> Answer:
        try:
            return next(job)
        except StopIteration:
            raise BROKEN from None

    wait = Wait(server, watched=False)

    assert wait.error is BROKEN
    assert wait.player.now == pytest.approx(30 + AWAY, abs=7)


def test_a_server_that_was_never_there_is_told_at_once() -> None:
    assert Wait(scripted(BROKEN), watched=False).error is BROKEN
    assert isinstance(Wait(scripted(refuses(404, code="not_found"))).error, NotFoundError)


def test_a_server_away_at_the_end_of_the_patience_is_a_timeout() -> None:
    wait = Wait(scripted(says("running", 2.0), *[BROKEN] * 9), 3.0, watched=False)

    assert isinstance(wait.error, WaitTimeoutError)
    assert wait.player.now == pytest.approx(3.0)


# --- somebody watches: live events ----------------------------------------


def test_events_are_heard_in_order_and_the_whole_job_is_returned() -> None:
    progress = told("progress", "1.p1", attempt=1, fraction=0.5, preview={"url": "http://p"})
    wait = Wait(
        scripted(
            says("queued"),
            stream(),
            chunk(told("queued", "0"), told("started", "1.0", attempt=1)),
            SILENT,
            chunk(progress),
            chunk(ENDED),
            says("succeeded"),
        )
    )

    assert wait.heard == ["queued", "started", "progress", "job.succeeded"]
    assert (wait.events[2].fraction, wait.events[2].preview_url) == (0.5, "http://p")
    assert wait.events[-1].is_last
    assert wait.asked == ["job", "events", "more", "more", "more", "more", "job"]
    assert wait.job is not None
    assert wait.job.input == {"prompt": "a kite"}


def test_a_job_that_has_ended_is_told_without_a_stream() -> None:
    wait = Wait(scripted(says("succeeded")))

    assert wait.heard == ["job.succeeded"]
    assert wait.asked == ["job"]


def test_a_stream_that_is_cut_is_taken_up_where_it_was() -> None:
    wait = Wait(
        scripted(
            says("queued"),
            stream(),
            chunk(told("started", "1.0"), seconds=9),
            BROKEN,
            says("running"),
            stream(),
            chunk(ENDED),
            says("succeeded"),
        )
    )

    assert wait.heard == ["started", "job.succeeded"]
    assert wait.asked[4:6] == ["job 1", "events 1.0"]


def test_an_end_that_the_stream_did_not_tell_is_not_lost() -> None:
    cut = Wait(scripted(says("running"), stream(), CLOSED, says("succeeded")))

    assert cut.job is not None
    assert cut.job.succeeded
    assert cut.heard == ["job.succeeded"]


def test_a_stream_that_lives_and_never_tells_the_end_is_doubted() -> None:
    wait = Wait(scripted(says("running"), stream(), SILENT, SILENT, says("succeeded")))

    assert wait.job is not None
    assert wait.heard == ["job.succeeded"]
    assert wait.player.now == pytest.approx(32, abs=1)
    assert DOUBT < 30


@pytest.mark.parametrize(
    "refusal",
    [
        refuses(404, code="not_found"),
        refuses(500, code="internal_error"),
        refuses(429, {"retry-after": "300"}, code="rate_limited"),
        Answer(200, {"content-type": "text/html"}, b"<html>"),
    ],
)
def test_a_stream_that_is_refused_is_replaced_by_asking(refusal: Answer) -> None:
    wait = Wait(
        scripted(says("queued"), refusal, says("queued"), says("running"), says("succeeded"))
    )

    assert wait.job is not None
    assert wait.heard == ["queued", "started", "job.succeeded"]
    assert wait.asked == ["job", "events", *[f"job {HOLD_WATCHED}"] * 3]


def test_a_stream_that_a_proxy_keeps_back_is_replaced_by_asking() -> None:
    wait = Wait(scripted(says("queued"), stream(), MUTE, says("running"), says("succeeded")))

    assert wait.heard == ["started", "job.succeeded"]
    assert wait.player.now == pytest.approx(OPENING + 3, abs=0.5)
    assert wait.asked.count("events") == 1


def test_a_stream_that_breaks_again_and_again_is_given_up() -> None:
    breaks = [item for _ in range(BREAKS_BORNE) for item in (stream(), CLOSED, says("running"))]
    wait = Wait(scripted(says("running"), *breaks, says("succeeded")))

    assert wait.job is not None
    assert wait.asked.count("events") == BREAKS_BORNE


def test_events_that_nobody_understands_are_replaced_by_asking() -> None:
    strange = Answer(200, {}, b"event: progress\ndata: 17\n\n")
    wait = Wait(scripted(says("running"), stream(), strange, says("succeeded")))

    assert wait.job is not None


def test_watching_ends_with_the_callers_patience() -> None:
    def hear(step: Step) -> Answer:
        assert isinstance(step, More)
        if step.patience < 0.4:
            raise MUTE
        return chunk(told("progress", "1.p1"), seconds=0.4)

    def ask(step: Step) -> Answer:
        assert isinstance(step, Call)
        return says("running", 0.01) if step.listen is None else stream()

    wait = Wait(acting({More: hear, Call: ask}), 2.0)

    assert isinstance(wait.error, WaitTimeoutError)
    assert wait.player.now == pytest.approx(2.0, abs=0.1)


def test_changes_and_progress_can_be_watched_at_once() -> None:
    seen: list[Job] = []
    wait = Wait(
        scripted(
            says("queued"),
            stream(),
            chunk(told("progress", "1.p1")),
            chunk(told("started", "1.0")),
            says("running"),
            chunk(ENDED),
            says("succeeded"),
        ),
        on_change=seen.append,
    )

    assert [job.status for job in seen] == ["queued", "running", "succeeded"]
    assert wait.asked == ["job", "events", "more", "more", "job", "more", "job"]


def test_what_a_callback_raises_is_the_callers() -> None:
    def fail(event: JobEvent) -> None:
        raise NotFoundError("mine", status=404, code="x")

    player = Player(scripted(says("running"), stream(), chunk(told("started", "1.0"))))
    with pytest.raises(NotFoundError, match="mine"):
        player.run(wait_for_job("job_01", timeout=None, on_progress=fail, clock=player.clock))
