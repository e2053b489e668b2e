"""Model accounts: which models share one, what it may use, which pools are closed."""

from typing import Any

import pytest

from infra.postgres.capacity import Capacity, PoolState
from infra.postgres.parks import LONGEST_PARK
from producer.dispatcher.accounts import catalogue_of, tenant_budget
from schemas.generation import Kind
from schemas.limits import RateLimits
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.route_document import RouteDocument
from schemas.routes import Routes, least_loaded


def server(name: str, *models: str, kind: Kind = Kind.IMAGE, **limits: int) -> ModelServer:
    return ModelServer(
        name=name,
        base_url="http://models.invalid/v1",
        models=tuple(ModelSpec(name=model, kind=kind) for model in models),
        limits=RateLimits(**limits),
    )


def seen(*models: str, **waits: float) -> Capacity:
    pools = tuple(PoolState(number, model) for number, model in enumerate(models, 1))
    return Capacity((), 1, 1, 1, pools, {key.replace("__", ":"): s for key, s in waits.items()})


def test_servers_without_a_common_model_are_accounts_of_their_own() -> None:
    found = catalogue_of((server("a", "x"), server("b", "y")))

    assert {account.name for account in found.accounts} == {"a", "b"}


def test_servers_that_share_a_model_share_an_account_over_any_number_of_steps() -> None:
    servers = (server("a", "x"), server("b", "y"), server("c", "x", "y"), server("d", "z"))

    found = catalogue_of(servers)

    assert {account.name for account in found.accounts} == {"a+b+c", "d"}


def test_an_accounts_limit_is_the_sum_of_its_servers() -> None:
    servers = (
        server("a", "x", requests_per_minute=10),
        server("b", "x", requests_per_minute=5, images_per_minute=3),
    )

    (account,) = catalogue_of(servers).limited()

    assert {u: limit.per_minute for u, limit in account.budget.limits.items()} == {
        "requests": 15
    }
    assert account.budget.limits["requests"].key == "account:a+b:requests"


def test_a_model_is_closed_while_all_of_its_servers_are() -> None:
    catalogue = catalogue_of((server("a", "x"), server("b", "x", "y")))

    assert catalogue.closed(seen("x", "y", server__b=2.0)) == {2: 2.0}
    assert catalogue.closed(seen("x", "y", server__a=5.0, server__b=2.0)) == {1: 2.0, 2: 2.0}


def test_a_fallback_keeps_a_model_open() -> None:
    spec = ModelSpec(name="x", kind=Kind.IMAGE, fallbacks=("y",))
    a = server("a", "x").model_copy(update={"models": (spec,)})

    assert catalogue_of((a, server("b", "y"))).closed(seen("x", server__a=9.0)) == {}


def test_an_exhausted_limit_closes_the_kinds_that_it_counts() -> None:
    both = server("a", "x", images_per_minute=3).model_copy(
        update={
            "models": (
                ModelSpec(name="x", kind=Kind.IMAGE),
                ModelSpec(name="talk", kind=Kind.CHAT),
            )
        }
    )

    closed = catalogue_of((both,)).closed(seen("x", "talk", account__a__images=7.0))

    assert closed == {1: 7.0}


def test_a_paused_model_is_looked_at_again_before_long() -> None:
    now = Capacity((), 1, 1, 1, (PoolState(1, "x", paused=True),), {})

    assert catalogue_of((server("a", "x"),)).closed(now) == {1: LONGEST_PARK.total_seconds()}


def test_a_model_that_no_server_offers_is_left_to_the_worker_to_refuse() -> None:
    assert catalogue_of(()).closed(seen("gone")) == {}


@pytest.mark.parametrize(
    ("plan", "keys"),
    [
        ({}, set[str]()),
        ({"requests_per_minute": 3}, {"tenant:7:requests"}),
        (
            {"images_per_minute": 3, "tokens_per_minute": 9},
            {"tenant:7:images", "tenant:7:tokens"},
        ),
    ],
)
def test_a_plan_becomes_limits(plan: dict[str, int], keys: set[str]) -> None:
    assert {limit.key for limit in tenant_budget(7, plan).limits.values()} == keys


def test_a_route_says_which_stand_ins_keep_a_model_open() -> None:
    spec = ModelSpec(name="x", kind=Kind.IMAGE, fallbacks=("y",))
    a = server("a", "x").model_copy(update={"models": (spec,)})
    servers = (a, server("b", "y"), server("c", "z"))
    catalogue, now = catalogue_of(servers), seen("x", server__a=9.0, server__c=4.0)

    def closed(**document: Any) -> dict[int, float]:
        counting = {"x": (1, RouteDocument.model_validate(document))}
        return catalogue.closed(now, Routes(servers, least_loaded, counting))

    none: dict[str, list[str]] = {"server_error": [], "rate_limited": []}
    assert closed() == {}
    assert closed(fallbacks=none) == {1: 9.0}
    assert closed(fallbacks={**none, "rate_limited": ["z"]}) == {1: 4.0}
    assert closed(fallbacks={**none, "server_error": ["y", "z"]}) == {}
    # A server that is switched off is not one that takes calls.
    off = {"a": {"enabled": False}}
    assert closed(servers=off, fallbacks={**none, "server_error": ["z"]}) == {1: 4.0}
