"""A background response's end is told in OpenAI's words too, beside the job's own event."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from openai import OpenAI

from schemas.errors import ModelAuthError
from schemas.events import JOB_TYPES, EventType, OutboxKind
from schemas.generation import Kind
from schemas.ids import format_id, parse_id
from schemas.job import NATIVE, JobRequest
from schemas.job_states import JobState
from schemas.response import BACKGROUND_FACE, RESPONSES_FACE, response_event_type
from schemas.signature import sign
from schemas.webhook_target import WebhookTarget
from tests.fixtures.cancelling import cancel
from tests.fixtures.harness import Harness
from tests.fixtures.judging import judge
from tests.fixtures.reviewing import ADA, DOUBTFUL, Office, let_people_decide
from tests.fixtures.telling import endpoint, events, owed, types

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://bot.example/hook"


def ask(
    genq: Harness, prompt: str = "a red kite", *, face: str = BACKGROUND_FACE, **more: Any
) -> str:
    request = JobRequest(kind=Kind.IMAGE, input={"prompt": prompt}, **more)
    submit = genq._submitter.submit(genq.tenant("acme"), request, face=face)
    return format_id("job", genq.do(submit).job.id)


def succeed(genq: Harness, job: str) -> None:
    del job
    genq.run_until_idle()


def fail(genq: Harness, job: str) -> None:
    del job
    genq.provider.failures.append(ModelAuthError("no"))
    genq.run_until_idle()


def cancel_while_it_runs(genq: Harness, job: str) -> None:
    genq.release()
    genq.claim_one()
    cancel(genq, job)
    genq.sql("UPDATE live SET cancel_at = now() - interval '1 hour'")
    genq.reap()


def expire(genq: Harness, job: str) -> None:
    del job
    genq.advance(timedelta(days=30))
    genq.reap()


def lose(genq: Harness, job: str) -> None:
    del job
    for _ in range(genq.settings.max_lost):
        genq.release()
        genq.claim_one()
        genq.silence_workers()
        genq.reap()
        genq.new_worker()


def ends_as(genq: Harness, job: str, wanted: str, own: str) -> None:
    rows = genq.sql(
        "SELECT kind, type, tx::text FROM outbox WHERE job_id = :id ORDER BY kind",
        id=parse_id("job", job),
    )
    assert [(row.kind, row.type) for row in rows] == [
        (OutboxKind.TERMINAL, own),
        (OutboxKind.LIFECYCLE, wanted),
    ]
    # One transaction wrote both.
    assert rows[0].tx == rows[1].tx
    first, second = events(genq, job)
    assert second["data"] == {"id": job.replace("job_", "resp_")}
    assert second["sequence"] == first["sequence"] + 1
    assert (second["object"], second["id"][:4]) == ("event", "evt_")


@pytest.mark.parametrize(
    ("end", "wanted", "own"),
    [
        (succeed, "response.completed", "job.succeeded"),
        (fail, "response.failed", "job.failed"),
        (cancel, "response.cancelled", "job.cancelled"),
        (cancel_while_it_runs, "response.cancelled", "job.cancelled"),
        (expire, "response.failed", "job.expired"),
        (lose, "response.failed", "job.failed"),
    ],
)
def test_each_end_has_its_event_in_the_same_transaction(
    genq: Harness, end: Callable[[Harness, str], None], wanted: str, own: str
) -> None:
    job = ask(genq)
    end(genq, job)
    ends_as(genq, job, wanted, own)


def test_a_blocked_response_is_incomplete_and_an_approved_one_complete(genq: Harness) -> None:
    let_people_decide(genq)
    judge(genq)
    blocked = ask(genq, "never [doubt 0.95]")
    genq.run_until_idle()
    ends_as(genq, blocked, "response.incomplete", "job.blocked")

    office = Office(genq)
    held = ask(genq, DOUBTFUL)
    genq.run_until_idle()
    office.decide(ADA, office.item(held))
    genq.run_until_idle()
    ends_as(genq, held, "response.completed", "job.succeeded")


def test_those_who_ask_for_responses_are_told_and_nobody_else(genq: Harness) -> None:
    wants = endpoint(genq, "response.*")
    other = endpoint(genq, "job.*", url="https://y.example/")
    asking = WebhookTarget(url=URL, events=(EventType.RESPONSE_COMPLETED,))
    job = ask(genq, webhook=asking)
    genq.run_until_idle()
    told = {(one.type, one.endpoint_id, one.url) for one in owed(genq)}
    assert ("response.completed", wants, "https://x.example/") in told
    assert ("response.completed", None, URL) in told
    assert ("job.succeeded", None, URL) not in told
    assert {kind for kind, to, _ in told if to == other} <= set(JOB_TYPES)
    assert types(genq, job)[-2:] == ["job.succeeded", "response.completed"]


@pytest.mark.parametrize("face", [NATIVE, RESPONSES_FACE, "openai.chat"])
def test_jobs_of_other_doors_have_no_such_event(genq: Harness, face: str) -> None:
    endpoint(genq, "response.*")
    job = ask(genq, face=face)
    genq.run_until_idle()
    assert genq.events(job) == ["job.succeeded"]
    assert owed(genq) == []


def test_an_end_whose_answer_was_lost_is_told_once(genq: Harness) -> None:
    job = ask(genq)
    genq.release()
    pointer = genq.sent[0]
    genq.work(pointer)
    genq.work(pointer)
    ends_as(genq, job, "response.completed", "job.succeeded")


def test_openai_s_client_unwraps_it_as_its_own_class(genq: Harness) -> None:
    job = ask(genq)
    genq.run_until_idle()
    ((body, event_id),) = genq.sql(
        "SELECT body, id FROM outbox WHERE job_id = :id AND kind = 2", id=parse_id("job", job)
    )
    now = int(genq.sql("SELECT extract(epoch FROM now()) AS now")[0].now)
    headers = sign(
        SECRET, message_id=format_id("evt", event_id), at_seconds=now, body=bytes(body)
    )
    with OpenAI(api_key="none", webhook_secret=SECRET) as client:
        event: Any = client.webhooks.unwrap(bytes(body), headers)
    assert type(event).__name__ == "ResponseCompletedWebhookEvent"
    assert event.data.id == job.replace("job_", "resp_")


def test_what_a_model_left_unfinished_is_incomplete() -> None:
    done = JobState.SUCCEEDED
    for reason in ("length", "content_filter"):
        made = {"finish_reason": reason}
        assert response_event_type(done, made) is EventType.RESPONSE_INCOMPLETE
    for made in ({}, {"finish_reason": None}, {"finish_reason": "stop"}):
        assert response_event_type(done, made) is EventType.RESPONSE_COMPLETED
    assert {state for state in JobState if state.final} == {
        state for state in JobState if state.final and response_event_type(state, {})
    }
