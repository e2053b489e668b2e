"""Are the broker, Valkey and the object store there, and can they do what they must?"""

import asyncio
from typing import Final

from infra.broker import CarrierPublisher
from infra.doorbells import Doorbells
from infra.objectstore.opening import open_store
from infra.postgres.diagnosis import Releases, releases
from infra.postgres.engine import transaction
from producer.doctor.finding import Finding, fine, warning, wrong
from producer.doctor.subject import Subject
from schemas.lanes import Lane

_LATE_SECONDS: Final = 30.0
# Always the same one, so that looking leaves no litter.
_PROBE_KEY: Final = "doctor/probe.txt"
_PROBE: Final = b"genq doctor was here\n"


async def reach_broker(subject: Subject) -> list[Finding]:
    """Look whether messages can be sent."""
    waiting = await _messages(subject)
    return [fine("broker", f"it answers; {sum(waiting.values())} messages wait for workers")]


async def look_at_broker(subject: Subject) -> list[Finding]:
    """Look whether messages can be sent, and whether those that were are taken."""
    waiting = await _messages(subject)
    async with transaction(subject.engine) as connection:
        released = {one.lane: one for one in await releases(connection)}
    found = [_lane(lane, messages, released.get(lane)) for lane, messages in waiting.items()]
    some = [finding for finding in found if finding is not None]
    held = sum(waiting.values())
    return some or [fine("broker", f"it answers; {held} messages wait for workers")]


async def look_at_valkey(subject: Subject) -> list[Finding]:
    """Look whether doorbells ring, and whether messages could be thrown away."""
    async with Doorbells(subject.settings.doorbell_url()) as doorbells:
        memory = await doorbells.memory()
    policy, limit = memory.get("maxmemory_policy"), memory.get("maxmemory", 0)
    if limit and policy != "noeviction":
        return [
            warning(
                "valkey",
                f"it answers, and may throw keys away: maxmemory-policy is {policy}",
                "lanes are keys: a full Valkey would drop messages, and each costs its job"
                " GENQ_RELEASE_TTL",
                "set maxmemory-policy noeviction",
            )
        ]
    return [fine("valkey", "it answers, and throws nothing away")]


async def look_at_store(subject: Subject) -> list[Finding]:
    """Write an object and read it back."""
    store = open_store(subject.settings)
    try:
        await store.put(_PROBE_KEY, _PROBE, "text/plain")
        back = await (await store.get(_PROBE_KEY)).read()
    finally:
        await store.close()
    if back != _PROBE:
        return [
            wrong(
                "object_store",
                "an object came back changed",
                "results that were stored may not be what the model made",
                "is something between genq and the store that rewrites or caches answers?",
            )
        ]
    return [fine("object_store", "an object was written and read back")]


async def _messages(subject: Subject) -> dict[Lane, int]:
    publisher = CarrierPublisher(subject.settings)

    def count() -> dict[Lane, int]:
        publisher.warm_up()
        return {lane: publisher.waiting(lane) for lane in Lane}

    try:
        return await asyncio.to_thread(count)
    finally:
        await asyncio.to_thread(publisher.close)


def _lane(lane: Lane, messages: int, released: Releases | None) -> Finding | None:
    jobs = released.jobs if released else 0
    if released and released.overdue_seconds > _LATE_SECONDS:
        return warning(
            "broker",
            f"lane {lane}: {jobs} jobs are released, the oldest should have started"
            f" {released.overdue_seconds:.0f} s ago; {messages} messages wait",
            "their workers are full, or gone, or do not hear the broker",
            "genq workers tells who is there; with none, start one: genq work",
        )
    if messages > jobs:
        return warning(
            "broker",
            f"lane {lane}: {messages} messages wait, for {jobs} released jobs",
            "the others are of jobs that were taken back meanwhile; workers drop them unread,"
            " but somebody must take them",
            f"is a worker running that takes {lane}? genq workers tells",
        )
    return None
