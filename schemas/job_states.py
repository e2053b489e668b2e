"""The job's states and every legal move between them: the only such table.

``TRANSITIONS`` is read by the tests of the SQL and by the property tests; the SQL itself lives
in ``infra/postgres`` and writes the numbers of ``JobState``.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class JobState(IntEnum):
    """Where a job is, as PostgreSQL stores it. 10 and above are final."""

    HELD = 0
    SCHEDULED = 1
    READY = 2
    RELEASED = 3
    RUNNING = 4
    SUCCEEDED = 10
    FAILED = 11
    DEAD = 12
    CANCELLED = 13
    EXPIRED = 14
    BLOCKED = 15

    @property
    def final(self) -> bool:
        """Whether no move leads out of this state."""
        return self >= JobState.SUCCEEDED


class Move(StrEnum):
    """What can happen to a job."""

    ADMIT = "admit"
    DEFER = "defer"
    PROMOTE = "promote"
    RELEASE = "release"
    START = "start"
    RESCUE = "rescue"
    LOSE = "lose"
    RETRY = "retry"
    INTERRUPT = "interrupt"
    SUCCEED = "succeed"
    FAIL = "fail"
    BLOCK = "block"
    GIVE_UP = "give_up"
    CANCEL = "cancel"
    EXPIRE = "expire"
    HOLD = "hold"
    APPROVE = "approve"


class IllegalMoveError(ValueError):
    """The state has no such move."""


_WAITING: Final = (JobState.HELD, JobState.SCHEDULED, JobState.READY, JobState.RELEASED)

TRANSITIONS: Final[Mapping[tuple[JobState, Move], JobState]] = MappingProxyType(
    {
        (JobState.HELD, Move.ADMIT): JobState.READY,
        (JobState.HELD, Move.DEFER): JobState.SCHEDULED,
        (JobState.SCHEDULED, Move.PROMOTE): JobState.READY,
        (JobState.READY, Move.RELEASE): JobState.RELEASED,
        (JobState.RELEASED, Move.START): JobState.RUNNING,
        # The broker may lose a message: a released job can always come back.
        (JobState.RELEASED, Move.RESCUE): JobState.READY,
        # The worker's session ended: another attempt takes over under a new fence.
        (JobState.RUNNING, Move.LOSE): JobState.READY,
        (JobState.RUNNING, Move.INTERRUPT): JobState.READY,
        (JobState.RUNNING, Move.RETRY): JobState.SCHEDULED,
        (JobState.RUNNING, Move.SUCCEED): JobState.SUCCEEDED,
        (JobState.RUNNING, Move.FAIL): JobState.FAILED,
        (JobState.RUNNING, Move.BLOCK): JobState.BLOCKED,
        (JobState.RUNNING, Move.GIVE_UP): JobState.DEAD,
        (JobState.RUNNING, Move.CANCEL): JobState.CANCELLED,
        (JobState.RUNNING, Move.EXPIRE): JobState.EXPIRED,
        # A person decides: about a prompt before it runs, or about what an attempt made.
        (JobState.RUNNING, Move.HOLD): JobState.HELD,
        (JobState.HELD, Move.APPROVE): JobState.SUCCEEDED,
        (JobState.HELD, Move.BLOCK): JobState.BLOCKED,
        **{(state, Move.CANCEL): JobState.CANCELLED for state in _WAITING},
        **{(state, Move.EXPIRE): JobState.EXPIRED for state in _WAITING},
    }
)


class Hold(IntEnum):
    """What a held job waits for, as PostgreSQL stores it."""

    REVIEW = 1


class JobStatus(StrEnum):
    """The states that callers see."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    BLOCKED = "blocked"


_PUBLIC: Final[Mapping[JobState, JobStatus]] = MappingProxyType(
    {
        JobState.RUNNING: JobStatus.RUNNING,
        JobState.SUCCEEDED: JobStatus.SUCCEEDED,
        JobState.FAILED: JobStatus.FAILED,
        JobState.DEAD: JobStatus.FAILED,
        JobState.CANCELLED: JobStatus.CANCELLED,
        JobState.EXPIRED: JobStatus.EXPIRED,
        JobState.BLOCKED: JobStatus.BLOCKED,
    }
)


class AttemptOutcome(IntEnum):
    """How one attempt of a job ended, as PostgreSQL stores it."""

    OK = 1
    ERROR = 2
    LOST = 3
    RATE_LIMITED = 4
    TIMEOUT = 5
    INTERRUPTED = 6
    CANCELLED = 7
    BLOCKED = 8
    SNOOZED = 9
    HELD = 10


def next_state(state: JobState, move: Move) -> JobState:
    """Return the state that ``move`` leads to.

    Raises:
        IllegalMoveError: ``state`` is final, or has no such move.
    """
    try:
        return TRANSITIONS[state, move]
    except KeyError:
        raise IllegalMoveError(f"a {state.name.lower()} job cannot {move.value}") from None


def status_of(state: JobState) -> JobStatus:
    """Return the public status of an internal state."""
    return _PUBLIC.get(state, JobStatus.QUEUED)
