"""Which fault happens when: drawn from the seed alone, before anything starts. Pure."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# A fault follows the one before after this many seconds.
_PAUSES: Final = (0.8, 2.0)


class Fault(StrEnum):
    """What can happen."""

    KILL_API = "kill_api"
    KILL_DISPATCHER = "kill_dispatcher"
    KILL_WORKER = "kill_worker"
    KILL_DELIVERY = "kill_delivery"
    STOP_WORKER = "stop_worker"
    RESTART_BROKER = "restart_broker"
    FLUSH_BROKER = "flush_broker"
    FREEZE_BROKER = "freeze_broker"
    CUT_BROKER = "cut_broker"
    STALL_BROKER = "stall_broker"
    CRASH_POSTGRES = "crash_postgres"
    TERMINATE_BACKENDS = "terminate_backends"
    CUT_POSTGRES = "cut_postgres"
    STALL_POSTGRES = "stall_postgres"
    REFUSE_POSTGRES = "refuse_postgres"
    FREEZE_DISPATCHER = "freeze_dispatcher"
    FREEZE_WORKER = "freeze_worker"
    FREEZE_DELIVERY = "freeze_delivery"


_WEIGHTS: Final = {
    Fault.KILL_API: 4,
    Fault.KILL_DISPATCHER: 5,
    Fault.KILL_WORKER: 6,
    Fault.KILL_DELIVERY: 3,
    Fault.STOP_WORKER: 3,
    Fault.RESTART_BROKER: 3,
    Fault.FLUSH_BROKER: 3,
    Fault.FREEZE_BROKER: 1,
    Fault.CUT_BROKER: 3,
    Fault.STALL_BROKER: 1,
    Fault.CRASH_POSTGRES: 3,
    Fault.TERMINATE_BACKENDS: 4,
    Fault.CUT_POSTGRES: 4,
    Fault.STALL_POSTGRES: 2,
    Fault.REFUSE_POSTGRES: 2,
    Fault.FREEZE_DISPATCHER: 3,
    Fault.FREEZE_WORKER: 3,
    Fault.FREEZE_DELIVERY: 2,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault.

    Attributes:
        at: Seconds after the load began.
        number: Chooses among processes: the first or the second worker.
        force: 0 to 1: how long, or how many.
    """

    at: float
    fault: Fault
    number: int
    force: float


def draw(seed: int, seconds: float) -> list[Planned]:
    """Return the faults of a run, in order of time."""
    dice = random.Random(seed)
    faults, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    planned: list[Planned] = []
    at = dice.uniform(*_PAUSES)
    while at < seconds:
        (fault,) = dice.choices(faults, weights)
        planned.append(Planned(at, fault, dice.randrange(1000), dice.random()))
        at += dice.uniform(*_PAUSES)
    return planned
