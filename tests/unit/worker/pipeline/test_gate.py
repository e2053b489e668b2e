"""No call of a model server comes before its instant."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from infra.rate_gate import RateLimit, Turn
from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelError,
    ModelRateLimitedError,
    ModelUnavailableError,
)
from schemas.generation import Kind
from schemas.limits import RateLimits
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.queue_errors import ModelBusyError
from tests.fixtures.fakes import MovedGate

PATIENCE: Final = timedelta(seconds=0.3)


def server(per_second: int | None = None) -> ModelServer:
    return ModelServer(
        name="a",
        base_url="http://127.0.0.1:1/v1",
        models=(ModelSpec(name="m", kind=Kind.IMAGE),),
        limits=RateLimits(requests_per_second=per_second),
    )


class Told:
    """Remembers what was announced."""

    def __init__(self) -> None:
        self.news: list[tuple[str, float, bool]] = []

    def __call__(self, name: str, pause: timedelta, *, aloud: bool = True) -> None:
        self.news.append((name, round(pause.total_seconds(), 1), aloud))


class GrantedRates:
    """Grants one turn after the other, and does something meanwhile."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.asked: list[Sequence[RateLimit]] = []

    async def reserve(self, limits: Sequence[RateLimit], patience: timedelta) -> Turn:
        self.asked.append(limits)
        return self.turns.pop(0)


def entered_after(gate: MovedGate, wanted: ModelServer) -> float:
    begun = time.monotonic()
    asyncio.run(gate.enter(wanted))
    return time.monotonic() - begun


def turned_away(gate: MovedGate, wanted: ModelServer) -> timedelta:
    with pytest.raises(ModelBusyError) as busy:
        asyncio.run(gate.enter(wanted))
    assert busy.value.retry_after is not None
    return busy.value.retry_after


def test_an_open_server_is_entered_at_once() -> None:
    assert entered_after(MovedGate("a", patience=PATIENCE), server()) < 0.1


def test_a_call_waits_until_its_server_opens_and_never_less() -> None:
    gate = MovedGate("a", patience=PATIENCE)
    gate.close("a", timedelta(seconds=0.2))

    assert 0.19 < entered_after(gate, server()) < 1


def test_what_would_wait_longer_than_patience_goes_back_to_the_queue_at_once() -> None:
    gate = MovedGate("a", patience=PATIENCE)
    gate.close("a", timedelta(seconds=60))
    begun = time.monotonic()

    wait = turned_away(gate, server())

    assert timedelta(seconds=59) < wait <= timedelta(seconds=60)
    assert time.monotonic() - begun < 0.1


def test_patience_is_for_all_waits_together() -> None:
    async def scene() -> None:
        gate = MovedGate("a", patience=PATIENCE)
        gate.close("a", timedelta(seconds=0.2))
        entering = asyncio.create_task(gate.enter(server()))
        await asyncio.sleep(0)
        # Closed again before it opened: by itself, what is left then would be short enough.
        gate.close("a", timedelta(seconds=0.45))
        with pytest.raises(ModelBusyError) as busy:
            await entering
        assert busy.value.retry_after is not None
        assert busy.value.retry_after < PATIENCE

    asyncio.run(scene())


def test_a_server_without_a_limit_per_second_asks_nobody_for_a_turn() -> None:
    rates = GrantedRates()

    entered_after(MovedGate("a", rates=rates), server())

    assert rates.asked == []


def test_a_call_waits_for_its_turn() -> None:
    rates = GrantedRates(Turn(granted=True, wait=timedelta(seconds=0.15)))

    took = entered_after(MovedGate("a", rates=rates, patience=PATIENCE), server(50))

    assert 0.15 <= took < 1
    assert rates.asked == [[RateLimit("a", 50)]]


def test_a_server_that_closes_while_a_call_waits_for_its_turn_is_not_called() -> None:
    class Closing(GrantedRates):
        async def reserve(self, limits: Sequence[RateLimit], patience: timedelta) -> Turn:
            turn = await super().reserve(limits, patience)
            gate.close("a", timedelta(seconds=60))
            return turn

    gate = MovedGate(
        "a", patience=PATIENCE, rates=Closing(Turn(granted=True, wait=timedelta(0)))
    )

    assert turned_away(gate, server(50)) > timedelta(seconds=59)


def test_when_turns_are_far_away_dispatchers_are_told_and_other_workers_are_not() -> None:
    told = Told()
    rates = GrantedRates(Turn(granted=False, wait=timedelta(seconds=9)))
    gate = MovedGate("a", patience=PATIENCE, rates=rates, tell=told)

    wait = turned_away(gate, server(50))

    assert wait == timedelta(seconds=9)
    assert told.news == [("a", 9.0, False)]
    # Those who have a turn may use it.
    assert gate.wait(server()) == timedelta(0)


def test_without_anybody_else_a_process_paces_its_own_calls() -> None:
    async def scene() -> float:
        gate = MovedGate("a")
        begun = time.monotonic()
        await asyncio.gather(*[gate.enter(server(50)) for _ in range(11)])
        return time.monotonic() - begun

    assert 0.2 <= asyncio.run(scene()) < 2


@pytest.mark.parametrize(
    ("error", "news"),
    [
        (ModelRateLimitedError("x", retry_after=timedelta(seconds=7)), [("a", 7.0, True)]),
        (ModelRateLimitedError("x"), [("a", 1.0, True)]),
        (ModelUnavailableError("x", retry_after=timedelta(seconds=7)), [("a", 7.0, True)]),
        (ModelUnavailableError("x"), []),
        (ModelAuthError("x"), []),
        (ModelError("x"), []),
        (ModelBusyError("x", retry_after=timedelta(seconds=7)), []),
    ],
)
def test_what_a_failure_says_of_the_server_is_told(error: GenqError, news: list[Any]) -> None:
    told = Told()

    MovedGate("a", tell=told).refused(server(), error)

    assert told.news == news
