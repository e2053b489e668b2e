"""What is sent, when it is sent again, and how long is waited, without any network."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from genq.errors import (
    AuthenticationError,
    ConfigurationError,
    NoAnswerError,
    ServerUnreachableError,
    WaitTimeoutError,
)
from genq.exchanges import (
    HOLD,
    HOLD_WATCHED,
    PAUSE_UNHELD,
    RESEND_PAUSES,
    Answer,
    Call,
    Exchange,
    create_job,
    get_artifact,
    get_job,
    wait_for_job,
)
from genq.models import Job
from tests.fixtures.sample_job import JOB

Result = TypeVar("Result")
Server = Callable[[Call], Answer]


def play(exchange: Exchange[Result], server: Server) -> tuple[Result, list[Call]]:
    """Run an exchange against a function and return its result and the calls."""
    calls: list[Call] = []
    try:
        call = next(exchange)
        while True:
            calls.append(call)
            try:
                answer = server(call)
            except ServerUnreachableError as error:
                call = exchange.throw(error)
            else:
                call = exchange.send(answer)
    except StopIteration as end:
        return end.value, calls


def says(status: str, seconds: float = 1.0, **fields: Any) -> Answer:
    job = {**JOB, "status": status, **fields}
    if status in {"queued", "running"}:
        job["finished_at"] = None
    return Answer(200, {}, json.dumps(job).encode(), seconds)


def scripted(*answers: Answer | Exception) -> Server:
    script = list(answers)

    def server(call: Call) -> Answer:
        answer = script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return server


def test_a_submit_leaves_out_what_was_not_given() -> None:
    body = {"kind": "image", "input": {"prompt": "x"}, "model": None}

    _, calls = play(create_job(body, idempotency_key=None, wait=None), scripted(says("queued")))

    assert json.loads(calls[0].body or b"") == {"kind": "image", "input": {"prompt": "x"}}
    assert "prefer" not in calls[0].headers


def test_a_submit_over_a_broken_connection_is_sent_again_under_one_key() -> None:
    broken = ServerUnreachableError("http://x", "reset")
    body = {"kind": "image", "input": {"prompt": "x"}}

    job, calls = play(
        create_job(body, idempotency_key=None, wait=None),
        scripted(broken, broken, says("queued")),
    )

    assert job.status == "queued"
    assert [call.after for call in calls] == [0, *RESEND_PAUSES[:2]]
    assert len({call.headers["idempotency-key"] for call in calls}) == 1


def test_two_submits_have_two_keys() -> None:
    keys = [
        play(create_job({}, idempotency_key=None, wait=None), scripted(says("queued")))[1][
            0
        ].headers["idempotency-key"]
        for _ in range(2)
    ]

    assert keys[0] != keys[1]


def test_a_submit_is_given_up_after_the_last_pause() -> None:
    broken = [ServerUnreachableError("http://x", "reset") for _ in range(9)]

    with pytest.raises(ServerUnreachableError):
        play(create_job({}, idempotency_key="k", wait=None), scripted(*broken))


def test_a_submit_that_got_no_answer_in_time_is_not_sent_again() -> None:
    late = NoAnswerError("http://x", "no answer in time")

    with pytest.raises(NoAnswerError):
        play(create_job({}, idempotency_key="k", wait=None), scripted(late))


def test_a_refused_submit_is_not_sent_again() -> None:
    refused = Answer(401, {}, b'{"code": "invalid_api_key", "detail": "unknown"}')

    with pytest.raises(AuthenticationError):
        play(create_job({}, idempotency_key="k", wait=None), scripted(refused))


def test_a_body_that_json_cannot_say_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="JSON"):
        play(create_job({"input": {1, 2}}, idempotency_key=None, wait=None), scripted())


def test_a_wait_asks_the_server_to_hold_the_request() -> None:
    _, calls = play(get_job("job_01", wait=2.2), scripted(says("running")))

    assert calls[0].headers["prefer"] == "wait=3"
    assert calls[0].hold == 3


def test_waiting_goes_on_until_the_job_has_ended() -> None:
    job, calls = play(
        wait_for_job("job_01", timeout=None, on_change=None),
        scripted(says("queued", 30), says("running", 30), says("succeeded")),
    )

    assert job.succeeded
    assert [call.hold for call in calls] == [HOLD] * 3
    assert [call.after for call in calls] == [0, 0, 0]


def test_a_server_that_does_not_hold_requests_is_asked_with_pauses() -> None:
    _, calls = play(
        wait_for_job("job_01", timeout=None, on_change=None),
        scripted(says("queued", 0.001), says("running", 0.001), says("succeeded")),
    )

    assert [call.after for call in calls] == [0, PAUSE_UNHELD, PAUSE_UNHELD]


def test_who_watches_hears_of_each_change_once() -> None:
    seen: list[Job] = []

    _, calls = play(
        wait_for_job("job_01", timeout=None, on_change=seen.append),
        scripted(says("queued"), says("queued"), says("running"), says("succeeded")),
    )

    assert [job.status for job in seen] == ["queued", "running", "succeeded"]
    assert {call.hold for call in calls} == {HOLD_WATCHED}


def test_waiting_ends_with_the_callers_patience() -> None:
    with pytest.raises(WaitTimeoutError, match=r"job_01 is still running after 1\.5 s"):
        play(
            wait_for_job("job_01", timeout=1.5, on_change=None),
            scripted(says("running", 1.0), says("running", 1.0)),
        )


def test_no_patience_at_all_looks_once() -> None:
    with pytest.raises(WaitTimeoutError):
        play(wait_for_job("job_01", timeout=0, on_change=None), scripted(says("running", 0)))


@pytest.mark.parametrize("job_id", ["", "../keys", "job_01/artifacts/0", "job_01?x", "a b"])
def test_what_is_no_id_never_reaches_the_server(job_id: str) -> None:
    with pytest.raises(ConfigurationError, match="not a job id"):
        play(get_artifact(job_id, 0), scripted())
