"""`genq work health`: is the worker of this machine alive, for probes of containers."""

from collections.abc import Sequence

from infra.postgres.workers import Worker
from producer.operator.screen import Screen, worker_facts


class UnhealthyError(Exception):
    """There is no live session of the worker that was asked for."""


def tell_health(screen: Screen, workers: Sequence[Worker], host: str, pid: int | None) -> None:
    """Print the worker with the freshest session.

    Args:
        screen: Where it is told.
        workers: All sessions.
        host: As the worker knows its machine.
        pid: Of the worker; any of the host if not given.

    Raises:
        UnhealthyError: It has no session, or its session has ended.
    """
    named = f"{host}:{pid}" if pid is not None else host
    found = [one for one in workers if one.host == host and pid in {None, one.pid}]
    if not found:
        raise UnhealthyError(f"no worker of {named} has a session")
    best = max(found, key=lambda worker: worker.seconds_left)
    if best.seconds_left <= 0:
        raise UnhealthyError(
            f"the session of {best.host}:{best.pid} ended {-best.seconds_left:.0f} s ago"
        )
    state = "draining" if best.draining else "healthy"
    line = f"{state}: {best.host}:{best.pid}, {best.busy} of {best.slots} slots busy"
    screen.say(line, {**worker_facts(best), "state": state})
