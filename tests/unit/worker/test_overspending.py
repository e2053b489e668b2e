"""What jobs used beyond, or below, what was reserved for them."""

from dataclasses import replace
from datetime import UTC, datetime

from infra.endings import ending_of
from infra.postgres.finish import Ending
from schemas.cost import Cost
from schemas.generation import Kind
from schemas.job_states import AttemptOutcome, JobState
from schemas.limits import RateLimits
from schemas.model_accounts import accounts_of
from schemas.model_catalog import ModelServer, ModelSpec
from tests.fixtures.claims import chat_claim
from worker.overspending import overspent, unused

SERVER = ModelServer(
    name="writer",
    base_url="http://writer.invalid/v1",
    models=(ModelSpec(name="talk", kind=Kind.CHAT),),
    limits=RateLimits(tokens_per_minute=1000),
)


def ending(reserved: Cost, actual: Cost | None, *, model: str = "talk") -> Ending:
    claim = chat_claim(model=model, tenant_id=7, cost=reserved)
    made = ending_of(
        claim,
        state=JobState.SUCCEEDED,
        outcome=AttemptOutcome.OK,
        finished_at=datetime(2026, 11, 1, tzinfo=UTC),
        public_url="http://genq.invalid",
    )
    return replace(made, actual=actual)


def test_tenant_and_account_get_back_what_was_not_used() -> None:
    jobs = [ending(Cost(100, tokens=600), Cost(20, tokens=100)) for _ in range(2)]

    assert overspent(jobs, accounts_of((SERVER,))) == {
        "tenant:7:tokens": -1000,
        "account:writer:tokens": -1000,
    }


def test_an_account_without_a_limit_is_left_alone() -> None:
    job = ending(Cost(1000, images=1), Cost(3000, images=3), model="paint")

    assert overspent([job], accounts_of((SERVER,))) == {"tenant:7:images": 2}


def test_what_was_reckoned_right_or_is_not_known_changes_nothing() -> None:
    jobs = [ending(Cost(tokens=5), Cost(tokens=5)), ending(Cost(tokens=5), None)]

    assert overspent(jobs, accounts_of((SERVER,))) == {}


def test_who_asked_no_model_gives_back_all_of_it_and_the_call() -> None:
    limits = RateLimits(tokens_per_minute=1000, requests_per_minute=60, requests_per_second=2)
    server = SERVER.model_copy(update={"limits": limits})
    claims = [chat_claim(model="talk", tenant_id=7, cost=Cost(100, tokens=600))] * 2

    assert unused(claims, accounts_of((server,))) == {
        "tenant:7:requests": -2,
        "tenant:7:tokens": -1200,
        "account:writer:requests": -2,
        "account:writer:tokens": -1200,
        "account:writer:calls": -2,
    }
