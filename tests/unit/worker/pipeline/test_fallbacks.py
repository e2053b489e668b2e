"""What one server or model cannot do, another may, within the same attempt."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    InputError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.model_errors import ModelMisconfiguredError
from schemas.queue_errors import ContextTooLongError, ModelBusyError
from schemas.routes import settled_routes
from tests.fixtures.claims import image_claim
from tests.fixtures.fakes import MovedGate
from worker.pipeline.choice import Choice
from worker.pipeline.job_run import JobRun, ServedBy
from worker.pipeline.server_load import ServerLoad
from worker.pipeline.server_times import ServerTimes
from worker.pipeline.stages.generate import Generate
from worker.pipeline.stages.route import Route
from worker.providers.provider import Providers, Reply

MODEL: Final = "sim-image-1"
MENDABLE: Final = (
    ModelUnavailableError,
    ModelTimeoutError,
    ModelRateLimitedError,
    ModelBadAnswerError,
    ModelAuthError,
    ModelMisconfiguredError,
)


def server(name: str, *models: str, fallbacks: Sequence[str] = (), **more: Any) -> ModelServer:
    specs = tuple(
        ModelSpec(name=model, kind=Kind.IMAGE, fallbacks=tuple(fallbacks) if not n else ())
        for n, model in enumerate(models or (MODEL,))
    )
    return ModelServer(name=name, base_url="http://127.0.0.1:1/v1", models=specs, **more)


class Scripted:
    """Raises what is planned for its server, then answers."""

    def __init__(self, name: str, failures: Sequence[Exception], calls: list[str]) -> None:
        self._name = name
        self._failures = deque(failures)
        self._calls = calls

    async def generate(self, claim: Claim) -> Reply:
        self._calls.append(f"{claim.model}@{self._name}")
        if self._failures:
            raise self._failures.popleft()
        return Reply(text="done")


class Scene:
    """Servers, what they fail with, and every call that was made."""

    def __init__(
        self, *servers: ModelServer, failing: Mapping[str, Sequence[Exception]], **gate: Any
    ) -> None:
        self.calls: list[str] = []
        self.gate = MovedGate(*(one.name for one in servers), **gate)
        routes = settled_routes(servers)
        self.route = Route(routes)
        self.load = ServerLoad(servers)
        providers = Providers(
            {s.name: Scripted(s.name, failing.get(s.name, ()), self.calls) for s in servers}
        )
        choice = Choice(self.load, ServerTimes(self.gate.clock), routes)
        self.generate = Generate(providers, self.load, self.gate, choice)

    async def run(self, **claim: Any) -> JobRun:
        return await self.generate(await self.route(JobRun(image_claim(**claim))))

    def play(self, **claim: Any) -> JobRun:
        return asyncio.run(self.run(**claim))

    def refusal(self, **claim: Any) -> GenqError:
        with pytest.raises(GenqError) as refusal:
            self.play(**claim)
        return refusal.value


@pytest.mark.parametrize("kind", MENDABLE)
def test_another_server_of_the_model_goes_on_with_the_job(kind: type[GenqError]) -> None:
    scene = Scene(server("a"), server("b"), failing={"a": [kind("no")]})

    run = scene.play()

    assert scene.calls == [f"{MODEL}@a", f"{MODEL}@b"]
    assert run.served_by == ServedBy(MODEL, "b")
    assert run.result() == {"text": "done", "served_by": {"model": MODEL, "server": "b"}}


@pytest.mark.parametrize("kind", [*MENDABLE, ContextTooLongError])
def test_a_model_that_stands_in_goes_on_with_the_job(kind: type[GenqError]) -> None:
    scene = Scene(
        server("a", fallbacks=["large", "last"]),
        server("b", "large"),
        server("c", "last"),
        failing={"a": [kind("no")], "b": [kind("no")]},
    )

    run = scene.play()

    assert scene.calls == [f"{MODEL}@a", "large@b", "last@c"]
    assert run.served_by == ServedBy("last", "c")
    assert run.claim.model == MODEL


def test_servers_of_the_own_model_come_before_other_models() -> None:
    scene = Scene(
        server("a", fallbacks=["large"]),
        server("b", "large"),
        server("c"),
        failing={"a": [ModelUnavailableError("no")], "c": [ModelUnavailableError("no")]},
    )

    scene.play()

    assert scene.calls == [f"{MODEL}@a", f"{MODEL}@c", "large@b"]


def test_an_input_that_is_too_long_is_not_sent_to_the_same_model_again() -> None:
    scene = Scene(
        server("a", fallbacks=["large"]),
        server("b"),
        server("c", "large"),
        failing={"a": [ContextTooLongError("no")]},
    )

    scene.play()

    assert scene.calls == [f"{MODEL}@a", "large@c"]


@pytest.mark.parametrize("kind", [ModelError, ModelRefusedError, InputError])
def test_what_is_about_the_job_ends_it_without_a_second_try(kind: type[GenqError]) -> None:
    error = kind("no")
    scene = Scene(
        server("a", fallbacks=["large"]), server("b", "large"), failing={"a": [error]}
    )

    assert scene.refusal() is error
    assert scene.calls == [f"{MODEL}@a"]


def test_each_is_tried_once_and_the_first_failure_decides() -> None:
    first = ModelUnavailableError("the first")
    scene = Scene(
        server("a", MODEL, "large", fallbacks=["large", MODEL]),
        server("b", "large"),
        failing={
            "a": [first, ModelBadAnswerError("no")],
            "b": [ModelRefusedError("a stand-in does not decide")],
        },
    )

    assert scene.refusal() is first
    assert sorted(scene.calls) == sorted([f"{MODEL}@a", "large@a", "large@b"])
    assert first.retry_after is None


def test_a_failure_that_time_mends_decides_before_one_that_needs_a_person() -> None:
    limited = ModelRateLimitedError("slow", retry_after=timedelta(seconds=60))
    scene = Scene(
        server("a"), server("b"), failing={"a": [ModelAuthError("no")], "b": [limited]}
    )

    assert scene.refusal() is limited


def test_the_job_waits_for_the_first_server_that_reopens() -> None:
    far = ModelRateLimitedError("slow", retry_after=timedelta(seconds=90))
    near = ModelRateLimitedError("slow", retry_after=timedelta(seconds=30))
    scene = Scene(server("a"), server("b"), failing={"a": [far], "b": [near]})

    error = scene.refusal()

    assert error is far
    assert error.retry_after is not None
    assert timedelta(seconds=29) < error.retry_after <= timedelta(seconds=30)


def test_a_closed_server_is_not_called_and_its_job_is_snoozed() -> None:
    limited = ModelRateLimitedError("slow", retry_after=timedelta(seconds=60))
    scene = Scene(server("a"), failing={"a": [limited]})
    scene.refusal()

    error = scene.refusal()

    assert isinstance(error, ModelBusyError)
    assert error.retry_after is not None
    assert timedelta(seconds=59) < error.retry_after <= timedelta(seconds=60)
    assert scene.calls == [f"{MODEL}@a"]


def test_a_closed_server_is_passed_over_for_an_open_one() -> None:
    scene = Scene(server("a"), server("b"), failing={})
    scene.gate.close("a", timedelta(seconds=1))

    scene.play()

    assert scene.calls == [f"{MODEL}@b"]


def test_a_stand_in_serves_while_every_server_of_the_model_is_closed() -> None:
    scene = Scene(server("a", fallbacks=["large"]), server("b", "large"), failing={})
    scene.gate.close("a", timedelta(seconds=60))

    scene.play()

    assert scene.calls == ["large@b"]


def test_a_server_that_keeps_failing_is_tried_last_until_it_has_cooled_down() -> None:
    down = [ModelUnavailableError("no") for _ in range(5)]
    scene = Scene(server("a"), server("b"), failing={"a": down})

    async def jobs(count: int) -> list[str]:
        scene.calls.clear()
        for _ in range(count):
            await scene.run()
        return [call.partition("@")[2] for call in scene.calls]

    async def play() -> tuple[list[str], list[str], list[str]]:
        before = await jobs(5)
        during = await jobs(2)
        scene.gate.clock.moved += timedelta(seconds=15)
        return before, during, await jobs(1)

    before, during, after = asyncio.run(play())

    assert before == ["a", "b"] * 5
    assert during == ["b", "b"]
    assert after == ["a"]


def test_a_job_goes_to_the_server_with_the_most_room() -> None:
    small, large = server("small", concurrency=1), server("large", concurrency=10)
    scene = Scene(small, large, failing={})

    async def play() -> None:
        load = scene.load
        await scene.run()
        taken = [await load.take([one], lambda free: free[0]) for one in (small, large, large)]
        await scene.run()
        for one in taken:
            assert one is not None
            load.leave(one)
        await scene.run()

    asyncio.run(play())

    assert scene.calls == [f"{MODEL}@small", f"{MODEL}@large", f"{MODEL}@small"]


def test_a_fault_of_our_own_is_not_carried_to_another_server() -> None:
    scene = Scene(server("a"), server("b"), failing={"a": [ZeroDivisionError()]})

    with pytest.raises(ZeroDivisionError):
        scene.play()

    assert scene.calls == [f"{MODEL}@a"]
