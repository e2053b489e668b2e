import asyncio
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import pytest
from PIL import Image

from infra.objectstore.keys import object_key
from infra.objectstore.store import StoredObject
from schemas.claim import Claim
from schemas.errors import (
    InputError,
    InternalError,
    JobCancelledError,
    ObjectStoreError,
    UnknownModelError,
)
from schemas.generation import Kind, Usage
from schemas.model_catalog import ModelServer, ModelSpec, Offer
from schemas.routes import settled_routes
from tests.fixtures.claims import chat_claim, image_claim
from tests.fixtures.fakes import MovedGate
from worker.pipeline.choice import Choice
from worker.pipeline.job_run import JobRun
from worker.pipeline.run import Trail, build_stages, run_stages
from worker.pipeline.server_load import ServerLoad
from worker.pipeline.server_times import ServerTimes
from worker.pipeline.stages.admit import Admit
from worker.pipeline.stages.generate import Generate
from worker.pipeline.stages.route import Route
from worker.pipeline.stages.store import Store
from worker.providers.picture import Picture, read_picture
from worker.providers.provider import Providers, Reply


def png(width: int = 8, height: int = 4) -> Picture:
    file = BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    return read_picture(file.getvalue(), server="a")


def server(name: str, *, concurrency: int = 2, model: str = "sim-image-1") -> ModelServer:
    models = (ModelSpec(name=model, kind=Kind.IMAGE),)
    return ModelServer(
        name=name, base_url="http://127.0.0.1:1/v1", models=models, concurrency=concurrency
    )


class MemoryStore:
    """Keeps what is put; ``broken`` bytes fail, and all others wait until they have."""

    def __init__(self, broken: bytes = b"") -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.broken = broken
        self.cancelled = 0

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        if self.broken:
            if data == self.broken:
                raise ObjectStoreError("full")
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
        self.objects[key] = (data, content_type)

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        raise AssertionError(f"no stage puts files: {key}")

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        raise NotImplementedError

    async def presign(self, key: str, *, filename: str, content_type: str) -> str | None:
        return None

    async def delete(self, key: str) -> None:
        raise AssertionError(f"no stage deletes: {key}")

    async def close(self) -> None:
        return None


class PlannedProvider:
    """Answers with what it was given, when it is told to."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.running = 0
        self.most = 0
        self.started = asyncio.Condition()
        self.go = asyncio.Event()

    async def generate(self, claim: Claim) -> Reply:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            async with self.started:
                self.started.notify_all()
            await self.go.wait()
        finally:
            self.running -= 1
        return self.reply


PICTURES: Final = Reply(pictures=(png(), png(16, 16)), usage=Usage(images=2))


def test_a_job_goes_through_all_stages_in_their_order() -> None:
    async def scenario() -> JobRun:
        provider = PlannedProvider(PICTURES)
        provider.go.set()
        providers = Providers({"a": provider})
        stages = build_stages(
            [server("a")], providers=providers, store=store, gate=MovedGate("a")
        )
        assert [stage.name for stage in stages] == ["admit", "route", "generate", "store"]
        return await run_stages(Trail(JobRun(claim)), stages)

    claim = image_claim()
    store = MemoryStore()
    run = asyncio.run(scenario())

    assert [(a.index, a.width, a.height) for a in run.artifacts] == [(0, 8, 4), (1, 16, 16)]
    served_by = {"model": "sim-image-1", "server": "a"}
    assert run.result() == {"usage": {"images": 2}, "served_by": served_by}
    for artifact, picture in zip(run.artifacts, PICTURES.pictures, strict=True):
        assert store.objects[artifact.key] == (picture.data, "image/png")
        assert artifact.sha256 == sha256(picture.data).hexdigest()
        assert artifact.bytes == len(picture.data)
        assert artifact.key == object_key(
            tenant_id=claim.tenant_id,
            created_at=claim.created_at,
            job_id=claim.job_id,
            fence=claim.fence,
            index=artifact.index,
            extension="png",
        )


def test_the_first_exception_ends_the_attempt() -> None:
    class Unreachable:
        name = "unreachable"

        async def __call__(self, run: JobRun) -> JobRun:
            raise AssertionError("a later stage ran")

    with pytest.raises(JobCancelledError):
        asyncio.run(
            run_stages(Trail(JobRun(image_claim(cancel=True))), [Admit(), Unreachable()])
        )


def test_a_fault_of_a_stage_travels_on_as_it_is() -> None:
    class Faulty:
        name = "faulty"

        async def __call__(self, run: JobRun) -> JobRun:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_stages(Trail(JobRun(image_claim())), [Faulty()]))


@pytest.mark.parametrize(
    ("stored", "pointer"),
    [
        ({}, "/input/prompt"),
        ({"prompt": "x", "n": 99}, "/input/n"),
        ({"prompt": "x", "a/b~c": 1}, "/input/a~1b~0c"),
    ],
)
def test_stored_parameters_that_no_longer_fit_are_named(
    stored: Mapping[str, Any], pointer: str
) -> None:
    with pytest.raises(InputError) as refusal:
        asyncio.run(Admit()(JobRun(image_claim(input=stored))))

    assert [fault.pointer for fault in refusal.value.fields] == [pointer]
    assert pointer in refusal.value.message


def test_stored_parameters_are_never_quoted_in_a_refusal() -> None:
    claim = image_claim(input={"prompt": "the secret garden", "size": "huge garden"})

    with pytest.raises(InputError) as refusal:
        asyncio.run(Admit()(JobRun(claim)))

    assert "garden" not in refusal.value.message + repr(refusal.value.fields)


def test_a_model_that_no_server_offers_any_more_ends_the_job() -> None:
    servers = [server("a", model="another")]

    with pytest.raises(UnknownModelError, match="sim-image-1"):
        asyncio.run(Route(settled_routes(servers))(JobRun(image_claim())))


def test_the_same_model_name_for_another_kind_is_not_chosen() -> None:
    servers = [server("a", model="sim-chat-1")]

    with pytest.raises(UnknownModelError):
        asyncio.run(Route(settled_routes(servers))(JobRun(chat_claim())))


def test_no_more_calls_run_than_a_server_takes_and_the_others_wait() -> None:
    async def scenario() -> None:
        only = server("a", concurrency=2)
        load = ServerLoad([only])
        provider = PlannedProvider(PICTURES)
        gate = MovedGate("a")
        choice = Choice(load, ServerTimes(gate.clock), settled_routes([only]))
        generate = Generate(Providers({"a": provider}), load, gate, choice)
        run = JobRun(image_claim(), offers=(Offer("sim-image-1", (only,)),))
        runs = [asyncio.create_task(generate(run)) for _ in range(5)]
        async with provider.started:
            await provider.started.wait_for(lambda: provider.running == 2)
        assert load.calls(only) == 2
        runs[4].cancel()
        provider.go.set()
        done = await asyncio.gather(*runs, return_exceptions=True)
        assert [isinstance(run, JobRun) for run in done] == [True, True, True, True, False]
        assert provider.most == 2
        assert load.calls(only) == 0

    asyncio.run(scenario())


def test_a_call_without_a_route_is_a_fault_of_genq() -> None:
    gate, load = MovedGate(), ServerLoad([])
    choice = Choice(load, ServerTimes(gate.clock), settled_routes([]))
    generate = Generate(Providers({}), load, gate, choice)

    with pytest.raises(InternalError):
        asyncio.run(generate(JobRun(image_claim())))


def test_words_need_no_storing() -> None:
    reply = Reply(text="Kite", usage=Usage(output_tokens=1), details={"finish_reason": "stop"})
    store = MemoryStore()

    run = asyncio.run(Store(store)(JobRun(chat_claim(), output=reply)))

    assert not store.objects
    assert run.result() == {
        "finish_reason": "stop",
        "usage": {"output_tokens": 1},
        "text": "Kite",
    }


def test_one_picture_that_cannot_be_stored_gives_up_the_others() -> None:
    store = MemoryStore(broken=png(9, 9).data)
    reply = Reply(pictures=(png(), png(9, 9), png()))

    with pytest.raises(ObjectStoreError, match="full"):
        asyncio.run(Store(store)(JobRun(image_claim(), output=reply)))

    assert store.cancelled == 2
    assert not store.objects


def test_a_run_without_an_output_has_no_result() -> None:
    assert JobRun(image_claim()).result() == {}
