"""A job's end is heard of by asking, with the server holding the requests."""

import pytest

from genq.calls import Answer, Step
from genq.errors import NotFoundError, WaitTimeoutError
from genq.models import Job
from genq.waiting import (
    AWAY,
    HOLD,
    HOLD_WATCHED,
    PAUSE_UNHELD,
)
from tests.fixtures.exchange_player import (
    refuses,
    says,
    scripted,
)
from tests.fixtures.played_wait import BROKEN, MUTE, Wait


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
