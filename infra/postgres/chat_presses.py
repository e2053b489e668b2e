"""Buttons that were pressed: which job each press made, so that none makes it twice."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.chat import Verb
from schemas.job_states import JobState

# Whoever comes second waits here for the first one's commit, and then has the row locked.
_CLAIM: Final = text("""
INSERT INTO chat_press AS p (job_id, verb, index, user_id, next_job_id)
VALUES (:job_id, :verb, :index, :user_id, :next_job_id)
ON CONFLICT (job_id, verb, index, user_id) DO UPDATE SET next_job_id = p.next_job_id
RETURNING p.next_job_id
""")
# A statement of its own: what committed while the claim waited is visible to it.
_STATE: Final = text("""
SELECT l.job_id IS NOT NULL AS live, j.final_state
FROM (SELECT CAST(:job_id AS uuid) AS id) x
LEFT JOIN live l ON l.job_id = x.id AND l.tenant_id = :tenant_id
LEFT JOIN job j ON j.id = x.id AND j.tenant_id = :tenant_id
""")
_TAKE: Final = text("""
UPDATE chat_press SET next_job_id = :next_job_id, pressed_at = now()
WHERE job_id = :job_id AND verb = :verb AND index = :index AND user_id = :user_id
""")
_PRESSED: Final = text("SELECT DISTINCT verb, index FROM chat_press WHERE job_id = :job_id")


@dataclass(frozen=True, slots=True)
class PressKey:
    """One button: what it does, with which picture (from 1; 0: with none), of which job."""

    job_id: UUID
    verb: Verb
    index: int

    @property
    def once(self) -> bool:
        """Whether it is one for all, and not one for each person."""
        return self.verb is Verb.UPSCALE


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button that was pressed before.

    Attributes:
        next_job_id: The job that it made.
        state: How that ended; ``None``: it has not ended, or it is gone.
        live: It has not ended.
    """

    next_job_id: UUID
    live: bool
    state: JobState | None


async def claim_press(
    connection: AsyncConnection, tenant_id: int, key: PressKey, user_id: str, next_job_id: UUID
) -> Pressed | None:
    """Lock a button, for a job that is inserted in this transaction if it may be pressed.

    Args:
        connection: A transaction of isolation READ COMMITTED.
        tenant_id: Whose jobs they are.
        key: Which button.
        user_id: Who presses it.
        next_job_id: What it is to make.

    Returns:
        ``None``: nobody pressed it before, and it is taken; else what became of that.
    """
    row = (await connection.execute(_CLAIM, _values(key, user_id, next_job_id))).one()
    if row.next_job_id == next_job_id:
        return None
    which = {"job_id": row.next_job_id, "tenant_id": tenant_id}
    found: Row[Any] = (await connection.execute(_STATE, which)).one()
    state = None if found.final_state is None else JobState(found.final_state)
    return Pressed(row.next_job_id, found.live, state)


async def take_press(
    connection: AsyncConnection, key: PressKey, user_id: str, next_job_id: UUID
) -> None:
    """Give a button that this transaction has locked to another job."""
    await connection.execute(_TAKE, _values(key, user_id, next_job_id))


async def pressed_of(connection: AsyncConnection, job_id: UUID) -> frozenset[tuple[Verb, int]]:
    """Return the buttons under a job that were pressed, by anybody."""
    rows = await connection.execute(_PRESSED, {"job_id": job_id})
    return frozenset((Verb(verb), index) for verb, index in rows)


def _values(key: PressKey, user_id: str, next_job_id: UUID) -> dict[str, Any]:
    return {
        "job_id": key.job_id,
        "verb": key.verb.value,
        "index": key.index,
        "user_id": "" if key.once else user_id,
        "next_job_id": next_job_id,
    }
