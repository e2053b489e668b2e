"""Which strategy a model's calls follow."""

import pytest
from pydantic import SecretStr, ValidationError

from infra.settings import Settings
from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.routing import ModelRoute, Strategy


def settings(**more: object) -> Settings:
    model = ModelSpec(name="m", kind=Kind.CHAT)
    server = ModelServer(name="one", base_url="http://x/v1", models=(model,))
    told = {
        "_env_file": None,
        "database_url": SecretStr("postgresql://nowhere.invalid/genq"),
        "broker_url": SecretStr("redis://nowhere.invalid"),
        "object_store": "file:///nowhere",
        "key_pepper": SecretStr("only-for-tests-0123456789"),
        "model_servers": (server,),
    }
    return Settings.model_validate(told | more)


def test_a_model_has_the_strategy_of_its_route_and_others_the_general_one() -> None:
    route = ModelRoute(model="m", strategy=Strategy.CHEAPEST)

    told = settings(model_routes=(route,), route_strategy=Strategy.WEIGHTED)

    assert told.strategy_of("m") is Strategy.CHEAPEST
    assert told.strategy_of("n") is Strategy.WEIGHTED


def test_a_protocol_that_nobody_speaks_is_refused_with_what_is_installed() -> None:
    model = ModelSpec(name="m", kind=Kind.CHAT)
    server = ModelServer(name="one", base_url="http://x", protocol="smoke", models=(model,))

    with pytest.raises(
        ValidationError,
        match=r"one: protocol smoke is neither openai, .*http nor installed; installed "
        r"adapters: none\. Install the distribution",
    ):
        settings(model_servers=(server,))


def test_who_says_nothing_gets_the_least_loaded() -> None:
    assert settings().strategy_of("m") is Strategy.LEAST_LOADED
