"""Hears which running jobs are to end; the session's renewal tells what this misses."""

from collections.abc import Callable, Collection
from typing import Final, Protocol
from uuid import UUID

import structlog

from infra.doorbells import CANCEL, Doorbells, Ring
from schemas.ids import InvalidIdError, parse_id

_BELL_SECONDS: Final = 30.0

_log: Final = structlog.get_logger()


class Session(Protocol):
    """Whose attempts these are. ``id`` is ``None`` while there is no valid session."""

    id: int | None

    def hurry(self) -> None:
        """Renew now."""
        ...


class CancelListener:
    """Listens for the doorbell of cancelled jobs, and knows which rings are for this worker.

    Args:
        doorbells: Where it rings.
        session: Whose jobs are meant.
        cancel: Ends the attempts of jobs.
    """

    def __init__(
        self,
        doorbells: Doorbells,
        session: Session,
        cancel: Callable[[Collection[UUID]], None],
    ) -> None:
        self._doorbells = doorbells
        self._session = session
        self._cancel = cancel

    async def listen(self) -> None:
        """Listen until it is cancelled itself."""
        async with self._doorbells.listen(CANCEL) as bell:
            while True:
                ring = await bell.wait(_BELL_SECONDS)
                if ring is not None:
                    self._heard(ring)

    def _heard(self, ring: Ring) -> None:
        if not ring.message:
            # The line was down, and something may have been said meanwhile.
            self._session.hurry()
            return
        session, *jobs = ring.message.split()
        if session != str(self._session.id):
            return
        try:
            self._cancel([parse_id("job", job) for job in jobs])
        except InvalidIdError:
            _log.warning("cancel_unreadable")
