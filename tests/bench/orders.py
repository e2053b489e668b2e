"""What the bench asks of its load generator, and what it is told back."""

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, Final, Literal, Self

import orjson

PROMPTS: Final = (
    "a lighthouse above a stormy sea at dusk",
    "a red kite over green hills",
    "a quiet harbour with three small boats",
    "an old castle in a winter forest",
)
"""Repeated on purpose: the simulator draws each once, then serves it from its cache."""
SIZE: Final = "288x288"
"""Of the pictures: about 50 KB each."""
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Order:
    """One piece of load.

    Attributes:
        mode: ``closed``: as many jobs outstanding as told, each until its webhook. ``open``: a
            job every ``1 / rate`` seconds, whatever becomes of them. ``serial``: one at a time,
            with pauses. ``submit``: submits without webhooks, as fast as they are accepted.
        seconds: How long new jobs are submitted; 0: until ``jobs`` are.
        jobs: How many in all; 0: as many as there is time for.
        outstanding: Of ``closed`` and ``submit``.
        rate: Of ``open``, per second.
        pauses: Of ``serial``, seconds between a webhook and the next submit, from and to.
        patience: Seconds after the last submit; what has not arrived by then is lost.
    """

    mode: Literal["closed", "open", "serial", "submit"]
    seconds: float = 0.0
    jobs: int = 0
    outstanding: int = 0
    rate: float = 0.0
    pauses: tuple[float, float] = (0.0, 0.0)
    patience: float = 60.0

    def encode(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


@dataclass(slots=True)
class JobTimes:
    """One job as its client saw it. Times are the machine's monotonic seconds.

    Attributes:
        job: Its id; empty if it was refused.
        due: When the load generator meant to send it.
        sent: When it did.
        accepted: When the answer had been read.
        arrived: When the receiver got the first webhook; ``None``: never.
        sent_at: ``sent`` in Unix seconds.
        fault: What was wrong with the answer or with the event.
        events: Ids of the events that arrived, each once.
    """

    job: str
    due: float
    sent: float
    accepted: float
    arrived: float | None
    sent_at: float
    fault: str = ""
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What became of an order."""

    began: float
    stopped: float
    jobs: Sequence[JobTimes] = field(default_factory=tuple[JobTimes, ...])

    def encode(self) -> bytes:
        """Return it as one line of JSON."""
        rows = [astuple(job) for job in self.jobs]
        return orjson.dumps({"began": self.began, "stopped": self.stopped, "jobs": rows})

    @classmethod
    def decode(cls, told: Any) -> Self:
        """Return what ``encode`` was given."""
        jobs = [JobTimes(*row[:-1], events=tuple(row[-1])) for row in told["jobs"]]
        return cls(told["began"], told["stopped"], jobs)

    def faults(self) -> list[str]:
        """Return what breaks the promise: every job accepted, ended well, and told of once."""
        found = [f"{job.job or 'a submit'}: {job.fault}" for job in self.jobs if job.fault]
        found += [f"{job.job}: no webhook" for job in self.jobs if not _told(job)]
        twice = [job for job in self.jobs if len(job.events) > 1]
        return found + [f"{job.job}: {len(job.events)} event ids" for job in twice]


def _told(job: JobTimes) -> bool:
    return bool(job.fault) or job.arrived is not None
