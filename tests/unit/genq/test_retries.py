"""What is sent again, when, and what never is."""

import pytest

from genq.calls import Answer, Call, Exchange
from genq.errors import (
    ConflictError,
    NoAnswerError,
    RateLimitedError,
    ServerUnreachableError,
    UnavailableError,
)
from genq.exchanges import cancel_job, create_job, get_job
from genq.models import Job
from genq.retries import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    SPREAD,
    pause_before,
)
from genq.schedules import _create as create_schedule  # pyright: ignore[reportPrivateUsage] - a POST that no key makes safe
from tests.fixtures.exchange_player import play, refuses, says, scripted

BROKEN = ServerUnreachableError("http://x", "reset")


def submit(key: str | None = None) -> Exchange[Job]:
    return create_job({"kind": "image"}, idempotency_key=key, wait=None)


def test_a_submit_over_a_broken_connection_is_sent_again_under_one_key() -> None:
    job, calls = play(submit(), scripted(BROKEN, BROKEN, says("queued")))

    assert job.status == "queued"
    assert len({call.headers["idempotency-key"] for call in calls}) == 1
    assert [call.after > 0 for call in calls] == [False, True, True]
    assert FIRST_PAUSE <= calls[1].after <= FIRST_PAUSE * (1 + SPREAD) < calls[2].after


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_it_is_given_up_after_so_many_tries(retries: int) -> None:
    sent: list[Call] = []

    def server(step: object) -> Answer:
        assert isinstance(step, Call)
        sent.append(step)
        raise BROKEN

    with pytest.raises(ServerUnreachableError):
        play(submit(), server, retries)
    assert len(sent) == 1 + retries


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_what_passes_is_tried_again_when_the_server_says(status: int) -> None:
    later = refuses(status, {"retry-after": "7"}, code="x", retryable=True)

    job, calls = play(submit(), scripted(later, says("queued")))

    assert job.status == "queued"
    assert 7 <= calls[1].after <= 7 * (1 + SPREAD)


def test_a_proxys_page_is_tried_again_too() -> None:
    _, calls = play(
        get_job("job_01", wait=None),
        scripted(Answer(502, {}, b"<html>Bad Gateway"), says("queued")),
    )

    assert len(calls) == 2


def test_who_asks_for_more_patience_than_a_minute_is_shown_to_the_caller() -> None:
    hour = refuses(429, {"retry-after": str(LONGEST_RETRY_AFTER + 1)}, code="rate_limited")

    with pytest.raises(RateLimitedError) as caught:
        play(submit(), scripted(hour))
    assert caught.value.retry_after == LONGEST_RETRY_AFTER + 1


def test_what_cannot_pass_is_not_tried_again() -> None:
    with pytest.raises(UnavailableError):
        play(submit(), scripted(refuses(503, code="x", retryable=False)))
    with pytest.raises(ConflictError):
        play(submit(), scripted(refuses(409, {"retry-after": "1"}, code="duplicate_job")))


def test_the_last_refusal_is_the_callers() -> None:
    busy = [refuses(429, code="rate_limited", detail=str(n)) for n in range(3)]

    with pytest.raises(RateLimitedError, match="2"):
        play(submit(), scripted(*busy))


def test_a_submit_that_got_no_answer_in_time_is_not_sent_again() -> None:
    with pytest.raises(NoAnswerError):
        play(submit("k"), scripted(NoAnswerError("http://x", "no answer in time")))


def test_what_is_not_safe_twice_is_sent_once() -> None:
    with pytest.raises(ServerUnreachableError):
        play(create_schedule({"name": "x"}), scripted(BROKEN))


def test_a_cancel_is_safe_twice_without_a_key() -> None:
    job, _ = play(cancel_job("job_01", wait=None), scripted(BROKEN, says("cancelled")))

    assert job.status == "cancelled"


def test_pauses_grow_and_have_an_end() -> None:
    pauses = [pause_before(attempt) for attempt in (1, 2, 3, 10, 10_000)]

    assert FIRST_PAUSE <= pauses[0] < pauses[1] < pauses[2]
    assert max(pauses) <= LONGEST_PAUSE * (1 + SPREAD)
    assert len({pause_before(1) for _ in range(20)}) > 1
