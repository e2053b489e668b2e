"""Those who asked hear that a job is queued, that it began and how far it is, in order."""

from datetime import timedelta

import pytest

from producer.dead_letters import Redriver
from producer.retry import Retrier
from schemas.admission_errors import BudgetExhaustedError
from schemas.dead_letter import DeadLetterEdits
from schemas.errors import ModelAuthError, ModelUnavailableError
from schemas.events import JOB_TYPES, OutboxKind
from schemas.generation import Kind
from schemas.ids import format_id, parse_id
from schemas.job import JobRequest
from schemas.unique import OnConflict, UniqueKey
from schemas.webhook_target import WebhookTarget
from tests.fixtures.budgeting import give
from tests.fixtures.harness import Harness
from tests.fixtures.telling import endpoint, events, told, types

EVERYTHING = WebhookTarget(url="https://bot.example/hook", events=JOB_TYPES)


def test_a_job_that_asks_for_its_whole_way_is_told_of_all_of_it_in_order(
    genq: Harness,
) -> None:
    job = genq.submit(webhook=EVERYTHING, metadata={"a": "b"})
    genq.run_until_idle()

    queued, started, ended = events(genq, job)
    assert [e["type"] for e in (queued, started, ended)] == [
        "job.queued",
        "job.started",
        "job.succeeded",
    ]
    assert [e["sequence"] for e in (queued, started, ended)] == [0, 1_001, 1_999]
    assert [e["seq"] for e in (queued, started, ended)] == [0, 1_001, 1_999]
    assert [e["kind"] for e in (queued, started, ended)] == [
        OutboxKind.LIFECYCLE,
        OutboxKind.LIFECYCLE,
        OutboxKind.TERMINAL,
    ]
    seen = genq.job(job)
    assert queued["data"]["status"] == "queued"
    assert (queued["data"]["id"], queued["data"]["metadata"]) == (job, {"a": "b"})
    assert queued["timestamp"] == queued["data"]["created_at"] == ended["data"]["created_at"]
    assert started["data"]["status"] == "running"
    assert started["timestamp"] == started["data"]["started_at"]
    assert started["data"]["attempts"] == seen.attempts == 1
    # Whether an earlier answer serves it is known when it has ended.
    assert [e["data"]["cache"] for e in (queued, started)] == [None, None]
    assert ended["data"]["cache"] == {"status": "off", "of": None}
    same = {"status", "waiting_on", "started_at", "finished_at", "attempts", "output", "cache"}
    for event in (queued, started):
        assert {k: v for k, v in event["data"].items() if k not in same} == {
            k: v for k, v in ended["data"].items() if k not in same
        }


def test_of_a_job_that_nobody_follows_only_the_end_is_written(genq: Harness) -> None:
    endpoint(genq)
    silent = genq.submit()
    ends = genq.submit(webhook=WebhookTarget(url="https://bot.example/hook"))
    genq.run_until_idle()

    assert types(genq, silent) == types(genq, ends) == ["job.succeeded"]
    bodies = genq.sql("SELECT body FROM payload")
    assert not any("hears" in row.body or "channels" in row.body for row in bodies)


def test_an_endpoint_that_asks_for_starts_hears_of_them_and_not_of_the_queue(
    genq: Harness,
) -> None:
    mine = endpoint(genq, "job.started", "job.failed")
    filtered = endpoint(genq, "job.started", channels=["red"])
    genq.submit()
    colourful = genq.submit(channels=("red",))
    genq.run_until_idle()

    assert sorted(told(genq), key=str) == sorted(
        [("job.started", mine), ("job.started", mine), ("job.started", filtered)], key=str
    )
    assert types(genq, colourful) == ["job.started", "job.succeeded"]


def test_each_attempt_begins_and_its_numbers_are_above_the_last_one_s(genq: Harness) -> None:
    genq.provider.failures.append(ModelUnavailableError("busy"))
    job = genq.submit(webhook=EVERYTHING)
    genq.run_until_idle()
    genq.advance(timedelta(minutes=10))
    genq.run_until_idle()

    assert [(e["type"], e["sequence"]) for e in events(genq, job)] == [
        ("job.queued", 0),
        ("job.started", 1_001),
        ("job.started", 3_001),
        ("job.succeeded", 3_999),
    ]


def test_a_repeated_submit_tells_once(genq: Harness) -> None:
    first = genq.submit(webhook=EVERYTHING, key="k")
    assert genq.submit(webhook=EVERYTHING, key="k") == first

    assert genq.sql("SELECT count(*) AS n FROM outbox")[0].n == 1


def test_a_scheduled_job_is_queued_and_says_for_when(genq: Harness) -> None:
    job = genq.submit(webhook=EVERYTHING, run_at=60.0)

    (queued,) = events(genq, job)
    assert queued["data"]["waiting_on"] == "schedule"
    assert queued["data"]["run_at"] > queued["timestamp"]


def test_every_way_in_tells_that_a_job_is_queued_with_the_job_or_not_at_all(
    genq: Harness,
) -> None:
    mine = endpoint(genq, "job.queued")
    unique = UniqueKey(key="k", on_conflict=OnConflict.REPLACE)
    first = genq.submit(unique=unique)
    second = genq.submit(unique=unique)
    requests = [JobRequest(kind=Kind.IMAGE, input={"prompt": "x"}) for _ in range(3)]
    many = genq.do(genq._submitter.submit_many(genq.tenant("acme"), requests, whole=True))
    give(genq, 2)
    budgeted = genq.submit()

    ids = [parse_id("job", one) for one in (first, second, budgeted)]
    ids += [item.job.id for item in many.items if item.job]
    queued = genq.sql("SELECT job_id FROM outbox WHERE type = 'job.queued' ORDER BY job_id")
    assert [row.job_id for row in queued] == sorted(ids)
    assert {endpoint_id for _, endpoint_id in told(genq)} == {mine}
    genq.submit()
    with pytest.raises(BudgetExhaustedError):
        genq.submit()
    jobs = genq.sql("SELECT count(*) AS n FROM job")[0].n
    assert genq.sql("SELECT count(*) AS n FROM outbox WHERE kind = 2")[0].n == jobs


def test_who_tries_a_job_again_keeps_whom_it_tells(genq: Harness) -> None:
    tenant = genq.tenant("acme")
    dead = genq.submit(webhook=EVERYTHING, channels=("red",))
    for _ in range(genq.settings.max_lost):
        genq.release()
        with genq.worker_dies_after("admit"):
            genq.work_one()
        genq.silence_workers()
        genq.reap()
        genq.new_worker()
    redriver = Redriver(
        genq._engine, genq._submitter, genq._doorbells, idempotency_ttl=timedelta(days=1)
    )
    again = genq.do(redriver.redrive_one(tenant, parse_id("job", dead), DeadLetterEdits()))
    ((_, redriven),) = again.pairs
    assert redriven
    genq.provider.failures.append(ModelAuthError("no"))
    genq.run_until_idle()
    retrier = Retrier(genq._engine, genq._submitter, genq._doorbells, genq.settings)
    shown = format_id("job", redriven)
    retried = genq.do(retrier.repeat(tenant, genq.job(shown))).job.id
    genq.run_until_idle()

    rows = genq.sql("SELECT job_id, type, channels FROM outbox ORDER BY id")
    assert {tuple(row.channels) for row in rows} == {("red",)}
    assert [row.type for row in rows if row.job_id == redriven] == [
        "job.queued",
        "job.started",
        "job.failed",
    ]
    assert [row.type for row in rows if row.job_id == retried] == [
        "job.queued",
        "job.started",
        "job.succeeded",
    ]
