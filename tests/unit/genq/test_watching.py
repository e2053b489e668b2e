"""A job is followed by live events, and its end is not lost, whatever breaks in between."""

from collections.abc import Callable

import pytest

from genq.calls import Answer, Call, More, Step
from genq.errors import NotFoundError, WaitTimeoutError
from genq.event_models import JobEvent
from genq.models import Job
from genq.waiting import (
    BREAKS_BORNE,
    DOUBT,
    HOLD_WATCHED,
    OPENING,
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
from tests.fixtures.played_wait import BROKEN, MUTE, Wait


def acting(script: dict[type[Step], Callable[[Step], Answer]]) -> Server:
    return lambda step: script[type(step)](step)


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


def test_a_stream_that_a_restarted_server_refuses_is_asked_for_again() -> None:
    wait = Wait(
        scripted(
            *(says("running"), stream(), chunk(told("started", "1.0"), seconds=9), BROKEN),
            *(says("running"), refuses(502), says("running"), stream(), chunk(ENDED)),
            says("succeeded"),
        )
    )

    assert wait.heard == ["started", "job.succeeded"]
    assert wait.asked.count("events 1.0") == 2


def test_who_may_not_listen_now_does_not_wait_for_it() -> None:
    later = refuses(429, {"retry-after": "30"}, code="rate_limited")
    wait = Wait(scripted(says("running"), later, says("succeeded")))

    assert wait.heard == ["job.succeeded"]
    assert wait.player.now < 3


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
