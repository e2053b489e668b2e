"""Which servers offer which model, and which model a kind gets that names none."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.generation import Kind
from schemas.model_catalog import (
    ModelServer,
    ModelSpec,
    default_model,
    missing_fallbacks,
    offers_of,
    servers_of,
)


def server(name: str, *models: tuple[str, Kind], changed: Any = None) -> ModelServer:
    plain: dict[str, Any] = {
        "name": name,
        "base_url": "http://models.invalid/v1",
        "models": [{"name": model, "kind": kind} for model, kind in models],
    }
    return ModelServer.model_validate(plain | (changed or {}))


ONE = server("one", ("words", Kind.CHAT), ("both", Kind.IMAGE), ("second", Kind.IMAGE))
TWO = server("two", ("both", Kind.IMAGE), ("both", Kind.CHAT))


def test_the_first_model_of_a_kind_is_its_default() -> None:
    assert default_model([ONE, TWO], Kind.IMAGE) == "both"
    assert default_model([ONE, TWO], Kind.CHAT) == "words"
    assert default_model([TWO, ONE], Kind.CHAT) == "both"


def test_a_kind_that_nobody_offers_has_no_default() -> None:
    assert default_model([], Kind.IMAGE) is None
    assert default_model([server("x", ("m", Kind.CHAT))], Kind.IMAGE) is None


def test_a_model_is_offered_for_its_kind_in_configured_order() -> None:
    assert servers_of([ONE, TWO], "both", Kind.IMAGE) == [ONE, TWO]
    assert servers_of([TWO, ONE], "both", Kind.IMAGE) == [TWO, ONE]
    assert servers_of([ONE, TWO], "both", Kind.CHAT) == [TWO]
    assert servers_of([ONE, TWO], "words", Kind.IMAGE) == []
    assert servers_of([ONE, TWO], "nobodys", Kind.IMAGE) == []


@pytest.mark.parametrize("model", ["", "x" * 129])
def test_a_model_that_cannot_exist_is_offered_by_nobody(model: str) -> None:
    assert servers_of([ONE], model, Kind.IMAGE) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "One"},
        {"name": ""},
        {"name": "-one"},
        {"name": "x" * 64},
        {"base_url": "models.invalid"},
        {"base_url": "ftp://models.invalid"},
        {"models": []},
        {"models": [{"name": "m"}]},
        {"models": [{"name": "m", "kind": "video"}]},
        {"models": [{"name": "", "kind": "image"}]},
        {"concurrency": 0},
        {"concurrency": 10_001},
        {"api_keys": "x"},
    ],
)
def test_a_wrong_server_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        server("one", ("m", Kind.IMAGE), changed=wrong)


def test_a_servers_key_is_not_shown() -> None:
    shown = server("one", ("m", Kind.IMAGE), changed={"api_key": "sk-very-secret"})

    assert "very-secret" not in repr(shown) + str(shown) + shown.model_dump_json()
    assert shown.api_key.get_secret_value() == "sk-very-secret"


def test_a_model_is_its_name_and_kind() -> None:
    assert ModelSpec(name="m", kind=Kind.IMAGE) == ModelSpec(name="m", kind=Kind.IMAGE)
    assert ModelSpec(name="m", kind=Kind.IMAGE) != ModelSpec(name="m", kind=Kind.CHAT)


def with_fallbacks(
    name: str, model: str, *fallbacks: str, kind: Kind = Kind.IMAGE
) -> ModelServer:
    spec = ModelSpec(name=model, kind=kind, fallbacks=fallbacks)
    return ModelServer(name=name, base_url="http://models.invalid/v1", models=(spec,))


def offered(*servers: ModelServer, model: str) -> list[tuple[str, list[str]]]:
    offers = offers_of(servers, model, Kind.IMAGE)
    return [(offer.model, [server.name for server in offer.servers]) for offer in offers]


def test_a_model_is_offered_by_itself_first_and_each_fallback_once() -> None:
    servers = [
        with_fallbacks("a", "small", "large", "small", "large"),
        with_fallbacks("b", "large", "largest"),
        with_fallbacks("c", "small", "largest"),
        with_fallbacks("d", "largest"),
    ]

    assert offered(*servers, model="small") == [
        ("small", ["a", "c"]),
        ("large", ["b"]),
        ("largest", ["d"]),
    ]
    # The fallbacks of a fallback are its own.
    assert offered(*servers[:2], servers[3], model="small") == [
        ("small", ["a"]),
        ("large", ["b"]),
    ]


def test_a_fallback_must_be_offered_for_the_same_kind() -> None:
    small = with_fallbacks("a", "small", "words", "large")
    servers = [small, with_fallbacks("b", "words", kind=Kind.CHAT)]

    assert missing_fallbacks(servers) == ["small -> words", "small -> large"]
    assert missing_fallbacks([*servers, with_fallbacks("c", "large")]) == ["small -> words"]
    assert missing_fallbacks([]) == []
