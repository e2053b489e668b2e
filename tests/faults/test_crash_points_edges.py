"""What genq calls fails in every way it can: the model server, the object store, a receiver."""

import asyncio
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from infra.clock import SystemClock
from infra.http.outbound import OutboundPolicy
from infra.objectstore.directory import DirectoryStore
from infra.objectstore.store import StoredObject
from infra.settings import Settings
from schemas.errors import ObjectStoreError
from schemas.ids import parse_id
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.auditor import assert_clean
from tests.fixtures.deliveries import open_deliveries
from tests.fixtures.harness import Harness
from tests.fixtures.model_server import (
    Answer,
    ScriptedModelServer,
    answers,
    answers_bytes,
    cuts,
    error_answer,
    hangs_up,
    image_answer,
    model_server,
    png,
)
from tests.fixtures.receiver import Answer as Received
from tests.fixtures.receiver import Receiver
from worker.pipeline.run import build_stages
from worker.providers.opening import open_providers
from worker.providers.provider import Providers

LATER = timedelta(minutes=10)
HANG = "hang"

FAILURES: dict[str, tuple[Answer | str, AttemptOutcome]] = {
    "too many calls": (
        error_answer(429, headers={"Retry-After": "2"}),
        AttemptOutcome.RATE_LIMITED,
    ),
    "a fault": (error_answer(500), AttemptOutcome.ERROR),
    "a gateway that gave up": (answers_bytes(b"<h1>", 504), AttemptOutcome.ERROR),
    "silence": (HANG, AttemptOutcome.TIMEOUT),
    "no answer": (hangs_up(), AttemptOutcome.ERROR),
    "a stream cut in the middle": (
        cuts(b'{"data": [', announced=None),
        AttemptOutcome.ERROR,
    ),
    "success, then a reset": (cuts(b'{"created": 1', announced=9000), AttemptOutcome.ERROR),
}


@pytest.fixture
def server(genq: Harness) -> Iterator[ScriptedModelServer]:
    """A model server behind the harness's real provider."""
    serving = model_server()
    running = genq.do(serving.__aenter__())
    known = genq.settings.model_servers[0].model_copy(update={"base_url": running.base_url})
    providers = genq.do(
        open_providers(
            [known],
            policy=OutboundPolicy(),
            clock=SystemClock(),
            silence=timedelta(milliseconds=400),
        )
    )
    stages = build_stages(
        (known,),
        providers=Providers({known.name: providers.of(known)}),
        store=DirectoryStore(Path(genq.settings.object_store.removeprefix("file://"))),
        gate=genq.gate,
    )
    genq.stages = stages
    yield running
    genq.do(providers.close())
    genq.do(serving.__aexit__(None, None, None))


@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_fails_is_one_attempt_and_the_next_one_succeeds(
    genq: Harness, server: ScriptedModelServer, failure: str
) -> None:
    answer, outcome = FAILURES[failure]
    first = server.hang() if isinstance(answer, str) else answer
    server.script = [first, answers(image_answer(png()))]
    job_id = genq.submit()

    genq.run_until_idle()
    waiting = genq.job(job_id).state
    genq.advance(LATER)
    genq.run_until_idle()

    assert waiting is JobState.SCHEDULED
    assert genq.outcomes(job_id) == [outcome, AttemptOutcome.OK]
    assert genq.events(job_id) == ["job.succeeded"]
    assert len(server.calls) == 2
    genq.do(assert_clean(genq._engine, genq.settings, [job_id]))


class FlawedStore:
    """A store whose next ``put`` goes wrong as told."""

    def __init__(self, root: Path) -> None:
        self._inner = DirectoryStore(root)
        self.flaws: deque[str] = deque()

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        flaw = self.flaws.popleft() if self.flaws else ""
        if flaw == "slow":
            await asyncio.Event().wait()
        if flaw != "fails":
            await self._inner.put(key, data, content_type)
        if flaw:
            raise ObjectStoreError("as planned")

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        await self._inner.put_file(key, source, content_type)

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        return await self._inner.get(key, start=start, end=end)

    async def presign(self, key: str, *, filename: str, content_type: str) -> None:
        return await self._inner.presign(key, filename=filename, content_type=content_type)

    async def delete(self, key: str) -> None:
        await self._inner.delete(key)

    async def close(self) -> None:
        await self._inner.close()


@pytest.mark.parametrize(
    ("flaw", "outcome"),
    [
        ("fails", AttemptOutcome.ERROR),
        ("slow", AttemptOutcome.TIMEOUT),
        ("success lost", AttemptOutcome.ERROR),
    ],
)
def test_no_result_without_its_pictures_whatever_the_store_does(
    genq: Harness, tmp_path: Path, flaw: str, outcome: AttemptOutcome
) -> None:
    root = tmp_path / "flawed"
    store = FlawedStore(root)
    genq.settings = genq.settings.model_copy(
        update={"image_timeout": timedelta(milliseconds=300)}
    )
    genq.stages = build_stages(
        genq.settings.model_servers,
        providers=Providers({"painter": genq.provider}),
        store=store,
        gate=genq.gate,
    )
    store.flaws.append(flaw)
    job_id = genq.submit()

    genq.run_until_idle()
    early = genq.sql("SELECT 1 FROM result")
    genq.advance(LATER)
    genq.run_until_idle()

    assert early == []
    assert genq.outcomes(job_id) == [outcome, AttemptOutcome.OK]
    (result,) = genq.sql("SELECT fence, artifacts FROM result")
    assert [(root / one["key"]).is_file() for one in result.artifacts] == [True]
    # The picture of the attempt that succeeded, not of the one whose success was lost.
    (good,) = genq.sql(
        "SELECT fence FROM attempt WHERE job_id = :id AND outcome = 1",
        id=parse_id("job", job_id),
    )
    assert result.fence == good.fence
    assert f".{good.fence}." in result.artifacts[0]["key"]
    genq.do(assert_clean(genq._engine, genq.settings, [job_id]))


def test_a_receiver_that_answers_too_late_is_told_again_under_the_same_id(
    settings: Settings,
) -> None:
    async def scene() -> None:
        late = Received(delay=timedelta(milliseconds=700))
        async with (
            Receiver(late) as receiver,
            open_deliveries(settings, webhook_timeout=timedelta(milliseconds=300)) as owed,
        ):
            [owing] = await owed.owe(receiver.url)
            await owed.deliver()
            assert len(await owed.rows()) == 1
            await owed.age(LATER)
            await owed.deliver()

            told = await receiver.wait_for(2)
            assert {one.headers["webhook-id"] for one in told} == {owing.webhook_id}
            assert await owed.rows() == []

    asyncio.run(scene())
