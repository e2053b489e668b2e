"""Of jobs that are the same one asks the model; here the others of this process wait for it.

What is shared with other processes stands in ``infra.postgres.flights``.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.group_commit import GroupCommit
from infra.postgres.cache import CacheKey, Source, drop_entries, find_sources, lasting
from infra.postgres.engine import single_statements, transaction
from infra.postgres.flights import Boarding, Landing, board, call, land
from schemas.claim import Claim
from schemas.errors import DatabaseUnavailableError
from schemas.generation import Kind
from schemas.queue_errors import IdenticalJobRunsError
from worker.pipeline.recent_replies import RecentReplies
from worker.providers.provider import Reply

_FALLBACK: Final = timedelta(seconds=30)
_MOST_DOUBLINGS: Final = 3
_PATIENCE: Final = timedelta(seconds=2)
_MORE_TIME: Final = timedelta(minutes=1)
_MOST_WAITING: Final = 16
_SLOTS_PER_WAITING: Final = 8

_log: Final = structlog.get_logger()


class Flight:
    """An attempt that asks the model for all who want the same.

    Attributes:
        over: Set when what became of it is written.
        reply: What the model gave, before it was marked.
    """

    __slots__ = ("__weakref__", "_begun", "_flights", "claim", "key", "over", "reply")

    def __init__(self, flights: "Flights", key: CacheKey, claim: Claim) -> None:
        self._flights = flights
        self.key = key
        self.claim = claim
        self._begun = asyncio.get_running_loop().time()
        self.over = asyncio.Event()
        self.reply: Reply | None = None

    async def begin(self) -> None:
        """Note that the model is called now: nobody takes this place any more.

        Raises:
            IdenticalJobRunsError: A job of a faster lane has taken it while this one waited.
        """
        await self._flights.begin(self)

    def others_ask(self) -> IdenticalJobRunsError:
        """Return what puts the job back into the queue, until another one has its answer."""
        return others_ask(self.key, self.claim, self._begun)

    def landing(self, *, made: bool, bytes_made: int = 0, stand_in: bool = False) -> Landing:
        """Return what the attempt's end writes.

        Args:
            made: It succeeded.
            bytes_made: What the result takes.
            stand_in: Another model than the one asked for gave it.
        """
        claim = self.claim
        if not made:
            return Landing(self.key, claim.job_id, claim.fence)
        ttl = lasting(self._flights.ttl, stand_in=stand_in)
        return Landing(self.key, claim.job_id, claim.fence, True, bytes_made, ttl)

    def landed(self, *, made: bool) -> None:
        """Let those go on who wait in this process: the attempt's end is written."""
        if made and self.reply is not None:
            self._flights.recent.put(self.claim.job_id, self.reply)
        self._flights.forget(self)
        self.over.set()


def others_ask(key: CacheKey, claim: Claim, begun: float) -> IdenticalJobRunsError:
    """Return what puts a job back into the queue while an identical one asks the model.

    It is woken when that one has its answer. By itself it looks in half a minute, later with
    every try, and in any case while there is time left for it.

    Args:
        key: What they have in common.
        claim: The attempt that ends.
        begun: The loop's time at which it began.
    """
    late = _FALLBACK * 2 ** min(claim.attempt - 1, _MOST_DOUBLINGS)
    if claim.deadline is not None:
        took = timedelta(seconds=asyncio.get_running_loop().time() - begun)
        late = min(late, max(claim.deadline - claim.started_at - took, timedelta(0)) / 2)
    return IdenticalJobRunsError(key, retry_after=late)


@dataclass(frozen=True, slots=True)
class Following:
    """Another job asks the model already."""


Boarded = Flight | Source | Following


class Flights:
    """Looks for answers, and sees to it that one of many asks.

    Args:
        engine: The way to PostgreSQL.
        slots: Jobs at once in this process: of those that wait for another only few may be
            here, the others wait in the queue.
        wall_time: The longest attempt of a kind.
        ttl: How long an answer is used again.
        recent: What models gave of late.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        slots: int,
        wall_time: Callable[[Kind], timedelta],
        ttl: timedelta,
        recent: RecentReplies,
    ) -> None:
        self._engine = engine
        self._statements = single_statements(engine)
        self._room = min(_MOST_WAITING, slots // _SLOTS_PER_WAITING)
        self._wall_time = wall_time
        self.ttl = ttl
        self.recent = recent
        self._here: WeakValueDictionary[CacheKey, Flight] = WeakValueDictionary()
        self._looks = GroupCommit[CacheKey, Source | None](
            self._look, name="cache_look", patience=_PATIENCE
        )
        self._boards = GroupCommit[Boarding, Source | bool](
            self._board, name="cache_board", patience=_PATIENCE
        )
        self._calls = GroupCommit[Landing, bool](
            self._call, name="cache_call", patience=_PATIENCE
        )

    async def look(self, key: CacheKey) -> Source | None:
        """Return the ended job whose output is used again, if there is one.

        Raises:
            DatabaseUnavailableError: PostgreSQL is away.
        """
        return await self._looks.add(key)

    async def board(self, key: CacheKey, claim: Claim) -> Boarded:
        """Return the place of who asks the model, if it is free; else why it is not.

        Raises:
            DatabaseUnavailableError: PostgreSQL is away.
        """
        lasts = self._wall_time(claim.kind) + _MORE_TIME
        # Of the same process, and about to ask: no statement is needed to know it.
        ours = self._here.get(key)
        if ours is not None and ours.claim.lane.number <= claim.lane.number:
            return Following()
        outcome = await self._boards.add(Boarding(key, claim, lasts))
        if isinstance(outcome, Source):
            return outcome
        if not outcome:
            return Following()
        flight = self._here[key] = Flight(self, key, claim)
        return flight

    async def wait_here(self, key: CacheKey) -> bool:
        """Wait until the flight of this process has ended; return at once if there is none.

        Returns:
            Whether it has ended. Else this job has to wait in the queue: the flight is of
            another process, it takes long, or enough wait here already.
        """
        flight = self._here.get(key)
        if flight is None or self._room <= 0:
            return False
        over = flight.over
        del flight
        self._room -= 1
        try:
            async with asyncio.timeout(_FALLBACK.total_seconds()):
                await over.wait()
        except TimeoutError:
            return False
        finally:
            self._room += 1
        return True

    async def begin(self, flight: Flight) -> None:
        """Note that the model is called now; see ``Flight.begin``."""
        claim = flight.claim
        try:
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                ours = await self._calls.add(Landing(flight.key, claim.job_id, claim.fence))
        except (DatabaseUnavailableError, TimeoutError):
            # Two may ask then. That is dear, and not wrong.
            _log.warning("flight_not_noted")
            return
        if not ours:
            self.forget(flight)
            flight.over.set()
            raise flight.others_ask()

    async def drop(self, key: CacheKey, source: UUID) -> None:
        """Forget an answer that is not to be had any more."""
        async with transaction(self._statements) as connection:
            await drop_entries(connection, [(key, source)])

    def forget(self, flight: Flight) -> None:
        """Know of a flight no more."""
        if self._here.get(flight.key) is flight:
            del self._here[flight.key]

    async def _look(self, keys: Sequence[CacheKey]) -> Sequence[Source | None]:
        async with transaction(self._statements) as connection:
            found = await find_sources(connection, Counter(keys))
        return [found.get(key) for key in keys]

    async def _board(self, wanted: Sequence[Boarding]) -> Sequence[Source | bool]:
        async with transaction(self._statements) as connection:
            boarded = await board(connection, wanted)
            # After the place is taken: who had it before may have ended a moment ago.
            keys = Counter(one.key for one in wanted)
            found = await find_sources(connection, keys)
        needless = [
            Landing(one.key, one.claim.job_id, one.claim.fence, made=True)
            for one in wanted
            if one.key in found and one.claim.job_id in boarded
        ]
        if needless:
            async with transaction(self._engine) as connection:
                await land(connection, needless)
        return [found.get(one.key) or one.claim.job_id in boarded for one in wanted]

    async def _call(self, flights: Sequence[Landing]) -> Sequence[bool]:
        async with transaction(self._statements) as connection:
            ours = await call(connection, flights)
        return [one.job_id in ours for one in flights]
