"""Carries out planned faults."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from typing import Final

import psycopg

from tests.chaos.brokers import Broker
from tests.chaos.fleet import Fleet
from tests.chaos.postgres import Postgres
from tests.chaos.timetable import Fault, Planned
from tests.fixtures.proxy import Proxy

_KILLS: Final = {
    Fault.KILL_API: "api",
    Fault.KILL_DISPATCHER: "dispatch",
    Fault.KILL_WORKER: "work",
    Fault.KILL_DELIVERY: "deliver",
}
_FREEZES: Final = {
    Fault.FREEZE_DISPATCHER: "dispatch",
    Fault.FREEZE_WORKER: "work",
    Fault.FREEZE_DELIVERY: "deliver",
}
# Longer than a session, and than a release's lease.
_FROZEN_SECONDS: Final = (3.5, 5.0)


class Havoc:
    """Everything that can be broken."""

    def __init__(
        self,
        fleet: Fleet,
        postgres: Postgres,
        brokers: Sequence[Broker],
        database: Proxy,
        messages: Sequence[Proxy],
    ) -> None:
        self.done: Counter[str] = Counter()
        self._fleet = fleet
        self._postgres = postgres
        self._brokers = brokers
        self._database = database
        self._messages = messages
        self._lasting: set[asyncio.Task[None]] = set()

    async def run(self, planned: Sequence[Planned]) -> None:
        """Do each at its time; return when all that was broken is whole again."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            for one in planned:
                await asyncio.sleep(max(0.0, began + one.at - loop.time()))
                task = loop.create_task(self._carry_out(one))
                self._lasting.add(task)
                task.add_done_callback(self._lasting.discard)
        finally:
            if self._lasting:
                await asyncio.wait(set(self._lasting))

    async def _carry_out(self, one: Planned) -> None:
        if one.fault in _KILLS:
            members = self._fleet.members[_KILLS[one.fault]]
            happened = members[one.number % len(members)].tell(signal.SIGKILL)
        elif one.fault is Fault.STOP_WORKER:
            members = self._fleet.members["work"]
            happened = members[one.number % len(members)].tell(signal.SIGTERM)
        elif one.fault in _FREEZES:
            members = self._fleet.members[_FREEZES[one.fault]]
            self.done[one.fault] += 1
            seconds = _between(_FROZEN_SECONDS, one.force)
            await members[one.number % len(members)].freeze(seconds)
            return
        elif "postgres" in one.fault or one.fault is Fault.TERMINATE_BACKENDS:
            happened = await self._break_postgres(one)
        else:
            happened = await self._break_broker(one)
        self.done[one.fault] += happened

    async def _break_postgres(self, one: Planned) -> bool:
        match one.fault:
            case Fault.CUT_POSTGRES:
                self._database.cut(0.2 + 0.8 * one.force, random.Random(one.number))
            case Fault.STALL_POSTGRES:
                self._database.stall()
                await asyncio.sleep(_between((0.5, 2.5), one.force))
                self._database.resume()
            case Fault.REFUSE_POSTGRES:
                self._database.refuse()
                self._database.cut(0.5, random.Random(one.number))
                await asyncio.sleep(_between((0.3, 1.5), one.force))
                self._database.accept()
            case _:
                return await self._break_backends(one)
        return True

    async def _break_backends(self, one: Planned) -> bool:
        try:
            pids = [pid for pid, _ in await self._postgres.backends()]
            if one.fault is Fault.TERMINATE_BACKENDS:
                chosen = random.Random(one.number).sample(pids, round(len(pids) * one.force))
                await self._postgres.terminate(chosen)
            elif pids:
                # The death of one backend makes the postmaster restart all of them.
                os.kill(pids[one.number % len(pids)], signal.SIGKILL)
        except (psycopg.OperationalError, ProcessLookupError):
            # It is down already.
            return False
        return bool(pids)

    async def _break_broker(self, one: Planned) -> bool:
        broker = self._brokers[one.number % len(self._brokers)]
        proxy = self._messages[one.number % len(self._brokers)]
        match one.fault:
            case Fault.RESTART_BROKER:
                await broker.kill()
                await asyncio.sleep(_between((0.1, 1.5), one.force))
                await broker.start()
            case Fault.FLUSH_BROKER:
                await broker.flush()
            case Fault.FREEZE_BROKER:
                broker.freeze()
                await asyncio.sleep(_between((0.5, 3.0), one.force))
                broker.thaw()
            case Fault.CUT_BROKER:
                proxy.cut(0.2 + 0.8 * one.force, random.Random(one.number))
            case _:
                proxy.stall()
                await asyncio.sleep(_between((0.5, 3.0), one.force))
                proxy.resume()
        return True

    async def mend(self) -> None:
        """Make everything whole, should a fault have been cut short."""
        for proxy in (self._database, *self._messages):
            proxy.resume()
            proxy.accept()
        for broker in self._brokers:
            with contextlib.suppress(ProcessLookupError):
                broker.thaw()


def _between(limits: tuple[float, float], force: float) -> float:
    low, high = limits
    return low + force * (high - low)
