"""The book of calls that are held: who waits for which job, and who came before."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.group_commit import GroupCommit
from infra.postgres.engine import transaction
from infra.postgres.held_calls import ATTACH_WITHIN, Held, attach_call, drop_call, note_calls
from schemas.errors import DatabaseUnavailableError

# The longest pause that OpenAI's clients obey, and a little.
_REPEATED_WITHIN: Final = 130.0
_REMEMBERED: Final = 10_000
_REMEMBERED_OF_ONE: Final = 100


class _Unsure(NamedTuple):
    """A job of which nobody knows whether it was written, and since when."""

    job_id: UUID
    since: float


class CallBook:
    """Keeps the calls of one process; many callers' notes in one statement.

    Args:
        engine: Each statement a transaction of its own.
        clock: Measures how long ago somebody was refused.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._notes = GroupCommit[Held, None](self._write, name="held_call")
        self._later: set[asyncio.Future[None]] = set()
        self._refused: OrderedDict[int, float] = OrderedDict()
        self._unsure: OrderedDict[tuple[int, bytes], deque[_Unsure]] = OrderedDict()

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._notes.close()

    def refused(self, tenant_id: int) -> None:
        """Note that a call was refused which its client will repeat, and which is no job."""
        self._refused[tenant_id] = self._clock.monotonic()
        self._refused.move_to_end(tenant_id)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)

    def refused_lately(self, tenant_id: int) -> bool:
        """Return whether a call may still be repeated that is no job."""
        refused = self._refused.get(tenant_id)
        return refused is not None and self._clock.monotonic() - refused < _REPEATED_WITHIN

    async def attach(self, tenant_id: int, digest: bytes, *, seconds: float) -> UUID | None:
        """Return the job that a repetition of a call waits for; ``None``: it needs a new one.

        A tenant that was refused lately repeats calls that are no jobs yet. To give one of
        those the answer of another call that says the same would be wrong: who asks ten times
        wants ten answers. So it gets a job that nobody waits for, or a new one.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        others = not self.refused_lately(tenant_id)
        same = (tenant_id, digest)
        one, known = self._take_unsure(same), False
        try:
            async with transaction(self._engine) as connection:
                job_id = await attach_call(
                    connection,
                    tenant_id,
                    digest,
                    seconds=seconds,
                    others=others,
                    unsure=one.job_id if one else None,
                )
            known = one is not None and job_id == one.job_id
            return job_id
        finally:
            if one is not None and not known:
                self._note_unsure(same, one)

    @contextmanager
    def unsure(self, call: Held | None, *, again: bool = False) -> Generator[Held | None]:
        """Yield a call as it is to be written; remember it if the block cannot say that it was.

        Its client hears of a refusal and repeats it: if the job is there, it is the
        repetition's, and no other call's.

        Args:
            call: What is about to be written; ``None``: nothing that a repetition finds.
            again: It is a repetition that found no job. If nobody knows yet whether a job was
                written for it, it gets that one's id: whichever write comes second, writes
                nothing. As long after the first refusal as a call is repeated, not longer.

        Raises:
            DatabaseUnavailableError: As the block does.
        """
        if call is None:
            yield None
            return
        same = (call.tenant_id, call.digest)
        one = self._take_unsure(same) if again else None
        if one is not None:
            call = replace(call, job_id=one.job_id)
        try:
            yield call
        except DatabaseUnavailableError:
            self._note_unsure(same, one or _Unsure(call.job_id, self._clock.monotonic()))
            raise

    def _take_unsure(self, same: tuple[int, bytes]) -> _Unsure | None:
        # One each: whoever comes at the same time takes the next.
        jobs = self._unsure.get(same)
        found: _Unsure | None = None
        oldest = self._clock.monotonic() - ATTACH_WITHIN.total_seconds()
        while jobs and found is None:
            one = jobs.popleft()
            found = one if one.since > oldest else None
        if not jobs:
            self._unsure.pop(same, None)
        return found

    def _note_unsure(self, same: tuple[int, bytes], one: _Unsure) -> None:
        # Without its oldest where there are too many of one call.
        self._unsure.setdefault(same, deque(maxlen=_REMEMBERED_OF_ONE)).append(one)
        if len(self._unsure) > _REMEMBERED:
            self._unsure.popitem(last=False)

    async def hold(self, call: Held) -> None:
        """Note that somebody waits, or that nobody does any more.

        A database that is away ends no wait: the job is accepted.
        """
        try:
            await self._notes.add(call)
        except DatabaseUnavailableError:
            return

    def deliver(self, call: Held) -> None:
        """Note beside the answer that it is on its way."""
        noted = self._notes.put(call)
        self._later.add(noted)
        noted.add_done_callback(self._noted)

    async def drop(self, call: Held) -> None:
        """Let the call's repetition be a call of its own.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        async with transaction(self._engine) as connection:
            await drop_call(connection, call.tenant_id, call.digest, call.job_id)

    def _noted(self, done: "asyncio.Future[None]") -> None:
        self._later.discard(done)
        if not done.cancelled():
            # Heard, so that asyncio does not complain: its loss costs no promise.
            done.exception()

    async def _write(self, calls: Sequence[Held]) -> Sequence[None]:
        # The last word on each: a statement cannot write one row twice.
        last = {(call.tenant_id, call.digest, call.job_id): call for call in calls}
        async with transaction(self._engine) as connection:
            await note_calls(connection, list(last.values()))
        return [None] * len(calls)
