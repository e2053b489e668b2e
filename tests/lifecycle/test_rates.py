"""Dispatchers measure how fast lanes serve models, from what they hand out."""

from collections import Counter
from collections.abc import Sequence
from uuid import uuid4

import pytest

from infra.broker import Carrier
from infra.postgres.service_rates import HORIZON, SeenJob, Served, rates_of
from producer.dispatcher.rates import RateMeter, served
from producer.position import place_of
from schemas.claim import Pointer
from schemas.lanes import Lane
from tests.fixtures.harness import Harness


def seen(pool: int, seconds: float | None) -> SeenJob:
    return SeenJob(uuid4(), Lane.FAST.number, pool, seconds is not None, seconds)


def test_what_a_lane_released_is_divided_as_its_sample_is() -> None:
    jobs = [seen(1, 2.0), seen(1, 4.0), seen(1, None), seen(2, None)]
    old = seen(3, 9.0)

    told = served(
        Counter({Lane.FAST: 400}), [*jobs, old], {job.id for job in jobs}, [*jobs, old]
    )

    assert told == [
        Served(lane=2, pool=1, released=300.0, finished=2, seconds=3.0),
        Served(lane=2, pool=2, released=100.0),
        Served(lane=2, pool=3, released=0.0, finished=1, seconds=9.0),
    ]


def test_a_sample_of_which_nothing_is_known_tells_nothing() -> None:
    assert served(Counter({Lane.FAST: 3}), [], {uuid4()}, []) == []


class Wire:
    """What is published, and how it is counted on its way."""

    def __init__(self, genq: Harness) -> None:
        self.genq = genq
        self.meter = RateMeter(genq._engine)
        self.sent: list[Carrier] = []
        self.publish = self.meter.metered(self._take)

    async def _take(self, carriers: Sequence[Carrier]) -> None:
        self.sent += carriers

    def send(self, pointers: Sequence[Pointer]) -> None:
        self.genq.do(self.publish([Carrier(Lane.FAST, tuple(pointers))]))

    def measure(self) -> None:
        self.genq.do(self.meter.measure())


def test_a_job_is_followed_until_its_end_is_known(genq: Harness) -> None:
    wire = Wire(genq)
    for _ in range(6):
        genq.submit()
    pointers = genq.release()
    wire.send(pointers)
    wire.measure()
    (released,) = genq.in_transaction(lambda c: rates_of(c, 2))
    genq.run_until_idle()
    genq.sql("UPDATE job SET started_at = finished_at - interval '3 seconds'")
    wire.measure()
    (measured,) = genq.in_transaction(lambda c: rates_of(c, 2))

    assert [len(carrier.pointers) for carrier in wire.sent] == [6]
    assert released.seconds_per_job is None
    assert released.jobs_per_second == pytest.approx(6 / HORIZON.total_seconds(), rel=0.05)
    assert measured.seconds_per_job == pytest.approx(3.0)


def test_a_queued_job_learns_its_range_from_what_was_measured(genq: Harness) -> None:
    wire = Wire(genq)
    for _ in range(20):
        genq.submit()
    wire.send(genq.release())
    genq.run_until_idle()
    genq.sql("UPDATE job SET started_at = finished_at - interval '10 seconds'")
    wire.measure()
    genq.sql("UPDATE session SET slots = 1")
    waiting = [genq.submit() for _ in range(8)]
    genq.release()

    job = genq.job(waiting[-1])
    place = genq.in_transaction(lambda c: place_of(c, job, genq.settings))

    assert place is not None
    assert place.ahead_in_lane is not None
    assert place.low is not None
    assert place.high is not None
    truth = place.ahead_in_lane * 10.0
    assert place.low <= truth <= place.high


def test_a_failed_publish_is_not_counted(genq: Harness) -> None:
    async def refuse(_: Sequence[Carrier]) -> None:
        raise ConnectionError

    meter = RateMeter(genq._engine)
    with pytest.raises(ConnectionError):
        genq.do(meter.metered(refuse)([Carrier(Lane.FAST, (Pointer(uuid4(), 1),))]))
    genq.do(meter.measure())

    assert genq.in_transaction(lambda c: rates_of(c, 2)) == []
