"""Attach: a call that OpenAI's client repeats by itself finds the job that it left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import httpx2
import pytest
from sqlalchemy import text as sql

from infra.postgres.budget_plans import put_budget
from infra.postgres.engine import transaction
from infra.postgres.held_calls import forget_calls
from infra.settings import Settings
from producer.api.services import Services
from producer.submit import Submitted, Submitter
from schemas.budget import Budget, BudgetPeriod, BudgetUnit, OnExhausted
from schemas.errors import DatabaseUnavailableError
from schemas.ids import parse_id
from tests.api.served import Served, new_key, run
from tests.facade.scene import CHAT, HELLO, SHORT, Scene, play
from tests.fixtures.until import until

REPEATED: Final = {"x-stainless-retry-count": "1"}
PLENTY: Final = Budget(
    end_user="",
    unit=BudgetUnit.TOKENS,
    period=BudgetPeriod.DAY,
    amount=100_000,
    on_exhausted=OnExhausted.REJECT,
)
TOLD: Final = {"webhook": {"url": "https://example.com/hook", "events": ["job.queued"]}}
CHAT_JOB: Final = {"kind": "chat", "input": {"messages": HELLO}}
# How many jobs there are, and how many of them were written with their calls.
_TOGETHER: Final = (
    "SELECT count(*), count(*) FILTER (WHERE j.xmin = h.xmin)"
    " FROM job j LEFT JOIN held_call h ON h.job_id = j.id"
)
_HELD_AGAIN: Final = "SELECT held_until > created_at + interval '200 ms' FROM held_call"


@pytest.mark.parametrize("sync", [False, True])
def test_a_call_whose_time_is_up_attaches_to_its_job_by_itself(
    settings: Settings, *, sync: bool
) -> None:
    async def scenario(here: Scene) -> None:
        create: Callable[..., Any] = here.sync.chat.completions.create
        asked = asyncio.create_task(asyncio.to_thread(create, **CHAT)) if sync else here.chat()
        job = await here.job()
        await here.until_sql(_HELD_AGAIN)
        await here.api.end(job, text="late")
        answer = await asked

        assert answer.choices[0].message.content == "late"
        assert [each["id"] for each in await here.jobs()] == [job]

    play(settings, scenario, facade_max_hold=SHORT)


def test_a_call_is_written_with_its_job_and_only_where_there_is_one(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        # Alone, some in one statement, and under a unique key.
        asked = [here.chat()]
        await here.job()
        asked += [here.chat() for _ in range(3)]
        asked += [here.chat(extra_body={"genq": {"unique": {"key": "mine"}}})]
        jobs = await here.unfinished(5)
        assert await here.sql(_TOGETHER) == [(5, 5)]
        await here.api.submit(CHAT_JOB)
        assert await here.sql(_TOGETHER) == [(6, 5)]

        for job in jobs:
            await here.api.end(job, text=job)
        await asyncio.gather(*asked)

        # Where there is a budget as well.
        services = here.api.services
        here.client = here.client.with_options(api_key=await new_key(services, "globex"))
        [(tenant,)] = await here.sql("SELECT id FROM tenant WHERE name = 'globex'")
        async with transaction(services.engine) as connection:
            await put_budget(connection, tenant, PLENTY)
        asked = [here.chat()]
        await here.waited_for(1)
        assert await here.sql(f"{_TOGETHER} WHERE j.tenant_id = :id", id=tenant) == [(1, 1)]
        assert await here.sql("SELECT sum(reserved) > 0 FROM budget_use") == [(True,)]
        asked[0].cancel()

    play(settings, scenario)


class Deaf(Submitter):
    """Hears nothing of its first three jobs: two are written, and one will be."""

    asked = 0
    late: Callable[[], Awaitable[Submitted]]

    async def submit(self, *given: Any, **more: Any) -> Submitted:
        self.asked += 1
        if self.asked == 3:
            self.late = partial(super().submit, *given, **more)
        else:
            submitted = await super().submit(*given, **more)
            if self.asked > 2:
                return submitted
        raise DatabaseUnavailableError("the answer to the commit was lost")


def test_jobs_that_were_written_although_their_calls_were_refused_are_the_repetitions(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async def call(headers: dict[str, str]) -> httpx2.Response:
            asked = {**CHAT, "genq": TOLD}
            return await api.http.post("/v1/chat/completions", json=asked, headers=headers)

        refused = [await call({}) for _ in range(3)]
        assert [answer.status_code for answer in refused] == [503] * 3
        # Each of them comes back; so does a fourth, which nobody ever wrote.
        again = [asyncio.create_task(call(REPEATED)) for _ in range(4)]
        await until(lambda: api.services.waiters.waiting == 4, "all four wait")
        deaf = api.services.submitter
        assert isinstance(deaf, Deaf)
        await deaf.late()
        listed = (await api.http.get("/v1/jobs")).json()["data"]
        for job in listed:
            await api.end(job["id"], text=job["id"])
        answers = [await each for each in again]

        assert len(listed) == 4
        assert {words(answer) for answer in answers} == {job["id"] for job in listed}
        # Of the job that both wrote, its receiver hears once that it is queued.
        async with transaction(api.services.engine) as connection:
            told = await connection.scalars(sql("SELECT job_id FROM outbox WHERE kind = 2"))
        assert sorted(told) == sorted(parse_id("job", job["id"]) for job in listed)

    def change(opened: Services) -> Services:
        deaf = Deaf(opened.engine, opened.settings, opened.doorbells)
        return replace(opened, submitter=deaf)

    run(settings, scenario, change)


def test_ten_calls_that_say_the_same_get_ten_answers_each_of_its_own_job(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        asked = [here.chat() for _ in range(10)]
        jobs = await here.unfinished(10)
        # Everybody is sent away once, and attaches again.
        await here.until_sql(
            "SELECT count(*) = 10 FROM held_call"
            " WHERE held_until > created_at + interval '900 ms'"
        )
        for number, job in enumerate(jobs):
            await here.api.end(job, text=str(number))
        answers = [await each for each in asked]

        told = {answer.choices[0].message.content for answer in answers}
        assert told == {str(number) for number in range(10)}
        assert len(await here.jobs()) == 10

    play(settings, scenario, facade_max_hold=timedelta(milliseconds=700))


async def age_calls(here: Scene) -> None:
    """Let all calls that were answered be long ago."""
    await here.until_sql("SELECT bool_and(delivered_at IS NOT NULL) FROM held_call")
    await here.sql(
        "UPDATE held_call SET created_at = created_at - interval '1 hour',"
        " delivered_at = delivered_at - interval '1 hour',"
        " held_until = held_until - interval '1 hour'"
    )


async def repeat(here: Scene) -> httpx2.Response:
    """Send the same call as its client does that sends it again."""
    return await here.api.http.post("/v1/chat/completions", json=CHAT, headers=REPEATED)


def words(answer: httpx2.Response) -> str:
    return answer.json()["choices"][0]["message"]["content"]


def test_an_answer_that_is_lost_on_its_way_is_told_again(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        first = here.chat()
        await here.api.end(await here.job(), text="one")
        await first
        answer = await repeat(here)

        assert words(answer) == "one"
        assert len(await here.jobs()) == 1

        # To nobody else.
        key = await new_key(here.api.services, "globex")
        theirs = {
            **REPEATED,
            "x-stainless-read-timeout": "0.1",
            "authorization": f"Bearer {key}",
        }
        other = await here.api.http.post("/v1/chat/completions", json=CHAT, headers=theirs)
        assert other.status_code == 408

    play(settings, scenario)


def test_a_job_that_ended_while_nobody_waited_is_found(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        # Another call that says the same was answered before; its answer is not this one's.
        before = here.chat()
        await here.api.end(await here.job(), text="before")
        await before
        broken = here.chat()
        job = await here.job()
        broken.cancel()
        await here.waited_for(0)
        await here.until_sql("SELECT bool_and(held_until <= now()) FROM held_call")
        await here.api.end(job, text="two")
        answer = await repeat(here)

        assert words(answer) == "two"
        assert answer.headers["x-genq-job-id"] == job

    play(settings, scenario)


def test_a_job_whose_server_died_without_a_word_is_found(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        # It still looks held.
        held = here.chat()
        job = await here.job()
        again = asyncio.create_task(repeat(here))
        await here.api.end(job, text="three")

        assert words(await again) == "three"
        assert len(await here.jobs()) == 1
        await held

    play(settings, scenario)


def test_calls_of_long_ago_are_found_by_nobody_and_forgotten(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        first = here.chat()
        await here.api.end(await here.job(), text="old")
        await first
        await age_calls(here)
        again = asyncio.create_task(repeat(here))
        await here.api.end(await here.job(), text="new")

        assert words(await again) == "new"
        assert len(await here.jobs()) == 2
        async with transaction(here.api.services.engine) as connection:
            assert not await forget_calls(connection)
        assert await here.sql("SELECT count(*) FROM held_call") == [(1,)]

    play(settings, scenario)


def test_a_first_try_is_a_call_of_its_own(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        for number in range(2):
            asked = here.chat()
            await here.api.end(await here.job(), text=str(number))
            assert (await asked).choices[0].message.content == str(number)

        assert len(await here.jobs()) == 2

    play(settings, scenario)


def test_who_was_refused_lately_is_not_given_the_answer_of_another_call(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        asked = here.chat()
        first = await here.job()
        [(tenant,)] = await here.sql("SELECT id FROM tenant WHERE name = 'acme'")
        here.api.services.book.refused(tenant)
        post = here.api.http.post("/v1/chat/completions", json=CHAT, headers=REPEATED)
        other = asyncio.create_task(post)
        jobs = await here.unfinished(2)
        for job in jobs:
            await here.api.end(job, text=job)

        assert (await asked).choices[0].message.content == first
        assert (await other).headers["x-genq-job-id"] != first

    play(settings, scenario)
