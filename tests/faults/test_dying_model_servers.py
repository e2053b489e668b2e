"""A model server dies while it holds fifty jobs: each is done once, elsewhere or later."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Final

import pytest

from infra.clock import SystemClock
from infra.http.outbound import OutboundPolicy
from schemas.job_states import AttemptOutcome
from schemas.model_catalog import ModelServer
from tests.fixtures.adapter_scenes import WIRES, standing
from tests.fixtures.adapter_wires import Wire
from tests.fixtures.auditor import assert_clean
from tests.fixtures.fakes import MovedGate
from tests.fixtures.harness import MODEL, Harness
from tests.fixtures.model_server import png
from tests.fixtures.until import until
from worker.attempts import AttemptRunner
from worker.pipeline.run import build_stages
from worker.providers.opening import open_providers

HELD: Final = 50
FEW: Final = 10
LATER: Final = timedelta(minutes=10)


class Fleet:
    """Model servers that can die, behind the harness's real providers."""

    def __init__(self, genq: Harness) -> None:
        self._genq = genq
        self._closing = AsyncExitStack()

    def close(self) -> None:
        self._genq.do(self._closing.aclose())

    def stand(self, wire: str) -> Wire:
        """Return a server of this wire."""
        return self._genq.do(self._closing.enter_async_context(standing(wire)))

    def serve(self, *servers: ModelServer) -> None:
        """Have these do the work."""
        genq = self._genq
        told = {"model_servers": servers, "slots": HELD}
        genq.settings = genq.settings.model_copy(update=told)
        genq.gate = MovedGate(*(server.name for server in servers))
        providers = genq.do(
            open_providers(
                servers,
                policy=OutboundPolicy(),
                clock=SystemClock(),
                silence=timedelta(seconds=20),
            )
        )
        self._closing.push_async_callback(providers.close)
        genq.stages = build_stages(
            servers, providers=providers, store=genq.store, gate=genq.gate
        )

    def work_until_it_dies(self, wire: Wire) -> None:
        """Run all that was released; the server dies when it has them all."""
        genq = self._genq
        pointers = genq.release()
        genq.sent.clear()

        async def run() -> None:
            runner = AttemptRunner(
                genq._engine, genq.settings, genq._doorbells, genq.session, genq.stages
            )
            tasks = [asyncio.create_task(runner.run([pointer])) for pointer in pointers]
            await until(lambda: wire.holding() == len(pointers), "the server has them")
            wire.proxy.refuse()
            wire.proxy.cut()
            await asyncio.wait_for(asyncio.gather(*tasks), 30)
            await runner.close()

        genq.do(run())


@pytest.fixture
def fleet(genq: Harness) -> Iterator[Fleet]:
    made = Fleet(genq)
    yield made
    made.close()


def server_of(wire: str, base_url: str, name: str, model: str, **more: Any) -> ModelServer:
    server = WIRES[wire].settings(base_url, False)
    spec = server.models[0].model_copy(update={"name": model, **more})
    return server.model_copy(update={"name": name, "models": (spec,)})


def ends_of(genq: Harness) -> tuple[Counter[tuple[int, ...]], Counter[str]]:
    """Return how often jobs had which attempts, and which events there are."""
    attempts = genq.sql(
        "SELECT array_agg(outcome ORDER BY fence) AS o FROM attempt GROUP BY job_id"
    )
    events = genq.sql("SELECT type FROM outbox")
    return Counter(tuple(row.o) for row in attempts), Counter(row.type for row in events)


def test_what_a_dying_server_held_is_done_by_another_in_the_same_attempt(
    genq: Harness, fleet: Fleet
) -> None:
    dying, other = fleet.stand("http"), fleet.stand("openai")
    fleet.serve(
        server_of("http", dying.base_url, "dying", MODEL, fallbacks=("large",)),
        server_of("openai", other.base_url, "other", "large"),
    )
    dying.hold(HELD, b" " * 10_000)
    for _ in range(HELD):
        other.paint(png())
    jobs = [genq.submit() for _ in range(HELD)]

    fleet.work_until_it_dies(dying)

    attempts, events = ends_of(genq)
    assert attempts == {(AttemptOutcome.OK,): HELD}
    assert events == {"job.succeeded": HELD}
    assert (dying.asked(), other.asked()) == (HELD, HELD)
    genq.do(assert_clean(genq._engine, genq.settings, jobs))


def test_what_a_dying_server_held_is_tried_again_when_there_is_no_other(
    genq: Harness, fleet: Fleet
) -> None:
    dying = fleet.stand("cog")
    fleet.serve(server_of("cog", dying.base_url, "dying", MODEL))
    dying.hold(FEW)
    jobs = [genq.submit() for _ in range(FEW)]

    fleet.work_until_it_dies(dying)
    waiting = ends_of(genq)
    dying.proxy.accept()
    for _ in range(FEW):
        dying.paint(png())
    genq.advance(LATER)
    genq.run_until_idle()

    assert waiting == ({(AttemptOutcome.ERROR,): FEW}, {})
    attempts, events = ends_of(genq)
    assert attempts == {(AttemptOutcome.ERROR, AttemptOutcome.OK): FEW}
    assert events == {"job.succeeded": FEW}
    assert dying.asked() == 2 * FEW
    genq.do(assert_clean(genq._engine, genq.settings, jobs))
