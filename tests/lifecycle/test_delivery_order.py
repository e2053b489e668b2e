"""The events of a job arrive in their order, and nobody else waits for that."""

import asyncio
from datetime import timedelta

from infra.new_ids import new_key
from infra.settings import Settings
from schemas.events import OutboxKind
from schemas.webhooks import Ended, Ordering, Trigger
from tests.fixtures.deliveries import Deliveries, Owing, open_deliveries
from tests.fixtures.endpoints import Made
from tests.fixtures.receiver import Answer, Received, Receiver

MINUTE = timedelta(minutes=1)


async def owe_job(
    deliveries: Deliveries, url: str, to: Made | None, kinds: str = "QST"
) -> list[Owing]:
    """Put in the events of one job, in the wrong order, all due: queued, started, progress,
    succeeded."""
    job_id = new_key()
    of = {
        "Q": (OutboxKind.LIFECYCLE, 0),
        "S": (OutboxKind.LIFECYCLE, 1001),
        "P": (OutboxKind.PROGRESS, 1002),
        "p": (OutboxKind.PROGRESS, 1003),
        "T": (OutboxKind.TERMINAL, 1999),
    }
    made: dict[str, Owing] = {}
    for letter in reversed(kinds):
        kind, seq = of[letter]
        [made[letter]] = await deliveries.owe(url, to=to, kind=kind, job_id=job_id, seq=seq)
    return [made[letter] for letter in kinds]


def ids(requests: list[Received]) -> list[str]:
    return [request.headers["webhook-id"] for request in requests]


async def run_until(deliveries: Deliveries, receiver: Receiver, n: int) -> None:
    """Run a loop until so many requests have come."""
    stop = asyncio.Event()
    running = asyncio.create_task(deliveries.loop().run(stop, grace=MINUTE))
    await receiver.wait_for(n)
    stop.set()
    await running


def test_the_events_of_a_job_wait_for_the_one_before_while_other_jobs_pass(
    settings: Settings,
) -> None:
    async def play() -> None:
        # One at a time, so that the first request is known.
        async with open_deliveries(settings) as deliveries, Receiver(Answer(500)) as receiver:
            to = await deliveries.endpoint(receiver.url, max_in_flight=1)
            held = await owe_job(deliveries, receiver.url, to)
            await run_until(deliveries, receiver, 1)
            others = [await owe_job(deliveries, receiver.url, to) for _ in range(5)]
            await run_until(deliveries, receiver, 16)
            # Its first event failed: the two behind it wait, and everything else went on.
            sent = ids(receiver.requests)
            assert sent[0] == held[0].webhook_id
            assert not {one.webhook_id for one in held[1:]} & set(sent)
            for job in others:
                places = [sent.index(one.webhook_id) for one in job]
                assert places == sorted(places)
            rows = await deliveries.rows()
            assert len(rows) == 3
            assert min(row.due_in for row in rows) > timedelta(seconds=1)
            await deliveries.age(timedelta(seconds=10))
            await run_until(deliveries, receiver, 19)
            assert ids(receiver.requests)[16:] == [one.webhook_id for one in held]
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_what_waited_for_a_failed_event_goes_out_as_soon_as_that_is_taken(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver(Answer(500)) as receiver:
            to = await deliveries.endpoint(receiver.url)
            job = await owe_job(deliveries, receiver.url, to, "ST")
            await run_until(deliveries, receiver, 1)
            # Somebody has the failed one tried again long before its time.
            await deliveries.execute(
                "UPDATE delivery SET next_at = now() WHERE id = :id", id=job[0].delivery_id
            )
            await deliveries.execute("UPDATE webhook_lane SET next_due_at = now()")
            await run_until(deliveries, receiver, 3)
            assert ids(receiver.requests)[1:] == [one.webhook_id for one in job]

    asyncio.run(play())


def test_without_an_order_nothing_waits(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver(Answer(500)) as receiver:
            to = await deliveries.endpoint(
                receiver.url, ordering=Ordering.NONE, max_in_flight=1
            )
            job = await owe_job(deliveries, receiver.url, to)
            await run_until(deliveries, receiver, 3)
            assert set(ids(receiver.requests)) == {one.webhook_id for one in job}

    asyncio.run(play())


def test_fifo_sends_one_at_a_time_and_nothing_passes_what_failed(settings: Settings) -> None:
    async def play() -> None:
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(Answer(), Answer(500)) as receiver,
        ):
            to = await deliveries.endpoint(
                receiver.url, ordering=Ordering.FIFO, max_in_flight=64
            )
            owing: list[Owing] = []
            for _ in range(6):
                owing += await deliveries.owe(receiver.url, to=to)
            await run_until(deliveries, receiver, 2)
            assert len(receiver.requests) == 2
            [lane] = await deliveries.lanes()
            assert timedelta(seconds=2) < lane.due_in <= timedelta(seconds=6)
            await deliveries.age(lane.due_in)
            await run_until(deliveries, receiver, 7)
            wanted = [one.webhook_id for one in owing]
            assert ids(receiver.requests) == [*wanted[:2], *wanted[1:]]
            assert receiver.most_in_flight == 1

    asyncio.run(play())


def test_progress_is_dropped_when_there_is_newer_and_never_tried_twice(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            to = await deliveries.endpoint(receiver.url)
            old, new, last = await owe_job(deliveries, receiver.url, to, "PpT")
            await run_until(deliveries, receiver, 1)
            assert ids(receiver.requests) == [last.webhook_id]
            ends = {a.event_id: Ended(a.ended) for a in await deliveries.attempts()}
            assert ends == {
                old.event_id: Ended.SUPERSEDED,
                new.event_id: Ended.SUPERSEDED,
                last.event_id: Ended.DELIVERED,
            }
            receiver.script.append(Answer(500))
            [alone] = await owe_job(deliveries, receiver.url, to, "P")
            await deliveries.deliver()
            assert await deliveries.rows() == []
            last_attempt = (await deliveries.attempts())[-1]
            assert last_attempt.event_id == alone.event_id
            assert (last_attempt.outcome, last_attempt.ended) == ("http_500", Ended.EXHAUSTED)

    asyncio.run(play())


def test_what_is_live_goes_before_what_is_sent_again(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            to = await deliveries.endpoint(receiver.url, max_in_flight=1)
            again = await deliveries.owe(
                receiver.url, to=to, times=3, rank=1, trigger=Trigger.RECOVER.value
            )
            live = await deliveries.owe(receiver.url, to=to, times=3)
            await run_until(deliveries, receiver, 6)
            sent = ids(receiver.requests)
            assert set(sent[:3]) == {one.webhook_id for one in live}
            assert set(sent[3:]) == {one.webhook_id for one in again}

    asyncio.run(play())


def test_what_somebody_asks_for_passes_an_open_breaker_and_tests_a_disabled_endpoint(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            to = await deliveries.endpoint(receiver.url)
            off = await deliveries.endpoint(receiver.url, disabled="by_hand")
            await deliveries.owe(receiver.url, to=to, times=3)
            await deliveries.execute(
                "UPDATE webhook_lane SET breaker = 1, failures = 5, next_due_at = now(),"
                " blocked_until = now() + interval '1 hour'"
            )
            [manual] = await deliveries.owe(receiver.url, to=to, trigger=Trigger.MANUAL.value)
            await deliveries.owe(receiver.url, to=off, trigger=Trigger.MANUAL.value)
            [test] = await deliveries.owe(
                receiver.url, to=off, trigger=Trigger.TEST.value, kind=OutboxKind.TEST
            )
            await deliveries.execute("UPDATE webhook_lane SET next_due_at = now()")
            loop = deliveries.loop()
            await loop.look()
            await receiver.wait_for(2)
            await loop.settle()
            assert set(ids(receiver.requests)) == {manual.webhook_id, test.webhook_id}
            assert {r.headers["genq-trigger"] for r in receiver.requests} == {"manual", "test"}

    asyncio.run(play())
