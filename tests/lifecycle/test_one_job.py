"""A job that was accepted ends exactly once: one result, one terminal event."""

import orjson
import pytest

from schemas.errors import IdempotencyConflictError, InputError, UnknownModelError
from schemas.events import EventType
from schemas.ids import parse_id
from schemas.job_states import JobState
from schemas.webhook_target import WebhookTarget
from tests.fixtures.harness import Harness


def test_a_job_ends_with_its_artifacts_one_result_and_one_event(genq: Harness) -> None:
    job_id = genq.submit("a red kite")

    genq.run_until_idle()

    job = genq.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert [(a.index, a.content_type, a.width) for a in job.artifacts] == [(0, "image/png", 8)]
    assert genq.events(job_id) == ["job.succeeded"]
    assert genq.outcomes(job_id) == [1]
    assert genq.sql("SELECT 1 FROM live") == []


def test_times_follow_each_other(genq: Harness) -> None:
    job_id = genq.submit()

    genq.run_until_idle()

    job = genq.job(job_id)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.created_at <= job.started_at <= job.finished_at


def test_the_event_carries_the_job_but_not_its_prompt(genq: Harness) -> None:
    job_id = genq.submit("a secret garden")

    genq.run_until_idle()

    (row,) = genq.sql(
        "SELECT id, body FROM outbox WHERE job_id = :id", id=parse_id("job", job_id)
    )
    event = orjson.loads(bytes(row.body))
    assert event["type"] == "job.succeeded"
    assert event["data"]["id"] == job_id
    assert event["data"]["output"]["artifacts"][0]["url"].endswith(f"{job_id}/artifacts/0")
    assert b"secret garden" not in bytes(row.body)


def test_a_webhook_that_wants_the_event_is_owed_one_delivery(genq: Harness) -> None:
    wanted = genq.submit(webhook=WebhookTarget(url="https://bot.example:8443/hook?x=1"))
    other = genq.submit(
        webhook=WebhookTarget(url="https://bot.example/", events=(EventType.JOB_FAILED,))
    )

    genq.run_until_idle()

    owed = genq.sql("SELECT job_id, url, origin FROM delivery")
    assert [(row.job_id, row.origin) for row in owed] == [
        (parse_id("job", wanted), "https://bot.example:8443")
    ]
    assert genq.events(other) == ["job.succeeded"]


def test_the_same_idempotency_key_is_the_same_job(genq: Harness) -> None:
    first = genq.submit(key="kite-1")

    again = genq.submit(key="kite-1")

    assert again == first
    assert len(genq.sql("SELECT 1 FROM job")) == 1


def test_an_expired_idempotency_key_is_free_again(genq: Harness) -> None:
    first = genq.submit(key="kite-1")
    genq.advance(2 * genq.settings.idempotency_ttl)

    again = genq.submit(key="kite-1")

    assert again != first


def test_an_idempotency_key_whose_job_was_dropped_is_free_again(genq: Harness) -> None:
    first = genq.submit(key="kite-1")
    for table in ("live", "payload", "job"):
        genq.sql(f"DELETE FROM {table}")

    again = genq.submit(key="kite-1")

    assert again != first


def test_an_idempotency_key_with_another_body_is_refused(genq: Harness) -> None:
    genq.submit(key="kite-1")
    genq.sql("UPDATE idempotency SET request_hash = '\\x00'")

    with pytest.raises(IdempotencyConflictError):
        genq.submit(key="kite-1")


def test_an_unknown_model_is_refused_with_the_known_ones(genq: Harness) -> None:
    with pytest.raises(UnknownModelError, match="there is test-image"):
        genq.submit(model="dall-e-9")


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest", "https://user:secret@bot.example/", "http://[::1]/"],
)
def test_a_receiver_that_delivery_would_refuse_is_refused_at_submit(
    genq: Harness, url: str
) -> None:
    with pytest.raises(InputError) as refused:
        genq.submit(webhook=WebhookTarget(url=url))

    assert [fault.pointer for fault in refused.value.fields] == ["/webhook/url"]


def test_a_bad_parameter_is_named_by_its_pointer(genq: Harness) -> None:
    with pytest.raises(InputError) as refused:
        genq.submit("")

    assert [fault.pointer for fault in refused.value.fields] == ["/input/prompt"]
