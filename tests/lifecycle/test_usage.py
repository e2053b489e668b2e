"""What was used is counted once, whoever dies; budgets, jobs and reports tell one number."""

from typing import Any

import orjson
import pytest

from infra.objectstore.directory import DirectoryStore
from infra.postgres.engine import transaction
from infra.postgres.manifest import read_written
from infra.postgres.usage import add_to_hours, forget_hours, names_in_usage, unname_usage
from infra.postgres.usage_report import read_usage, sum_usage
from producer.dispatcher.usage import add_up_usage, forget_usage
from producer.estimate import estimate_job
from producer.submit import Submitter
from schemas.budget import BudgetUnit
from schemas.errors import InputError, ModelUnavailableError, ObjectStoreError
from schemas.generation import Kind
from schemas.ids import parse_id
from schemas.job import JobRequest, job_view
from schemas.job_states import AttemptOutcome, JobState
from schemas.model_catalog import Price
from schemas.usage import Group, Interval, UsageQuery, span_of
from tests.fixtures.budgeting import assert_balanced, balance, give, used
from tests.fixtures.cancelling import cancel
from tests.fixtures.fakes import MovedGate
from tests.fixtures.harness import MODEL, Harness
from tests.fixtures.judging import Seer, judge
from tests.fixtures.reviewing import ADA, DOUBTFUL, REJECT, Office
from worker.pipeline.run import build_stages
from worker.providers.provider import Providers

IMAGE = JobRequest(kind=Kind.IMAGE, input={"prompt": "a kite"})
EACH = 40_000 + 1
"""Millionths: four cents, and 64 pixels at a cent a megapixel, rounded up."""


def priced(genq: Harness, price: Price | None = None) -> None:
    """Give the one model of the harness a price."""
    (server,) = genq.settings.model_servers
    price = price or Price(per_image=0.04, per_megapixel=0.01)
    (spec,) = server.models
    server = server.model_copy(update={"models": (spec.model_copy(update={"price": price}),)})
    genq.settings = genq.settings.model_copy(update={"model_servers": (server,)})
    genq._submitter = Submitter(genq._engine, genq.settings, genq._doorbells)


def sums(genq: Harness, tenant: str = "acme") -> dict[str, int]:
    """Return what a tenant has used this month."""
    (now,) = genq.sql("SELECT now() AS at")
    span = span_of(UsageQuery(), now.at)
    tenant_id = genq.tenant(tenant).id
    return genq.in_transaction(lambda c: sum_usage(c, tenant_id, span))


def people(genq: Harness) -> list[str]:
    tenant_id = genq.tenant("acme").id
    return genq.in_transaction(lambda c: names_in_usage(c, tenant_id, after="", limit=9))


def test_usage_budgets_and_jobs_agree_to_the_millionth(genq: Harness) -> None:
    priced(genq)
    give(genq, 10_000_000, unit=BudgetUnit.MONEY)
    for request in ({"input": {"prompt": "two kites", "n": 2}}, {"end_user": "ann"}, {}):
        genq.do(genq._submitter.submit(genq.tenant("acme"), IMAGE.model_copy(update=request)))
    withdrawn = genq.submit()
    cancel(genq, withdrawn)
    genq.release()
    genq.work_one()
    genq.work_one()
    genq.provider.failures.append(InputError("no"))
    genq.run_until_idle()
    balance(genq)

    jobs = genq.sql("SELECT id, spent FROM job ORDER BY id")
    money = [job.spent or 0 for job in jobs]
    assert [job.spent for job in jobs] == [80_002, EACH, 0, None]
    assert used(genq, BudgetUnit.MONEY) == (sum(money), 0)
    assert_balanced(genq)
    counted = sums(genq)
    assert counted["money"] == counted["worth"] == sum(money)
    assert (counted["jobs"], counted["succeeded"], counted["images"]) == (3, 2, 3)
    assert counted["pixels"] == 3 * 64


def test_a_job_tells_what_it_was_estimated_at_and_what_it_is_charged(genq: Harness) -> None:
    priced(genq)
    tenant = genq.tenant("acme")
    told = genq.do(estimate_job(genq._engine, genq.settings, genq._submitter, tenant, IMAGE))
    made = genq.submit("a kite")
    genq.run_until_idle()
    genq.provider.failures.append(InputError("no"))
    failed = genq.submit()
    genq.run_until_idle()
    withdrawn = genq.submit()
    cancel(genq, withdrawn)

    views = [job_view(genq.job(one), "http://genq") for one in (made, failed, withdrawn)]
    events = genq.sql("SELECT body FROM outbox WHERE kind = 1 ORDER BY job_id")

    assert told.price == (50_000, 50_000)
    assert views[0]["cost"] == {"currency": "usd", "estimated": 0.05, "actual": 0.040001}
    assert [view["cost"] for view in views[1:]] == [None, None]
    # Events tell the same.
    assert [orjson.loads(event.body)["data"]["cost"] for event in events] == [
        view["cost"] for view in views
    ]


def test_work_for_nothing_is_counted_and_not_charged(genq: Harness) -> None:
    priced(genq)

    class Full(DirectoryStore):
        async def put(self, key: str, data: bytes, content_type: str) -> None:
            raise ObjectStoreError("full")

    whole = genq.stages
    (server,) = genq.settings.model_servers
    genq.stages = build_stages(
        (server,),
        providers=Providers({"painter": genq.provider}),
        store=Full(genq.objects),
        gate=MovedGate("painter"),
    )
    job_id = genq.submit()
    genq.release()
    genq.work_one()
    lost = sums(genq)
    genq.stages = whole
    (job,) = genq.sql("SELECT run_at - now() AS wait FROM live")
    genq.advance(job.wait)
    genq.run_until_idle()

    assert (lost["jobs"], lost["images"], lost["worth"], lost["money"]) == (0, 1, EACH, 0)
    assert genq.outcomes(job_id) == [AttemptOutcome.ERROR, AttemptOutcome.OK]
    after = sums(genq)
    assert (after["jobs"], after["images"], after["worth"]) == (1, 2, 2 * EACH)
    assert after["money"] == EACH


def test_a_failure_before_any_answer_costs_nothing(genq: Harness) -> None:
    priced(genq)
    genq.provider.failures.append(ModelUnavailableError("away"))
    genq.submit()
    genq.release()
    genq.work_one()

    assert set(sums(genq).values()) == {0}


def test_a_worker_that_dies_is_counted_once(genq: Harness) -> None:
    priced(genq)
    genq.submit()
    genq.release()
    with genq.worker_dies_after("store"):
        genq.work_one()
    genq.silence_workers()
    genq.reap()
    genq.new_worker()
    genq.run_until_idle()

    assert sums(genq)["money"] == EACH
    assert sums(genq)["jobs"] == 1


@pytest.mark.parametrize("approved", [True, False])
def test_what_people_let_pass_is_charged_and_what_they_reject_is_not(
    office: Office, *, approved: bool
) -> None:
    genq = office.genq
    priced(genq)
    judge(genq, Seer())
    job_id, item = office.held(DOUBTFUL)
    held = sums(genq)
    if approved:
        office.decide(ADA, item)
    else:
        office.decide(ADA, item, REJECT)

    after = sums(genq)
    assert (held["jobs"], held["images"], held["worth"], held["money"]) == (0, 1, EACH, 0)
    assert (after["images"], after["worth"]) == (1, EACH)
    assert after["money"] == after["jobs"] * EACH == (EACH if approved else 0)
    spent = genq.sql("SELECT spent FROM job")[0].spent
    assert spent == (EACH if approved else None)
    state = JobState.SUCCEEDED if approved else JobState.BLOCKED
    assert genq.job(job_id).state is state
    # The attempt that was held is the last one: its manifest tells what was found then.
    tenant_id, key = genq.tenant("acme").id, parse_id("job", job_id)
    written = genq.in_transaction(lambda c: read_written(c, tenant_id, key))
    assert set(written.checks or ()) == {"prompt", "output"}


def test_hours_have_every_entry_once_whoever_adds_them_up(genq: Harness) -> None:
    priced(genq)
    for _ in range(3):
        genq.submit()
    genq.run_until_idle()
    before = sums(genq)

    class CutOffError(Exception):
        pass

    async def dies() -> None:
        async with transaction(genq._engine) as connection:
            await add_to_hours(connection)
            raise CutOffError

    async def beside(first: Any) -> None:
        # The one has added them and has not committed: the other finds nothing, and waits not.
        await add_to_hours(first)
        async with transaction(genq._engine) as second:
            assert not await add_to_hours(second)

    with pytest.raises(CutOffError):
        genq.do(dies())
    assert len(genq.sql("SELECT 1 FROM usage_entry")) == 3
    genq.in_transaction(beside)
    genq.do(add_up_usage(genq._engine))

    assert genq.sql("SELECT 1 FROM usage_entry") == []
    assert [row.jobs for row in genq.sql("SELECT jobs FROM usage_hour")] == [3]
    assert sums(genq) == before


def test_an_erased_person_used_nothing_and_the_sums_stay(genq: Harness) -> None:
    priced(genq)
    for name in ("ann", "bob", None):
        genq.submit(end_user=name)
    genq.run_until_idle()
    genq.do(add_up_usage(genq._engine))
    genq.submit(end_user="ann")
    genq.run_until_idle()
    before, tenant_id = sums(genq), genq.tenant("acme").id
    assert people(genq) == ["ann", "bob"]

    genq.in_transaction(lambda c: unname_usage(c, tenant_id, ["ann"]))
    genq.do(add_up_usage(genq._engine))

    assert people(genq) == ["bob"]
    assert sums(genq) == before
    (now,) = genq.sql("SELECT now() AS at")
    rows = genq.in_transaction(
        lambda c: read_usage(
            c,
            tenant_id,
            span_of(UsageQuery(), now.at),
            interval=Interval.TOTAL,
            groups=[Group.END_USER],
            after=None,
            limit=9,
        )
    )
    assert [(row.keys, row.counts["jobs"]) for row in rows] == [(("",), 3), (("bob",), 1)]


def test_hours_outlive_jobs_and_are_forgotten_in_their_time(genq: Harness) -> None:
    genq.submit()
    genq.run_until_idle()
    genq.do(add_up_usage(genq._engine))
    genq.sql("UPDATE usage_hour SET at = now() - interval '399 days'")
    (now,) = genq.sql("SELECT now() AS at")
    oldest = now.at - genq.settings.usage_retention

    genq.do(forget_usage(genq._engine, before=oldest))
    assert len(genq.sql("SELECT 1 FROM usage_hour")) == 1
    genq.sql("UPDATE usage_hour SET at = now() - interval '401 days'")
    assert not genq.in_transaction(lambda c: forget_hours(c, before=oldest))
    assert genq.sql("SELECT 1 FROM usage_hour") == []


def test_a_model_without_a_price_costs_nothing_and_says_so(genq: Harness) -> None:
    job_id = genq.submit(model=MODEL)
    genq.run_until_idle()

    assert job_view(genq.job(job_id), "http://genq")["cost"] is None
    assert (sums(genq)["images"], sums(genq)["money"]) == (1, 0)


def test_numbers_beyond_all_measure_do_not_hold_up_the_hours(genq: Harness) -> None:
    tenant_id = genq.tenant("acme").id
    for _ in range(2):
        for _ in range(2):
            genq.sql(
                "INSERT INTO usage_entry (tenant_id, at, kind, lane, cached, asked, "
                "input_tokens) VALUES (:tenant_id, date_trunc('hour', now()), 1, 1, false, "
                "'a', 9223372036854775807)",
                tenant_id=tenant_id,
            )
        genq.do(add_up_usage(genq._engine))

    assert genq.sql("SELECT 1 FROM usage_entry") == []
    assert sums(genq)["input_tokens"] == 2**63 - 1
