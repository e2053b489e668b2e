"""A job's stream tells what happened to it, in order, to whoever comes and comes back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

import redis
from pydantic import SecretStr

from infra.clock import SystemClock
from infra.doorbells import DONE
from infra.postgres.engine import transaction
from infra.postgres.put_back import PutBack, put_back
from infra.progress import WATCHED, ProgressLine
from infra.settings import Settings
from schemas.claim import Claim
from schemas.job_states import AttemptOutcome
from tests.api.served import PATIENCE_SECONDS, Served, new_key, pointers, run
from tests.api.streams import Stream, streaming
from tests.fixtures.until import until
from worker.progress import LiveNews

STORY = ["queued", "started", "job.succeeded"]


@asynccontextmanager
async def worker_of(api: Served) -> AsyncGenerator[LiveNews]:
    """The part of a worker that tells watchers, as soon as it hears who watches."""
    url = api.services.settings.doorbell_url()
    news = LiveNews(ProgressLine(url), SystemClock())
    with redis.Redis.from_url(url) as valkey:

        def listeners() -> int:
            # What is announced before it listens is announced again ten seconds later.
            [(_, number)] = cast("list[tuple[bytes, int]]", valkey.pubsub_numsub(WATCHED))
            return number

        before = listeners()
        listening = asyncio.create_task(news.listen(api.services.doorbells))
        await until(lambda: listeners() > before, "the worker does not listen")
    yield news
    listening.cancel()
    await asyncio.wait([listening])
    await news.close()


async def put_off(api: Served, claim: Claim) -> None:
    """End an attempt with a retry in a minute."""
    end = PutBack(
        claim,
        AttemptOutcome.ERROR,
        claim.started_at + timedelta(seconds=1),
        timedelta(minutes=1),
        counts=True,
        error='{"code": "model_unavailable"}',
    )
    async with transaction(api.services.engine) as connection:
        await put_back(connection, [end])


def test_a_watched_job_tells_its_story_and_ends_the_stream(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        async with streaming(api, job["urls"]["events"]) as stream:
            queued = await stream.until("queued")
            position = await stream.until("position")
            await api.end(job["id"], pictures=[b"png"])
            types = await stream.rest()

        assert stream.retry > 0
        assert (queued.id, queued.data["job_id"]) == ("0", job["id"])
        assert (position.data["position"], position.data["ahead"]) == (1, 0)
        assert position.data["waiting_on"] == "no_worker"
        assert types == STORY
        assert stream.events[-1].id == "end"
        assert stream.events[-1].data["job"]["output"]["artifacts"][0]["bytes"] == 3
        assert not api.services.live.watched

    run(settings, scenario)


def test_a_job_that_has_ended_tells_the_rest_of_its_story_at_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        await api.end(job["id"])
        async with streaming(api, job["urls"]["events"]) as again:
            assert await again.rest() == STORY
        async with streaming(api, f"{job['urls']['events']}?last_event_id=0.w50") as later:
            assert await later.rest() == STORY[1:]
        seen = {"Last-Event-ID": "1.0"}
        async with streaming(api, f"{job['urls']['events']}?last_event_id=0", seen) as last:
            assert await last.rest() == STORY[2:]
        path = job["urls"]["events"]
        assert (await api.http.get(path, headers={"Last-Event-ID": "end"})).status_code == 204
        refused = await api.http.get(path, headers={"Last-Event-ID": "yesterday"})
        assert refused.status_code == 400
        assert "/headers/Last-Event-ID" in pointers(refused)

    run(settings, scenario)


def test_progress_previews_and_retries_come_as_they_happen(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        path = job["urls"]["events"]
        async with worker_of(api) as news, streaming(api, path) as stream, asyncio.timeout(9):
            await stream.until("position")
            claim = await api.claim(job["id"])
            with news.running(claim):
                started = await stream.until("started")
                news.progressed(claim, step=1, steps=4, preview=b"\xff\xd8jpeg")
                progress = await stream.until("progress")
                picture = await api.http.get(progress.data["preview"]["url"])
                # Who comes late hears how far it is.
                async with streaming(api, path, {"Last-Event-ID": started.id}) as late:
                    assert await late.next() == progress
                await put_off(api, claim)
            retrying = (await stream.until("retrying")).data

        assert (started.id, started.data["attempt"]) == ("1.0", 1)
        assert (progress.id, progress.data["fraction"]) == ("1.p1", 0.25)
        assert picture.content == b"\xff\xd8jpeg"
        assert picture.headers["content-type"] == "image/jpeg"
        assert retrying["error"] == "model_unavailable"
        assert retrying["run_at"] > retrying["at"]
        assert (await api.http.get(f"{job['urls']['get']}/preview")).status_code == 404

    run(settings, scenario)


def test_a_number_that_is_too_long_for_others_breaks_no_stream(settings: Settings) -> None:
    odd = {
        "kind": "chat",
        "input": {
            "messages": [{"role": "user", "content": "hi"}],
            # PostgreSQL gives it back as an integer of 31 digits.
            "extra_body": {"x": 1e30},
        },
    }

    async def scenario(api: Served) -> None:
        poisoned, other = await api.submit(odd), await api.submit()
        async with (
            streaming(api, poisoned["urls"]["events"]) as one,
            streaming(api, other["urls"]["events"]) as two,
        ):
            # Both ends are read by one look.
            await api.end(poisoned["id"], ring=False)
            await api.end(other["id"], ring=False)
            await api.services.doorbells.ring(DONE, f"{poisoned['id']} {other['id']}")
            assert (await one.rest())[-1] == (await two.rest())[-1] == "job.succeeded"
        assert one.events[-1].data["job"]["input"]["extra_body"] == {"x": 1e30}
        async with streaming(api, poisoned["urls"]["events"]) as again:
            assert await again.rest() == STORY

    run(settings, scenario)


def test_a_strangers_stream_and_preview_are_not_found(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        other = {"Authorization": f"Bearer {await new_key(api.services, 'other')}"}
        for path in ("events", "preview"):
            answer = await api.http.get(f"{job['urls']['get']}/{path}", headers=other)
            assert answer.status_code == 404
            assert answer.json()["code"] == "not_found"

    run(settings, scenario)


def test_many_watch_one_job_and_all_hear_its_end(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        ready = asyncio.Semaphore(0)

        async def watch() -> list[str]:
            async with streaming(api, job["urls"]["events"]) as stream:
                await stream.until("queued")
                ready.release()
                return await stream.rest()

        watchers = [asyncio.create_task(watch()) for _ in range(20)]
        for _ in watchers:
            await ready.acquire()
        await api.end(job["id"])
        async with asyncio.timeout(3):
            assert await asyncio.gather(*watchers) == [STORY] * 20

    run(settings, scenario)


def test_without_valkey_a_stream_looks_by_itself(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        async with streaming(api, job["urls"]["events"]) as stream:
            await stream.until("queued")
            await api.end(job["id"], ring=False)
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                assert await stream.rest() == STORY

    nowhere = "redis://127.0.0.1:1/0"
    run(settings.model_copy(update={"valkey_url": SecretStr(nowhere)}), scenario)


def test_a_stopping_process_ends_streams_and_a_client_that_leaves_is_forgotten(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        first, second = await api.submit(), await api.submit()
        async with streaming(api, first["urls"]["events"]) as stream:
            await stream.until("queued")
            async with streaming(api, second["urls"]["events"]) as leaving:
                await leaving.until("queued")
            await until(lambda: api.services.live.watched == 1, "the second is forgotten")
            api.services.waiters.release()
            async with asyncio.timeout(3):
                await _read_to_end(stream)

    run(settings, scenario)


async def _read_to_end(stream: Stream) -> None:
    while await stream.next() is not None:
        pass
