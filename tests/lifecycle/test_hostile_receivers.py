"""Receivers that are gone, busy, down, dead, flapping, slow or many: each by itself alone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import cycle

import pytest

from infra.clock import SystemClock
from infra.new_ids import new_key
from infra.postgres.endpoint_changes import wake_lane
from infra.postgres.publish import Publication, publish_events
from infra.settings import Settings
from schemas.events import OutboxKind
from schemas.webhooks import Breaker, Trigger
from tests.fixtures.lane_play import LanePlay, PlayClock, open_play
from tests.fixtures.outage import play_outage
from worker.delivery.schedule import Outcome, Result

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
URL = "https://acme.test/hook"

_THOUSAND = """
INSERT INTO webhook_endpoint (id, tenant_id, name, url, origin, event_types)
SELECT uuidv7(), tenant_id, name, url, origin, event_types
FROM webhook_endpoint, generate_series(1, 1000) WHERE id = :id
"""
_OWED_BY_EACH = """
WITH d AS (
  INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, endpoint_id)
  SELECT uuidv7(), uuidv7(), uuidv7(), tenant_id, url, origin, id
  FROM webhook_endpoint WHERE url = 'https://dead.test/'
  RETURNING lane_id, tenant_id, endpoint_id, origin)
INSERT INTO webhook_lane (id, tenant_id, endpoint_id, origin, next_due_at)
SELECT lane_id, tenant_id, endpoint_id, origin, now() FROM d
"""


class JumpingClock(PlayClock):
    """Is set an hour forward and an hour back, again and again."""

    def __init__(self) -> None:
        super().__init__()
        self._jumps = cycle([HOUR, -HOUR])

    def now(self) -> datetime:
        return super().now() + next(self._jumps)


def play(settings: Settings, scene: Callable[[LanePlay], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_play(settings) as stage:
            await scene(stage)

    asyncio.run(run())


def test_410_disables_the_endpoint_tells_of_it_and_keeps_what_is_pending(
    settings: Settings,
) -> None:
    async def scene(stage: LanePlay) -> None:
        gone = await stage.endpoint(URL)
        await stage.endpoint("https://listener.test/", event_types=("endpoint.*",))
        await stage.owe(gone, jobs=50)
        stage.answer(
            lambda owed, _: (
                Result(Outcome.GONE, SECOND, 410) if owed.url == URL else Outcome.SUCCESS
            )
        )
        await stage.deliver()
        [row] = await stage.sql("SELECT * FROM webhook_endpoint WHERE url = :url", url=URL)
        assert (row.disabled_reason, row.disabled_at is not None) == ("gone", True)
        # Those that were in flight together, and none of the others.
        asked = [one for one in stage.sent if one.url == URL]
        assert 1 <= len(asked) <= 4
        assert await stage.count("delivery", f"url = '{URL}'") == 50
        told = [one for one in stage.sent if one.url != URL]
        assert len(told) == 1
        assert await stage.count("outbox", "type = 'endpoint.disabled'") == 1
        # Enabled again, everything is sent.
        await stage.enable(gone)
        stage.answer(Outcome.SUCCESS)
        await stage.deliver()
        assert await stage.count("delivery") == 0

    play(settings, scene)


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_is_busy_is_left_alone_for_as_long_as_it_asks(
    settings: Settings, status: int
) -> None:
    date = format_datetime(SystemClock().now() + timedelta(seconds=90), usegmt=True)
    waits = {"2": 2, date: 90, "864000": 3600, "-1": 60, "abc": 60}

    async def scene(stage: LanePlay) -> None:
        for number, (header, seconds) in enumerate(waits.items()):
            endpoint = await stage.endpoint(f"https://busy{number}.test/")
            await stage.owe(endpoint, jobs=20)
            busy = Result(Outcome.RATE_LIMITED, SECOND, status, retry_after=header)
            stage.answer(busy)
            before = len(stage.sent)
            await stage.deliver()
            assert len(stage.sent) - before <= 4
            lane = await stage.lane(endpoint)
            assert seconds - 3 <= lane.blocked_for.total_seconds() <= seconds
            assert (lane.breaker, lane.failures) == (Breaker.CLOSED, 0)
            # A second before its time nothing is sent, and then everything.
            stage.answer(Outcome.SUCCESS)
            await stage.age(lane.blocked_for - SECOND)
            before = len(stage.sent)
            await stage.deliver()
            assert len(stage.sent) == before
            await stage.age(SECOND)
            await stage.deliver()
            assert len(stage.sent) == before + 20
        assert await stage.count("delivery") == 0

    play(settings, scene)


def test_four_hours_of_outage_cost_60_attempts_and_then_all_is_drained_in_order(
    settings: Settings,
) -> None:
    seen = asyncio.run(play_outage(settings, deliveries=1_000))

    assert seen.attempts_while_down <= 60
    assert seen.probes >= 15
    assert seen.steps_used <= 10
    assert (seen.missed, seen.extra, seen.out_of_order) == (0, 0, 0)


def test_an_endpoint_that_is_dead_for_five_days_is_disabled_once_and_told_of_once(
    settings: Settings,
) -> None:
    async def scene(stage: LanePlay) -> None:
        dead = await stage.endpoint(URL)
        await stage.endpoint("https://listener.test/", event_types=("endpoint.disabled",))

        def answer(url: str) -> Outcome:
            return Outcome.CONNECTION_REFUSED if url == URL else Outcome.SUCCESS

        stage.answer(lambda owed, _: answer(owed.url))
        # Twelve hours at a time: a probe each, and a new event.
        for half_days in range(14):
            await stage.owe(dead, jobs=1)
            await stage.run(stage.at + 20 * SECOND)
            [row] = await stage.sql("SELECT * FROM webhook_endpoint WHERE url = :url", url=URL)
            assert row.disabled_reason == (None if half_days < 10 else "failing")
            await stage.age(DAY / 2 - 20 * SECOND, lives=True)
        assert await stage.count("outbox", "type = 'endpoint.disabled'") == 1
        assert len(stage.sent_to("https://listener.test/")) == 1
        assert stage.sent_to(URL)[-1].at <= 5 * DAY + HOUR
        # What was older than 76 h ended, the rest waits; enabled again, all of it is sent.
        assert 5 <= await stage.count("delivery_attempt", "ended IN (2, 3)") <= 9
        await stage.enable(dead)
        stage.answer(Outcome.SUCCESS)
        await stage.deliver()
        await stage.recover(dead, only="failed")
        taken = {one.event_id for one in stage.sent_to(URL) if one.outcome is Outcome.SUCCESS}
        assert len(taken) == 14
        assert await stage.count("delivery") == 0

    play(settings, scene)


def test_an_endpoint_that_flaps_is_never_disabled_and_never_hammered(
    settings: Settings,
) -> None:
    async def scene(stage: LanePlay) -> None:
        flaps = await stage.endpoint(URL)
        await stage.owe(flaps, jobs=100)
        turns = cycle([Outcome.HTTP_ERROR] * 4 + [Outcome.SUCCESS])
        stage.answer(lambda _owed, _at: next(turns))
        for _ in range(4):
            before = len(stage.sent)
            await stage.run(stage.at + 60 * SECOND)
            assert 1 <= len(stage.sent) - before <= 35
            await stage.age(2 * DAY)
        [row] = await stage.sql("SELECT disabled_at FROM webhook_endpoint")
        assert row.disabled_at is None
        assert await stage.count("delivery_attempt", "ended = 1") >= 4

    play(settings, scene)


@pytest.mark.parametrize("disabled", [False, True])
def test_a_test_goes_to_a_receiver_that_is_down_or_disabled_at_once_and_alone(
    settings: Settings, *, disabled: bool
) -> None:
    async def scene(stage: LanePlay) -> None:
        down = await stage.endpoint(URL, disabled="gone" if disabled else None)
        await stage.owe(down, jobs=20)
        stage.answer(Outcome.CONNECTION_REFUSED)
        await stage.run(HOUR)
        before = len(stage.sent)
        async with stage.observer.begin() as connection:
            test = Publication(
                id=new_key(),
                tenant_id=down.endpoint.tenant_id,
                kind=OutboxKind.TEST,
                type="endpoint.test",
                body=b"{}",
                endpoint_id=down.id,
                trigger=Trigger.TEST,
            )
            await publish_events(connection, [test])
            await wake_lane(connection, down.endpoint)
        await stage.deliver()
        assert [one.trigger for one in stage.sent[before:]] == [Trigger.TEST]
        # Its answer is what somebody wanted to see now: it is not tried again.
        assert await stage.count("delivery", "kind = 5") == 0
        assert await stage.count("delivery") == 20
        assert (await stage.lane(down)).failures > 0

    play(settings, scene)


def test_a_slow_receiver_with_a_backlog_leaves_the_others_untouched(
    settings: Settings,
) -> None:
    async def scene(stage: LanePlay) -> None:
        slow = await stage.endpoint("https://slow.test/")
        quick = await stage.endpoint("https://quick.test/")
        await stage.owe(slow, jobs=3_000)
        await stage.owe(quick, jobs=300)
        answers = asyncio.Event()
        stage.sender.hold = lambda owed: answers if "slow" in owed.url else None
        async with stage.running():
            await stage.wait_until(lambda: len(stage.sent_to("https://quick.test/")) == 300)
            assert stage.sent_to("https://slow.test/") == []
            assert stage.sender.most_in_flight["https://slow.test/"] == 4
            # Its own pace is kept: the next begin when these end.
            answers.set()
            await stage.wait_until(lambda: len(stage.sent_to("https://slow.test/")) >= 100)

    play(settings, scene)


def test_a_thousand_dead_endpoints_of_one_tenant_leave_another_untouched(
    settings: Settings,
) -> None:
    async def scene(stage: LanePlay) -> None:
        healthy = await stage.endpoint("https://healthy.test/")
        dead = await stage.endpoint("https://dead.test/", tenant="other")
        await stage.sql(_THOUSAND, id=dead.id)
        await stage.sql(_OWED_BY_EACH)
        await stage.owe(healthy, jobs=200)
        never = asyncio.Event()
        stage.sender.hold = lambda owed: None if "healthy" in owed.url else never
        async with stage.running():
            await stage.wait_until(lambda: len(stage.sent_to("https://healthy.test/")) == 200)
            await stage.owe(healthy, jobs=200)
            await stage.wait_until(lambda: len(stage.sent_to("https://healthy.test/")) == 400)
            assert 4 <= stage.sender.in_flight["https://dead.test/"] <= 250

    play(settings, scene)


def test_a_throttled_endpoint_never_sees_more_in_a_second_even_from_two_owners(
    settings: Settings,
) -> None:
    rate = 40

    async def scene(stage: LanePlay) -> None:
        throttled = await stage.endpoint(URL, throttle_rate=rate, max_in_flight=64)
        await stage.owe(throttled, jobs=60)
        # The first process lets the lane go in the middle, and the next takes it over.
        async with stage.running():
            await stage.wait_until(lambda: len(stage.sent) >= 20)
        async with stage.running():
            await stage.wait_until(lambda: len(stage.sent) == 60)
        begun = sorted(one.clock for one in stage.sent)
        # What was cut off when the first process ended is sent again: it was sent twice.
        gaps = [beyond - first for first, beyond in zip(begun, begun[rate:], strict=False)]
        assert min(gaps) >= 0.99
        assert begun[-1] - begun[0] <= 60 / rate * 1.5

    play(settings, scene)


def test_a_wall_clock_that_jumps_makes_no_storm_and_no_stall(settings: Settings) -> None:
    async def run() -> None:
        async with open_play(settings, clock=JumpingClock()) as stage:
            down = await stage.endpoint(URL)
            await stage.owe(down, jobs=200)
            stage.answer(Outcome.CONNECTION_REFUSED)
            await stage.run(HOUR)
            assert 5 <= len(stage.sent) <= 20
            stage.answer(Outcome.SUCCESS)
            await stage.run(2 * HOUR)
            assert await stage.count("delivery") == 0

    asyncio.run(run())
