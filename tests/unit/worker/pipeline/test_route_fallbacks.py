"""Which model or server is next when one cannot do a job, and who must never get it."""

import asyncio
from typing import Any

import pytest

from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.queue_errors import ContextTooLongError, ModelBusyError
from schemas.route_document import RouteDocument
from schemas.route_errors import NoCapableServerError, NoPermittedServerError
from schemas.routes import Routes, document_faults
from schemas.routing import Strategy
from tests.fixtures.claims import chat_claim, image_claim
from tests.fixtures.leaping_loop import later, leap
from tests.fixtures.timed_servers import Fleet, Timed, say
from worker.pipeline.job_run import JobRun
from worker.providers.provider import Providers, Reply


class Scripted:
    """A chat or picture server that fails as planned, for ever."""

    def __init__(self, name: str, failure: GenqError | None, calls: list[str]) -> None:
        self._name = name
        self._failure = failure
        self._calls = calls

    async def generate(self, claim: Claim) -> Reply:
        self._calls.append(f"{claim.model}@{self._name}")
        if self._failure is not None:
            raise self._failure
        return Reply(text="done")


class Scene:
    """Servers called as what they offer: ``model@server``, a document, and who fails how."""

    def __init__(self, *named: str, **failing: GenqError) -> None:
        self.calls: list[str] = []
        self.fleet = Fleet(Strategy.LEAST_LOADED, *(Timed(_name(n), 1.0) for n in named))
        servers = tuple(_server(one) for one in named)
        self.fleet.routes = Routes(servers, lambda _: Strategy.LEAST_LOADED)
        providers = {
            one.name: Scripted(one.name, failing.get(one.name), self.calls) for one in servers
        }
        self.fleet.generate._providers = Providers(providers)

    def run(self, claim: Claim) -> list[str]:
        async def play() -> None:
            await self.fleet.generate(await self.fleet.route(JobRun(claim)))

        leap(play())
        return self.calls


def _name(named: str) -> str:
    return named.partition("@")[2]


def _server(named: str) -> ModelServer:
    model, _, name = named.partition("@")
    kind = Kind.CHAT if model.startswith("chat") else Kind.IMAGE
    models = (ModelSpec(name=model, kind=kind),)
    return ModelServer(name=name, base_url="http://127.0.0.1:1/v1", models=models)


def test_an_input_that_is_too_long_goes_to_the_larger_model_once() -> None:
    long = ContextTooLongError("no")
    scene = Scene("chat@a", "chat@b", "chat-large@c", "chat-other@d", a=long, b=long, c=long)
    fallbacks = {"context_too_long": ["chat-large"], "server_error": ["chat-other"]}
    say(scene.fleet, model="chat", fallbacks=fallbacks)

    with pytest.raises(ContextTooLongError):
        scene.run(chat_claim(model="chat"))
    assert scene.calls == ["chat@a", "chat-large@c"]


@pytest.mark.parametrize(
    ("error", "stand_in"),
    [
        (ModelUnavailableError("no"), "chat-first@c"),
        (ModelTimeoutError("no"), "chat-second@d"),
        (ModelRateLimitedError("no"), "chat-third@e"),
    ],
)
def test_other_failures_go_to_the_next_server_and_then_to_their_own_stand_ins(
    error: GenqError, stand_in: str
) -> None:
    scene = Scene(
        "chat@a", "chat@b", "chat-first@c", "chat-second@d", "chat-third@e", a=error, b=error
    )
    says = {
        "server_error": "chat-first",
        "timeout": "chat-second",
        "rate_limited": "chat-third",
    }
    say(scene.fleet, model="chat", fallbacks={name: [model] for name, model in says.items()})

    assert scene.run(chat_claim(model="chat")) == ["chat@a", "chat@b", stand_in]


def test_refused_content_goes_nowhere_not_even_from_a_stand_in() -> None:
    refused, down = ModelRefusedError("no"), ModelUnavailableError("down")
    every = {
        name: ["chat-x", "chat-y"]
        for name in ("context_too_long", "server_error", "timeout", "rate_limited")
    }
    own = Scene("chat@a", "chat@b", "chat-x@c", "chat-y@d", a=refused)
    say(own.fleet, model="chat", fallbacks=every)
    with pytest.raises(ModelRefusedError):
        own.run(chat_claim(model="chat"))
    assert own.calls == ["chat@a"]

    stand_in = Scene("chat@a", "chat-x@c", "chat-y@d", a=down, c=refused)
    say(stand_in.fleet, model="chat", fallbacks=every)
    with pytest.raises(ModelUnavailableError):
        stand_in.run(chat_claim(model="chat"))
    assert stand_in.calls == ["chat@a", "chat-x@c"]


def test_a_private_job_never_leaves_private_servers_whatever_fails() -> None:
    private = {"tags": ["private", "eu"]}
    down = ModelUnavailableError("down")
    scene = Scene("chat@cloud", "chat@own", "chat-x@cloudy", "chat-y@mine", own=down)
    say(scene.fleet, model="chat", servers={"own": private}, fallbacks=_all("chat-x", "chat-y"))
    claim = chat_claim(model="chat", requires=frozenset({"private"}))

    # The stand-in is private for nobody until it says so for its own calls.
    with pytest.raises(ModelUnavailableError):
        scene.run(claim)
    assert scene.calls == ["chat@own"]

    say(scene.fleet, 2, model="chat-y", servers={"mine": private})
    assert scene.run(claim)[1:] == ["chat@own", "chat-y@mine"]

    # Off: it waits. No tag any more: it fails. In neither case is anybody called.
    scene.calls.clear()
    off = {"own": {**private, "enabled": False}}
    say(scene.fleet, 3, model="chat", servers=off, fallbacks=_all("chat-x"))
    with pytest.raises(ModelBusyError):
        scene.run(claim)
    say(scene.fleet, 4, model="chat", fallbacks=_all("chat-x"))
    with pytest.raises(NoPermittedServerError, match="private"):
        scene.run(claim)
    assert scene.calls == []


def test_a_private_job_that_waits_does_not_follow_a_server_that_loses_its_tag() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("own", 10.0, concurrency=1), Timed("cloud", 1.0))
    say(fleet, servers={"own": {"tags": ["private"]}})

    async def job() -> str:
        claim = image_claim(requires=frozenset({"private"}))
        run = await fleet.generate(await fleet.route(JobRun(claim)))
        assert run.served_by is not None
        return run.served_by.server

    async def play() -> list[str | BaseException]:
        jobs = [asyncio.create_task(job()) for _ in range(3)]
        await later(5)
        say(fleet, 2)
        return await asyncio.gather(*jobs, return_exceptions=True)

    first, *others = leap(play())

    assert first == "own"
    assert all(isinstance(one, ModelBusyError) for one in others)
    assert len(fleet.models["own"].begun) == 1
    assert fleet.models["cloud"].begun == []


def test_capabilities_decide_who_may_take_a_job() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("small", 1.0), Timed("large", 1.0))
    small = {"capabilities": {"max_images": 1}}
    say(fleet, servers={"small": small}, capabilities={"max_images": 4})

    async def job(n: int) -> str:
        claim = image_claim(input={"prompt": "a kite", "n": n})
        run = await fleet.generate(await fleet.route(JobRun(claim)))
        return run.served_by.server if run.served_by else ""

    assert {leap(job(2)) for _ in range(4)} == {"large"}
    with pytest.raises(NoCapableServerError, match="5 pictures at once: at most 4"):
        leap(job(5))


def test_an_input_that_is_known_to_be_too_long_is_not_even_tried() -> None:
    scene = Scene("chat@a", "chat-large@b")
    say(
        scene.fleet,
        model="chat",
        capabilities={"max_context_tokens": 100},
        fallbacks={"context_too_long": ["chat-large"]},
    )
    words = [{"role": "user", "content": "kite " * 200}]
    picture = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "A" * 9_000},
    }
    seen = [{"role": "user", "content": [{"type": "text", "text": "what?"}, picture]}]

    scene.run(chat_claim(model="chat", input={"messages": words}))
    scene.run(chat_claim(model="chat", input={"messages": seen}))

    assert scene.calls == ["chat-large@b", "chat@a"]


def test_a_document_may_only_name_what_the_settings_have() -> None:
    servers = (_server("chat@a"), _server("chat-large@b"), _server("image@c"))
    document = RouteDocument.model_validate(
        {
            "servers": {"a": {}, "b": {}},
            "fallbacks": {"timeout": ["chat-large", "image", "chat", "none"]},
        }
    )

    faults = dict(document_faults(document, "chat", servers))

    assert list(faults) == [
        "/servers/b",
        "/fallbacks/timeout/1",
        "/fallbacks/timeout/2",
        "/fallbacks/timeout/3",
    ]


def test_a_model_is_closed_only_if_nobody_at_all_takes_its_calls() -> None:
    servers = (_server("chat@a"), _server("chat@b"), _server("chat-x@c"))
    off = {"enabled": False}

    def closed(**documents: dict[str, Any]) -> bool:
        said = {m.replace("_", "-"): (1, RouteDocument(**one)) for m, one in documents.items()}
        return Routes(servers, lambda _: Strategy.LEAST_LOADED, said).closed("chat")

    assert not closed()
    assert not closed(chat={"servers": {"a": off}})
    every = {"servers": {"a": off, "b": {"draining": True}}}
    assert closed(chat=every)
    standing = {**every, "fallbacks": {"server_error": ["chat-x"]}}
    assert not closed(chat=standing)
    assert closed(chat=standing, chat_x={"servers": {"c": off}})


def _all(*models: str) -> dict[str, list[str]]:
    classes = ("context_too_long", "server_error", "timeout", "rate_limited")
    return {name: list(models) for name in classes}
