"""Settling: what a job took is what it costs, and no release leaves anything held back."""

from dataclasses import replace
from typing import Any

import pytest

from producer.submit import Submitter
from schemas.budget import BudgetUnit
from schemas.generation import Kind, Usage
from schemas.ids import parse_id
from schemas.job import JobRequest
from schemas.job_states import JobState
from schemas.model_catalog import ModelSpec
from tests.fixtures.budgeting import assert_balanced, balance, give, used
from tests.fixtures.cancelling import cancel
from tests.fixtures.harness import Harness
from worker.pipeline.job_run import JobRun
from worker.providers.provider import Reply


class Said:
    """A stage that stands for a model server which tells how many tokens its answer has."""

    name = "said"

    def __init__(self, tokens: int) -> None:
        self._usage = Usage(output_tokens=tokens)

    async def __call__(self, run: JobRun) -> JobRun:
        return replace(run, output=Reply(usage=self._usage))


def test_a_short_answer_costs_the_tokens_that_it_took(genq: Harness) -> None:
    give(genq, 1000, unit=BudgetUnit.TOKENS)
    genq.stages = (Said(7),)
    talk: Any = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
    wanted = JobRequest(kind=Kind.CHAT, input=talk)
    server = genq.settings.model_servers[0]
    talks = server.model_copy(update={"models": (ModelSpec(name="talk", kind=Kind.CHAT),)})
    settings = genq.settings.model_copy(update={"model_servers": (talks,)})
    genq._submitter = Submitter(genq._engine, settings, genq._doorbells)

    genq.do(genq._submitter.submit(genq.tenant("acme"), wanted))
    held = used(genq, BudgetUnit.TOKENS)
    genq.run_until_idle()
    balance(genq)

    assert held == (0, 102)
    assert used(genq, BudgetUnit.TOKENS) == (7, 0)
    assert_balanced(genq)


@pytest.mark.parametrize(
    ("state", "spent"), [(JobState.SUCCEEDED, 1), (JobState.DEAD, 0)], ids=["made", "dead"]
)
def test_what_a_worker_of_an_older_release_ended_is_settled_by_the_house_keeping(
    genq: Harness, state: JobState, spent: int
) -> None:
    give(genq, 2)
    ended, waiting = genq.submit(), genq.submit()

    # It knows of no reservations.
    key = parse_id("job", ended)
    genq.sql("DELETE FROM live WHERE job_id = :id", id=key)
    genq.sql("UPDATE job SET final_state = :state WHERE id = :id", id=key, state=int(state))
    balance(genq)

    assert used(genq) == (spent, 1)
    assert_balanced(genq)
    cancel(genq, waiting)
    assert_balanced(genq)
