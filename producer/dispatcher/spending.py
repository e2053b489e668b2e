"""What one lane's turn may use of limits per time, what it used, and how long the rest waits.

Pure: the rows are locked and written by ``infra.postgres.limits``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from infra.postgres.limits import Limit, Room
from infra.postgres.release import Allowance, Released
from producer.dispatcher.accounts import Budget
from schemas.model_accounts import CALLS


def limits_of(budgets: Iterable[Budget]) -> list[Limit]:
    """Return every limit of the budgets."""
    return [limit for budget in budgets for limit in budget.limits.values()]


def allowance(budget: Budget, rooms: Mapping[str, Room]) -> Allowance:
    """Return what the budget's owner may still use."""
    room = {unit: rooms[limit.key] for unit, limit in budget.limits.items()}
    units = {unit: max(0, found.units) for unit, found in room.items()}
    calls = units.pop(CALLS, None)
    if calls is not None:
        units["requests"] = min(calls, units.get("requests", calls))
    return Allowance(
        budget.owner,
        **units,
        images_whole="images" in room and room["images"].full,
        tokens_whole="tokens" in room and room["tokens"].full,
    )


def spent(budget: Budget, jobs: Sequence[Released]) -> Counter[str]:
    """Return the units that released jobs use of each of the budget's limits."""
    used: Counter[str] = Counter()
    for unit, limit in budget.limits.items():
        used[limit.key] = sum(_units(job, unit) for job in jobs)
    return used


def waits(
    budget: Budget, rooms: Mapping[str, Room], used: Mapping[str, int], job: Released
) -> dict[str, float]:
    """Return, per limit that holds ``job`` back, the seconds until it does not."""
    found: dict[str, float] = {}
    for unit, limit in budget.limits.items():
        room = rooms[limit.key]
        left = Room(room.units - used.get(limit.key, 0), room.burst, room.emission)
        seconds = left.wait_for(_units(job, unit))
        if seconds > 0:
            found[limit.key] = seconds
    return found


def _units(job: Released, unit: str) -> int:
    if unit in {"requests", CALLS}:
        return 1
    return job.images if unit == "images" else job.tokens
