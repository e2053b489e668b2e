"""The SDK's schedules and unique keys, against the real API."""

import pytest

from genq import AsyncGenq, ConflictError, NotFoundError
from genq.errors import ConfigurationError, InvalidRequestError
from genq.schedule_models import Schedule
from infra.settings import Settings
from tests.api.served import IMAGE, Served, run


def client(api: Served) -> AsyncGenq:
    return AsyncGenq(api.key, api.url)


def test_a_schedule_lives_its_life_through_the_sdk(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with client(api) as genq:
            made = await genq.schedules.create(
                "nightly", "30 2 * * *", IMAGE, timezone="Europe/Berlin", catch_up="skip"
            )
            assert (made.name, made.cron, made.timezone) == (
                "nightly",
                "30 2 * * *",
                "Europe/Berlin",
            )
            assert made.catch_up == "skip"
            assert made.request == IMAGE
            assert made.next_at is not None
            assert made.last_run is None
            assert await genq.schedules.get(made.id) == made

            paused = await genq.schedules.pause(made.id)
            assert paused.paused
            assert paused.next_at is None
            job = await genq.schedules.trigger(made.id)
            assert [run.job_id async for run in genq.schedules.runs(made.id)] == [job.id]
            resumed = await genq.schedules.resume(made.id)
            assert resumed.next_at == made.next_at

            changed = await genq.schedules.update(made.id, cron="@hourly", name="hourly")
            assert (changed.cron, changed.name, changed.timezone) == (
                "@hourly",
                "hourly",
                "Europe/Berlin",
            )
            await genq.schedules.delete(made.id)
            with pytest.raises(NotFoundError):
                await genq.schedules.get(made.id)
            with pytest.raises(NotFoundError):
                await genq.schedules.delete(made.id)

    run(settings, scenario)


def test_all_schedules_are_listed_over_pages(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with client(api) as genq:
            for number in range(23):
                await genq.schedules.create(f"s{number:02}", "@daily", IMAGE)

            found: list[Schedule] = [one async for one in genq.schedules.list()]

            assert [one.name for one in found] == [f"s{number:02}" for number in range(23)]

    run(settings, scenario)


def test_what_the_server_refuses_is_told(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with client(api) as genq:
            with pytest.raises(InvalidRequestError, match="cron"):
                await genq.schedules.create("x", "every night", IMAGE)
            await genq.schedules.create("x", "@daily", IMAGE)
            with pytest.raises(ConflictError, match="already"):
                await genq.schedules.create("x", "@daily", IMAGE)
            with pytest.raises(ConfigurationError, match="sched_"):
                await genq.schedules.get("../jobs")

    run(settings, scenario)


def test_a_unique_key_is_a_word_or_the_whole_of_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        asked = IMAGE["input"]
        async with client(api) as genq:
            first = await genq.jobs.create(kind="image", input=asked, unique="invoice-7")
            with pytest.raises(ConflictError, match=first.id):
                await genq.jobs.create(kind="image", input=asked, unique="invoice-7")
            found = await genq.jobs.create(
                kind="image",
                input=asked,
                unique={"key": "invoice-7", "on_conflict": "return"},
            )
            assert found.id == first.id

    run(settings, scenario)
