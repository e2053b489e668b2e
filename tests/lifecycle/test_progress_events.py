"""Those who asked hear how far an attempt is, not too often, and not after what comes next."""

import asyncio
from uuid import UUID

from sqlalchemy import text

from infra.clock import SystemClock
from infra.postgres.engine import transaction
from infra.progress import News, ProgressLine
from schemas.chat import Platform, chat_url
from schemas.events import JOB_TYPES, OutboxKind
from schemas.ids import format_id
from schemas.progress import Progress
from schemas.webhook_target import WebhookTarget
from tests.fixtures.chat_openings import make, opening
from tests.fixtures.harness import Harness
from tests.fixtures.telling import endpoint, events, owed, told, types
from worker.attempts import AttemptRunner
from worker.herald import Herald
from worker.pipeline.job_run import JobRun
from worker.progress import LiveNews

EVERYTHING = WebhookTarget(url="https://bot.example/hook", events=JOB_TYPES)


class Reporting:
    """A stage that reports steps, and goes on once as many events are written as it wants.

    Attributes:
        seconds: That this took.
    """

    name = "reporting"

    def __init__(self, genq: Harness, news: LiveNews, *, written: int) -> None:
        self._genq = genq
        self._news = news
        self._written = written
        self.seconds = 0.0

    async def __call__(self, run: JobRun) -> JobRun:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for already in range(self._written or 1):
            # More than are told: what is overtaken within half a second is not.
            for step in range(1, 9):
                self._news.progressed(run.claim, step=step, steps=8)
            async with asyncio.timeout(10):
                while self._written and await self._count() <= already:
                    pass
        self.seconds = loop.time() - began
        self._news.progressed(run.claim, characters=100)
        return run

    async def _count(self) -> int:
        statement = text("SELECT count(*) FROM outbox WHERE kind = 3")
        async with transaction(self._genq._engine) as connection:
            return (await connection.execute(statement)).scalar_one()


def work_reporting(genq: Harness, *, written: int) -> float:
    """Run the oldest message in a worker whose model server tells how far it is.

    Returns:
        How many seconds passed until so many events of progress were written.
    """

    async def run() -> float:
        news = LiveNews(ProgressLine(genq.settings.doorbell_url()), SystemClock())
        admit, *rest = genq.stages
        reporting = Reporting(genq, news, written=written)
        runner = AttemptRunner(
            genq._engine,
            genq.settings,
            genq._doorbells,
            genq.session,
            (admit, reporting, *rest),
            news=news,
        )
        await runner.run([genq.sent.popleft()])
        await runner.close()
        await news.close()
        return reporting.seconds

    return genq.do(run())


def message_id(genq: Harness) -> UUID:
    """Return the one message that there is."""
    return genq.sql("SELECT id FROM chat_message")[0].id


def test_progress_is_told_at_most_twice_a_second_and_not_after_what_comes_next(
    genq: Harness,
) -> None:
    job = genq.submit(webhook=EVERYTHING)
    genq.release()
    seconds = work_reporting(genq, written=2)

    told_of = events(genq, job)
    assert [(e["type"], e["sequence"]) for e in told_of] == [
        ("job.queued", 0),
        ("job.started", 1_001),
        ("job.progress", 1_002),
        ("job.progress", 1_003),
        ("job.succeeded", 1_999),
    ]
    first, second = told_of[2:4]
    assert [e["kind"] for e in (first, second)] == [OutboxKind.PROGRESS] * 2
    assert first["data"]["status"] == "running"
    assert second["data"]["progress"] == {
        "attempt": 1,
        "fraction": 1.0,
        "step": 8,
        "steps": 8,
        "characters": None,
        "message": None,
    }
    # What had not been sent gave way to what is newer.
    assert [one for one, _ in told(genq)].count("job.progress") == 1
    assert seconds >= 0.5


def test_progress_that_nobody_asked_for_is_not_written(genq: Harness) -> None:
    endpoint(genq, "job.queued", "job.started")
    job = genq.submit()
    genq.release()
    work_reporting(genq, written=0)

    assert types(genq, job) == ["job.queued", "job.started", "job.succeeded"]


def test_an_attempt_does_not_wait_for_what_is_told_of_it_and_its_end_does(
    genq: Harness,
) -> None:
    genq.submit(webhook=EVERYTHING)
    genq.release()
    claim = genq.claim_one()
    herald = Herald(genq._engine, genq.settings, genq._doorbells)

    async def attempt() -> None:
        async with transaction(genq._engine) as holder, asyncio.timeout(20):
            # Nobody can insert into the outbox.
            await holder.execute(text("LOCK TABLE outbox IN SHARE MODE"))
            with herald.telling(claim):
                ending = asyncio.create_task(herald.settle(claim))
                await holder.execute(text("SELECT 1"))
                assert not ending.done()
                await holder.rollback()
                await ending
        await herald.close()

    genq.do(attempt())

    assert types(genq, format_id("job", claim.job_id)) == ["job.queued", "job.started"]


def test_a_message_in_a_chat_is_looked_at_every_two_seconds_and_finds_how_far_its_job_is(
    genq: Harness,
) -> None:
    made = make(genq, opening())
    genq.release()

    seconds = work_reporting(genq, written=2)

    assert seconds >= 2.0
    job = format_id("job", made.job.id)
    ways = ["job.queued", "job.started", "job.progress", "job.progress", "job.succeeded"]
    assert types(genq, job) == ways
    assert {one.url for one in owed(genq)} == {
        chat_url(Platform.DISCORD, "c1", message_id(genq))
    }
    line = ProgressLine(genq.settings.doorbell_url())
    kept = genq.do(line.progress_of([made.job.id]))
    genq.do(line.close())
    assert kept[made.job.id].characters == 100


def test_words_are_kept_for_who_looks_for_them_and_for_nobody_else(genq: Harness) -> None:
    chat, other = UUID(int=1), UUID(int=2)
    told_now = Progress(1, 1, 1, "2026-11-20T10:00:00Z", text="Once")

    async def look() -> list[str | None]:
        line = ProgressLine(genq.settings.doorbell_url())
        await line.send([News(chat, (), told_now, keep_words=True), News(other, (), told_now)])
        kept = await line.progress_of([chat, other])
        await line.close()
        return [kept[job].text for job in (chat, other)]

    assert genq.do(look()) == ["Once", None]
