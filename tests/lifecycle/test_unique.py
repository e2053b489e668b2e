"""Unique jobs: a key is one job's at a time, whoever asks, however many at once."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine, single_statements
from producer.dispatcher.unique_keys import forget_unique_keys
from producer.submit import Submitted, Submitter
from schemas.errors import IdempotencyConflictError
from schemas.ids import format_id
from schemas.job import JobRequest
from schemas.job_states import JobStatus, status_of
from schemas.queue_errors import DuplicateJobError
from tests.fixtures.harness import Harness

ASKERS = 50


def request(key: str = "invoice-7", **more: Any) -> JobRequest:
    fields = {name: more.pop(name) for name in ("lane", "run_at", "model") if name in more}
    body = {"kind": "image", "input": {"prompt": "a red kite"}, **fields}
    return JobRequest.model_validate({**body, "unique": {"key": key, **more}})


def submit(genq: Harness, wanted: JobRequest, **how: Any) -> Submitted:
    return genq.do(genq._submitter.submit(genq.tenant("acme"), wanted, **how))


def jobs(genq: Harness) -> int:
    return genq.sql("SELECT count(*) FROM job")[0][0]


def status(genq: Harness, submitted: Submitted) -> JobStatus:
    return status_of(genq.job(format_id("job", submitted.job.id)).state)


def test_a_second_job_of_the_same_key_is_refused_and_told_which_is_first(genq: Harness) -> None:
    first = submit(genq, request())

    with pytest.raises(DuplicateJobError, match="until it has ended") as refused:
        submit(genq, request())

    name = format_id("job", first.job.id)
    assert name in refused.value.message
    assert refused.value.fields[0].pointer == "/unique/key"
    assert name in refused.value.fields[0].message
    assert jobs(genq) == 1


def test_another_key_and_another_tenant_are_free(genq: Harness) -> None:
    submit(genq, request())
    submit(genq, request("invoice-8"))
    genq.do(genq._submitter.submit(genq.tenant("other"), request()))

    assert jobs(genq) == 3


def test_the_key_is_free_when_its_job_has_ended(genq: Harness) -> None:
    first = submit(genq, request())
    genq.run_until_idle()

    second = submit(genq, request())

    assert second.job.id != first.job.id
    with pytest.raises(DuplicateJobError, match=format_id("job", second.job.id)):
        submit(genq, request())


def test_a_running_job_holds_its_key(genq: Harness) -> None:
    submit(genq, request())
    genq.release()
    genq.claim_one()

    with pytest.raises(DuplicateJobError):
        submit(genq, request())


def test_a_period_holds_the_key_beyond_the_end_and_not_beyond_the_period(genq: Harness) -> None:
    submit(genq, request(period=60))
    genq.run_until_idle()

    with pytest.raises(DuplicateJobError, match="until 20"):
        submit(genq, request())
    genq.advance(timedelta(seconds=61))
    submit(genq, request())

    assert jobs(genq) == 2


def test_a_period_that_is_over_frees_the_key_of_a_job_that_waits(genq: Harness) -> None:
    first = submit(genq, request(period=60))
    genq.advance(timedelta(seconds=61))

    second = submit(genq, request())

    assert second.job.id != first.job.id
    assert status(genq, first) is JobStatus.QUEUED


def test_the_earlier_job_is_returned_on_demand(genq: Harness) -> None:
    first = submit(genq, request(on_conflict="return"))
    second = submit(genq, request(on_conflict="return"))

    assert not first.found
    assert second.found
    assert second.job.id == first.job.id
    assert jobs(genq) == 1


@pytest.mark.parametrize("waits", ["ready", "scheduled", "released"])
def test_a_job_that_waits_is_replaced_and_its_caller_told(genq: Harness, waits: str) -> None:
    later: dict[str, Any] = {"run_at": 3600} if waits == "scheduled" else {}
    first = submit(genq, request(**later))
    if waits == "released":
        genq.release()

    second = submit(genq, request(on_conflict="replace"))

    name = format_id("job", first.job.id)
    replaced = genq.job(name)
    assert status(genq, first) is JobStatus.CANCELLED
    assert replaced.error is not None
    assert replaced.error["code"] == "job_replaced"
    assert format_id("job", second.job.id) in replaced.error["message"]
    assert genq.events(name) == ["job.cancelled"]
    with pytest.raises(DuplicateJobError, match=format_id("job", second.job.id)):
        submit(genq, request())
    genq.run_until_idle()
    assert status(genq, second) is JobStatus.SUCCEEDED
    assert len(genq.provider.calls) == 1


def test_a_running_job_is_not_replaced(genq: Harness) -> None:
    first = submit(genq, request())
    genq.release()
    genq.claim_one()

    with pytest.raises(DuplicateJobError, match="runs already"):
        submit(genq, request(on_conflict="replace"))

    assert status(genq, first) is JobStatus.RUNNING
    assert jobs(genq) == 1


def test_a_job_that_has_ended_within_its_period_is_not_replaced(genq: Harness) -> None:
    submit(genq, request(period=60))
    genq.run_until_idle()

    with pytest.raises(DuplicateJobError, match="has ended"):
        submit(genq, request(on_conflict="replace"))


def test_a_scope_divides_the_keys(genq: Harness) -> None:
    submit(genq, request(scope="lane", lane="fast"))
    submit(genq, request(scope="lane", lane="batch"))
    submit(genq, request(scope="kind"))
    submit(genq, request(scope="model"))
    submit(genq, request())

    assert jobs(genq) == 5
    with pytest.raises(DuplicateJobError):
        submit(genq, request(scope="model", model="test-image"))


def test_idempotency_comes_before_uniqueness(genq: Harness) -> None:
    how = {"idempotency_key": "k", "body_hash": b"1"}
    for on_conflict in ("reject", "return", "replace"):
        wanted = request(on_conflict, on_conflict=on_conflict)
        first = submit(genq, wanted, **{**how, "idempotency_key": on_conflict})
        second = submit(genq, wanted, **{**how, "idempotency_key": on_conflict})

        assert second.replayed
        assert not second.found
        assert second.job.id == first.job.id
        assert status(genq, first) is JobStatus.QUEUED
    with pytest.raises(IdempotencyConflictError):
        submit(genq, request("reject"), idempotency_key="reject", body_hash=b"2")
    genq.run_until_idle()
    assert submit(genq, request("reject"), idempotency_key="reject", body_hash=b"1").replayed
    assert jobs(genq) == 3


def test_a_known_idempotency_key_does_not_spend_a_free_unique_key(genq: Harness) -> None:
    submit(genq, request("a"), idempotency_key="k", body_hash=b"1")

    with pytest.raises(IdempotencyConflictError):
        submit(genq, request("b", period=600), idempotency_key="k", body_hash=b"2")

    submit(genq, request("b"))


async def _at_once(
    genq: Harness, wanted: list[JobRequest], how: list[dict[str, Any]]
) -> list[Submitted | BaseException]:
    """Submit through two submitters with connections of their own, as two API processes do."""
    tenant = genq._tenants["acme"]
    engines = [create_engine(genq.settings, process="api") for _ in range(2)]
    async with Doorbells(genq.settings.doorbell_url()) as doorbells:
        # As the API has it: every statement a transaction, but for those that must be whole.
        submitters = [
            Submitter(single_statements(engine), genq.settings, doorbells) for engine in engines
        ]
        outcomes = await asyncio.gather(
            *[
                submitters[n % 2].submit(tenant, one, **how[n % len(how)])
                for n, one in enumerate(wanted)
            ],
            return_exceptions=True,
        )
        for submitter in submitters:
            await submitter.close()
    for engine in engines:
        await engine.dispose()
    return outcomes


def test_of_fifty_submits_at_once_one_gets_the_key(genq: Harness) -> None:
    genq.tenant("acme")

    outcomes = genq.do(_at_once(genq, [request()] * ASKERS, [{}]))

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Submitted: 1, DuplicateJobError: ASKERS - 1}
    assert jobs(genq) == 1


def test_of_fifty_submits_at_once_one_takes_over_a_stale_key(genq: Harness) -> None:
    submit(genq, request())
    genq.run_until_idle()

    outcomes = genq.do(_at_once(genq, [request(on_conflict="return")] * ASKERS, [{}]))

    made = [one for one in outcomes if isinstance(one, Submitted)]
    assert len(made) == ASKERS
    assert [one.found for one in made].count(False) == 1
    assert len({one.job.id for one in made}) == 1
    assert jobs(genq) == 2


def test_of_fifty_replacements_at_once_one_remains_and_all_others_are_told(
    genq: Harness,
) -> None:
    genq.tenant("acme")

    outcomes = genq.do(_at_once(genq, [request(on_conflict="replace")] * ASKERS, [{}]))

    assert all(isinstance(one, Submitted) for one in outcomes), outcomes
    states = Counter(row.final_state for row in genq.sql("SELECT final_state FROM job"))
    assert states == {13: ASKERS - 1, None: 1}
    assert genq.sql("SELECT count(*) FROM outbox")[0][0] == ASKERS - 1
    live = genq.sql("SELECT job_id FROM live")
    assert [row.job_id for row in genq.sql("SELECT job_id FROM unique_job")] == [
        row.job_id for row in live
    ]


def test_the_same_request_sent_many_times_at_once_is_one_job(genq: Harness) -> None:
    genq.tenant("acme")
    how = {"idempotency_key": "k", "body_hash": b"1"}

    outcomes = genq.do(_at_once(genq, [request(on_conflict="replace")] * ASKERS, [how]))

    made = [one for one in outcomes if isinstance(one, Submitted)]
    assert len(made) == ASKERS
    assert [one.replayed for one in made].count(False) == 1
    assert jobs(genq) == 1
    assert genq.sql("SELECT count(*) FROM live")[0][0] == 1


def test_housekeeping_drops_keys_that_nobody_holds(genq: Harness) -> None:
    submit(genq, request("ended"))
    submit(genq, request("ended-within-period", period=600))
    submit(genq, request("over", period=60))
    genq.run_until_idle()
    submit(genq, request("waits"))
    genq.sql("UPDATE unique_job SET expires_at = now() WHERE key LIKE '%over'")

    genq.do(forget_unique_keys(genq._engine))

    kept = {row.key for row in genq.sql("SELECT key FROM unique_job")}
    assert kept == {"tenant//ended-within-period", "tenant//waits"}


def test_a_job_without_a_key_leaves_no_row(genq: Harness) -> None:
    genq.submit()

    assert genq.sql("SELECT * FROM unique_job") == []
