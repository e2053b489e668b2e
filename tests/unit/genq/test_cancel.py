"""Cancelling by SDK: what is sent, and how long answers become one."""

import json
from datetime import UTC, datetime

import pytest

from genq.calls import Answer, Call
from genq.errors import ConfigurationError, ConflictError, ServerUnreachableError
from genq.exchanges import cancel_job, cancel_jobs, create_job
from tests.fixtures.exchange_player import play, says, scripted

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def report(cancelled: int, cancelling: int, *, more: bool) -> Answer:
    body = {
        "object": "cancellation",
        "matched": cancelled + cancelling,
        "cancelled": cancelled,
        "cancelling": cancelling,
        "more": more,
        "dry_run": False,
    }
    return Answer(200, {}, json.dumps(body).encode())


def test_one_job_is_cancelled_and_waited_for() -> None:
    job, (call,) = play(cancel_job("job_1", wait=2.5), lambda _: says("cancelled"))

    assert job.status == "cancelled"
    assert (call.method, call.path) == ("POST", "/v1/jobs/job_1/cancel")
    assert (call.headers["prefer"], call.hold) == ("wait=3", 3)


def test_a_broken_connection_is_tried_again_since_twice_is_once() -> None:
    server = scripted(ServerUnreachableError("http://x", "refused"), says("cancelled"))

    job, calls = play(cancel_job("job_1", wait=None), server)

    assert job.status == "cancelled"
    assert len(calls) == 2


def test_a_job_that_ended_otherwise_is_a_conflict() -> None:
    body = json.dumps({"code": "job_already_ended", "detail": "the job has succeeded"})

    with pytest.raises(ConflictError, match="succeeded"):
        play(cancel_job("job_1", wait=None), lambda _: Answer(409, {}, body.encode()))


def test_many_jobs_are_asked_for_until_there_are_no_more() -> None:
    server = scripted(
        report(300, 2, more=True), report(200, 3, more=True), report(0, 3, more=False)
    )

    found, calls = play(cancel_jobs({"lane": "batch", "model": None, "all": False}), server)

    assert (found.matched, found.cancelled, found.cancelling) == (503, 500, 3)
    assert [sent(call) for call in calls] == [{"lane": "batch", "all": False}] * 3


def test_instants_are_sent_with_their_offset() -> None:
    _, (call,) = play(cancel_jobs({"created_before": NOON}), lambda _: report(1, 0, more=False))

    assert sent(call) == {"created_before": "2026-11-20T12:00:00+00:00"}
    with pytest.raises(ConfigurationError, match="offset"):
        play(cancel_jobs({"created_before": NOON.replace(tzinfo=None)}), scripted())


def test_a_job_is_submitted_for_later() -> None:
    wanted: dict[str, object] = {"kind": "image", "run_at": NOON, "deadline": 3600}

    _, (call,) = play(
        create_job(wanted, idempotency_key="k", wait=None), lambda _: says("queued")
    )

    assert sent(call)["run_at"] == "2026-11-20T12:00:00+00:00"
    assert sent(call)["deadline"] == 3600


def sent(call: Call) -> dict[str, object]:
    return json.loads(call.body or b"")
