"""Budgets: reserved with the submit, settled with the end, and never more than there is."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from producer.dead_letters import Redriven, Redriver
from producer.submit import Submitted, Submitter
from schemas.admission_errors import BudgetExhaustedError
from schemas.budget import BudgetUnit
from schemas.dead_letter import DeadLetterEdits
from schemas.errors import ModelAuthError
from schemas.generation import Kind, Usage
from schemas.ids import parse_id
from schemas.job import JobRequest
from schemas.job_states import JobState
from schemas.model_catalog import Price
from schemas.unique import OnConflict, UniqueKey
from tests.fixtures.budgeting import assert_balanced, balance, give, used
from tests.fixtures.cancelling import cancel
from tests.fixtures.harness import Harness
from worker.pipeline.job_run import JobRun
from worker.providers.provider import Reply

A_DAY = timedelta(days=1)


class Made:
    """A stage that stands for a model server which tells how many images it made."""

    name = "made"

    def __init__(self, images: int) -> None:
        self._usage = Usage(images=images)

    async def __call__(self, run: JobRun) -> JobRun:
        return replace(run, output=Reply(usage=self._usage))


def refused(genq: Harness, **request: Any) -> BudgetExhaustedError:
    with pytest.raises(BudgetExhaustedError) as caught:
        genq.submit(**request)
    return caught.value


def test_a_submit_reserves_and_a_success_spends_what_it_took(genq: Harness) -> None:
    give(genq, 3)

    job = genq.submit()
    reserved = used(genq)
    genq.run_until_idle()

    assert reserved == (0, 1)
    assert_balanced(genq)
    balance(genq)
    assert used(genq) == (1, 0)
    assert genq.job(job).state is JobState.SUCCEEDED
    assert_balanced(genq)


def test_a_budget_that_is_used_up_refuses_and_says_which_it_is_and_until_when(
    genq: Harness,
) -> None:
    give(genq, 2)
    genq.submit()
    genq.submit()

    error = refused(genq)

    assert error.code == "budget_exhausted"
    assert error.members["budget"] | {"resets_at": ""} == {
        "end_user": None,
        "unit": "images",
        "period": "day",
        "amount": 2,
        "used": 2,
        "needed": 1,
        "on_exhausted": "reject",
        "resets_at": "",
    }
    assert error.retry_after is not None
    assert timedelta(0) < error.retry_after <= A_DAY
    assert genq.sql("SELECT count(*) AS n FROM job")[0].n == 2
    assert_balanced(genq)


def test_of_many_submits_at_once_exactly_as_many_are_accepted_as_fit(genq: Harness) -> None:
    give(genq, 7)
    give(genq, 4, end_user="*")

    async def all_at_once() -> list[object]:
        return await asyncio.gather(
            *[genq.submit_async(end_user=f"user {n % 2}") for n in range(20)],
            return_exceptions=True,
        )

    answers = genq.do(all_at_once())

    assert sum(isinstance(answer, str) for answer in answers) == 7
    assert sum(isinstance(answer, BudgetExhaustedError) for answer in answers) == 13
    assert used(genq) == (0, 7)
    assert sorted(used(genq, user=f"user {n}")[1] for n in range(2)) == [3, 4]
    assert_balanced(genq)


def test_two_processes_at_once_do_not_give_away_the_last_image_twice(genq: Harness) -> None:
    give(genq, 5)
    here = genq._submitter

    async def both() -> list[object]:
        there = Submitter(genq._engine, genq.settings, genq._doorbells)
        submits = [
            one.submit(
                genq._tenants["acme"], JobRequest(kind=Kind.IMAGE, input={"prompt": "a"})
            )
            for one in (here, there)
            for _ in range(6)
        ]
        answers = await asyncio.gather(*submits, return_exceptions=True)
        await there.close()
        return list(answers)

    answers = genq.do(both())

    assert sum(isinstance(answer, Submitted) for answer in answers) == 5
    assert sum(isinstance(answer, BudgetExhaustedError) for answer in answers) == 7
    assert used(genq) == (0, 5)
    assert_balanced(genq)


def cancelled(genq: Harness, job: str) -> None:
    cancel(genq, job)


def expired(genq: Harness, job: str) -> None:
    genq.sql("UPDATE live SET deadline = now() - interval '1 s'")
    genq.reap()


def failed(genq: Harness, job: str) -> None:
    genq.provider.failures.append(ModelAuthError("401 from the model server"))
    genq.run_until_idle()


def cancelled_while_it_ran(genq: Harness, job: str) -> None:
    genq.release()
    genq.claim_one()
    cancel(genq, job)
    genq.advance(timedelta(minutes=1))
    genq.reap()


def lost(genq: Harness, job: str) -> None:
    for _ in range(genq.settings.max_lost):
        genq.release()
        with genq.worker_dies_after("admit"):
            genq.work_one()
        genq.silence_workers()
        genq.new_worker()
        genq.reap()


@pytest.mark.parametrize("ends", [cancelled, expired, failed, cancelled_while_it_ran, lost])
def test_a_job_that_does_not_succeed_gives_back_what_it_held(
    genq: Harness, ends: Callable[[Harness, str], None]
) -> None:
    give(genq, 1)
    job = genq.submit()

    ends(genq, job)

    assert genq.job(job).state.final
    assert_balanced(genq)
    genq.submit()
    assert used(genq) == (0, 1)
    assert_balanced(genq)


def test_attempts_that_are_lost_or_retried_hold_the_same_reservation(genq: Harness) -> None:
    give(genq, 1)
    job = genq.submit()
    genq.release()

    with genq.worker_dies_after("generate"):
        genq.work_one()
    genq.silence_workers()
    genq.reap()
    genq.new_worker()
    between = used(genq)
    assert_balanced(genq)
    genq.advance(timedelta(minutes=10))
    genq.run_until_idle()

    assert between == (0, 1)
    assert genq.job(job).state is JobState.SUCCEEDED
    balance(genq)
    assert used(genq) == (1, 0)
    assert_balanced(genq)


def test_an_idempotency_key_reserves_once(genq: Harness) -> None:
    give(genq, 5)

    first, again = genq.submit(key="k"), genq.submit(key="k")

    assert first == again
    assert used(genq) == (0, 1)
    assert_balanced(genq)


def test_a_refused_job_leaves_its_unique_key_free_and_the_job_it_would_replace_alone(
    genq: Harness,
) -> None:
    give(genq, 1)
    unique = UniqueKey(key="k", on_conflict=OnConflict.REPLACE)
    waiting = genq.submit(unique=unique)

    # What is replaced gives its room to what comes.
    newer = genq.submit(unique=unique)
    give(genq, 0)
    refused(genq, unique=unique)

    assert genq.job(waiting).state is JobState.CANCELLED
    assert genq.job(newer).state is JobState.READY
    refused(genq, unique=UniqueKey(key="other"))
    assert genq.sql("SELECT count(*) AS n FROM unique_job")[0].n == 1
    assert_balanced(genq)


def test_money_is_reckoned_by_the_models_price_and_settled_by_what_was_made(
    genq: Harness,
) -> None:
    give(genq, 100_000, unit=BudgetUnit.MONEY)
    price = Price(per_image=0.01, per_megapixel=0.02)
    server = genq.settings.model_servers[0]
    spec = server.models[0].model_copy(update={"price": price})
    priced = genq.settings.model_copy(
        update={"model_servers": (server.model_copy(update={"models": (spec,)}),)}
    )
    genq._submitter = Submitter(genq._engine, priced, genq._doorbells)

    job = genq.submit()
    held = used(genq, BudgetUnit.MONEY)
    genq.sql("UPDATE reservation SET images = 3, money = 90000")
    genq.sql("UPDATE budget_use SET reserved = CASE unit WHEN 1 THEN 90000 ELSE 3 END")
    genq.stages = (Made(2),)
    genq.run_until_idle()
    balance(genq)

    assert held == (0, 30_000)
    assert used(genq) == (2, 0)
    assert used(genq, BudgetUnit.MONEY) == (60_000, 0)
    rows = genq.sql("SELECT spent FROM job WHERE id = :id", id=parse_id("job", job))
    assert rows[0].spent == 60_000
    assert_balanced(genq)


def test_a_redrive_reserves_anew_or_leaves_the_dead_job_alone(genq: Harness) -> None:
    give(genq, 1)
    dead = genq.submit()
    lost(genq, dead)
    redriver = Redriver(
        genq._engine, genq._submitter, genq._doorbells, idempotency_ttl=timedelta(days=1)
    )

    def redrive() -> Redriven:
        edits = DeadLetterEdits()
        return genq.do(redriver.redrive_one(genq.tenant("acme"), parse_id("job", dead), edits))

    other = genq.submit()
    with pytest.raises(BudgetExhaustedError):
        redrive()
    assert_balanced(genq)
    cancel(genq, other)

    assert redrive().made == 1
    assert used(genq) == (0, 1)
    assert_balanced(genq)


def test_tenants_without_budgets_leave_the_books_alone(genq: Harness) -> None:
    genq.submit()
    genq.run_until_idle()

    assert genq.sql("SELECT count(*) AS n FROM budget_use")[0].n == 0
    assert genq.sql("SELECT count(*) AS n FROM reservation")[0].n == 0
