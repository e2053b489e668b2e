"""Schedules served by real dispatchers, of which some are killed."""

import asyncio
from datetime import timedelta

from infra.settings import Settings
from producer.schedules import Schedules
from schemas.schedule import ScheduleRequest
from tests.fixtures.processes import System, system

SECONDLY = {
    "name": "secondly",
    "cron": "* * * * * *",
    "request": {"kind": "image", "input": {"prompt": "a red kite"}},
}


async def served(running: System) -> int:
    return (await running.sql("SELECT count(*) FROM schedule_run"))[0][0]


async def until_served(running: System, more: int) -> None:
    wanted = await served(running) + more

    async def enough() -> bool:
        return await served(running) >= wanted

    await running.until(f"{wanted} slots are served", enough)


def test_every_slot_is_one_job_whichever_dispatcher_is_killed(settings: Settings) -> None:
    async def scenario() -> None:
        async with system(settings) as running:
            await running.start("dispatch")
            schedules = Schedules(running.engine, running.submitter)
            wanted = ScheduleRequest.model_validate(SECONDLY)
            made = await schedules.create(running.tenant, wanted)
            await running.run("other", "-m", "producer.dispatcher")
            await until_served(running, 2)
            await running.kill("dispatch")
            await until_served(running, 2)
            await running.run("dispatch", "-m", "producer.dispatcher")
            await running.kill("other")
            await until_served(running, 2)
            await running.kill("dispatch")

            rows = await running.sql(
                "SELECT r.slot, r.error, j.schedule_id FROM schedule_run r"
                " LEFT JOIN job j ON j.id = r.job_id ORDER BY r.slot"
            )
            slots = [row.slot for row in rows]
            assert slots[0] == made.next_at
            assert slots == [slots[0] + timedelta(seconds=n) for n in range(len(slots))]
            assert {row.schedule_id for row in rows} == {made.id}
            assert {row.error for row in rows} == {None}
            assert (await running.sql("SELECT count(*) FROM job"))[0][0] == len(slots)

    asyncio.run(scenario())
