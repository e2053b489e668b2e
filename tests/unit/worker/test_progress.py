"""Watchers hear how far an attempt is, at most twice a second; nobody else costs a message."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from infra.clock import SystemClock
from infra.progress import (
    News,
    ProgressLine,
    decode_news,
    decode_watched,
    encode_watched,
    news_channel,
)
from schemas.progress import Progress
from schemas.tenant_plan import SafetyLevel
from schemas.webhooks import Hears
from tests.fixtures.claims import image_claim
from worker.progress import LiveNews

CLAIM = image_claim()
IN_CHAT = image_claim(hears=Hears.PROGRESS | Hears.CHAT)
HERE, THERE = news_channel("here"), news_channel("there")


class Line(ProgressLine):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__("redis://nowhere.invalid")
        self.sent: list[tuple[float, News]] = []
        self.arrived = asyncio.Event()

    async def send(self, news: Sequence[News]) -> None:
        now = asyncio.get_running_loop().time()
        self.sent += [(now, item) for item in news]
        self.arrived.set()

    async def next(self) -> News:
        async with asyncio.timeout(5):
            await self.arrived.wait()
        self.arrived.clear()
        return self.sent[-1][1]


def play(scenario: Callable[[LiveNews, Line], Awaitable[None]]) -> None:
    async def scene() -> None:
        line = Line()
        news = LiveNews(line, SystemClock())
        await scenario(news, line)
        await news.close()

    asyncio.run(scene())


def test_an_attempt_that_nobody_watches_sends_nothing() -> None:
    async def scenario(news: LiveNews, line: Line) -> None:
        news.heard(encode_watched(HERE, [UUID(int=1)]))
        with news.running(CLAIM):
            news.progressed(CLAIM, step=1, steps=4)
        await asyncio.sleep(0)
        assert line.sent == []
        assert not news.is_watched(CLAIM)

    play(scenario)


def test_a_watched_attempt_tells_its_start_its_progress_and_that_it_is_over() -> None:
    async def scenario(news: LiveNews, line: Line) -> None:
        news.heard(encode_watched(HERE, [CLAIM.job_id]))
        with news.running(CLAIM):
            start = await line.next()
            news.progressed(CLAIM, step=1, steps=4, preview=b"jpeg")
            progress = await line.next()
        end = await line.next()

        assert start == News(CLAIM.job_id, (HERE,))
        assert progress.progress is not None
        assert (progress.progress.fraction, progress.progress.number) == (0.25, 1)
        assert (progress.preview, progress.progress.preview) == (b"jpeg", 4)
        assert end == News(CLAIM.job_id, (HERE,))

    play(scenario)


def test_many_reports_go_out_twice_a_second_and_the_last_one_does() -> None:
    async def scenario(news: LiveNews, line: Line) -> None:
        news.heard(encode_watched(HERE, [CLAIM.job_id]))
        with news.running(CLAIM):
            await line.next()
            for step in range(1, 100):
                news.progressed(CLAIM, step=step, steps=100)
                await asyncio.sleep(0)
            first, later = await line.next(), await line.next()

        told = [(at, item.progress) for at, item in line.sent if item.progress]
        assert len(told) == 2
        assert told[1][0] - told[0][0] >= 0.45
        assert first.progress is not None
        assert later.progress is not None
        assert later.progress.step == 99

    play(scenario)


def test_who_comes_late_hears_at_once_and_each_api_on_its_own_channel() -> None:
    async def scenario(news: LiveNews, line: Line) -> None:
        with news.running(CLAIM):
            news.progressed(CLAIM, characters=120)
            news.heard(encode_watched(HERE, [CLAIM.job_id]))
            first = await line.next()
            news.heard(encode_watched(THERE, [CLAIM.job_id]))
            second = await line.next()
            # Said again, as every API does: nothing new.
            news.heard(encode_watched(THERE, [CLAIM.job_id]))
            await asyncio.sleep(0)

        assert first.progress is not None
        assert first.progress.characters == 120
        assert second.channels == (HERE, THERE)
        assert len(line.sent) == 2

    play(scenario)


def test_messages_are_read_as_they_are_written_and_others_are_left_alone() -> None:
    progress = Progress(3, 1, 2, "2026-11-20T10:00:00.000Z", step=1, steps=4, fraction=0.25)
    news = News(CLAIM.job_id, (HERE,), progress)

    assert decode_news(news.encode().decode()) == (CLAIM.job_id, progress)
    assert decode_news(News(CLAIM.job_id, ()).encode().decode()) == (CLAIM.job_id, None)
    assert decode_watched(encode_watched(HERE, [CLAIM.job_id])) == (HERE, [CLAIM.job_id], False)
    for strange in ("", "job_x", "genq:other job", f"{HERE} nobody", "job_x {", "{}"):
        assert decode_news(strange) is None
        assert decode_watched(strange) is None


def test_what_a_message_in_a_chat_shows_is_kept_although_nobody_listens() -> None:
    async def scenario(news: LiveNews, line: Line) -> None:
        with news.running(IN_CHAT):
            news.progressed(IN_CHAT, step=1, steps=4, preview=b"jpeg", text="Once")
            kept = await line.next()
        await asyncio.sleep(0)

        assert (kept.channels, kept.preview, kept.keep_words) == ((), b"jpeg", True)
        assert kept.progress is not None
        assert kept.progress.text == "Once"
        assert len(line.sent) == 1
        assert news.is_watched(IN_CHAT)
        assert news.is_read(IN_CHAT)

    play(scenario)


def test_a_chat_shows_no_more_than_a_watcher_would_see() -> None:
    async def scenario(news: LiveNews, line: Line) -> None:
        strict = replace(IN_CHAT, safety_level=SafetyLevel.STRICT)
        judged = LiveNews(line, SystemClock(), previews=False)

        assert not news.is_watched(strict)
        assert not news.is_read(strict)
        assert not judged.is_watched(IN_CHAT)

    play(scenario)
