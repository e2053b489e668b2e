"""The range in which a queued job starts: it holds in simulated lanes, and tells its doubts."""

import heapq
import random
from collections import deque
from dataclasses import dataclass, field, replace
from math import exp, inf

import pytest

from infra.arrival import Prospect, starts_within
from infra.postgres.service_rates import HORIZON, ServiceRate

TAU = HORIZON.total_seconds()
CALM = Prospect(
    in_flow=0,
    in_lane=0,
    estimated=False,
    slots=200,
    room=0,
    share=1.0,
    flow_room=1000,
    max_inflight=1000,
)
RATE = ServiceRate(pool=1, jobs_per_second=20.0, seconds_per_job=10.0)

Range = tuple[float, float]


def within(prospect: Prospect, *rates: ServiceRate) -> Range:
    found = starts_within(prospect, rates)
    assert found is not None
    return found


@dataclass
class SimulatedLane:
    """A lane of ``slots`` that are all busy, flows in turn, and what a dispatcher measures."""

    slots: int
    flows: int
    seconds: float
    random_lengths: bool
    arrivals: float
    dice: random.Random
    now: float = 0.0
    rate: float = 0.0
    mean: float = 0.0
    seen: int = 0
    queues: list[deque[int]] = field(default_factory=list[deque[int]])
    running: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    asked: dict[int, tuple[float, Range]] = field(
        default_factory=dict[int, tuple[float, Range]]
    )
    outcomes: list[tuple[Range, float]] = field(default_factory=list[tuple[Range, float]])

    def play(self, backlog: int, seconds: float) -> list[tuple[Range, float]]:
        """Return what callers were told, and after how long their jobs really started."""
        names = iter(range(10**9))
        self.queues = [deque() for _ in range(self.flows)]
        for _ in range(backlog):
            self.dice.choice(self.queues).append(next(names))
        turns = deque(range(self.flows))
        arrival = self.dice.expovariate(self.arrivals) if self.arrivals else inf
        question = seconds / 10
        while self.now < seconds or self.asked:
            while len(self.running) < self.slots and any(self.queues):
                self._start_next(turns)
            due = self.running[0][0] if self.running else inf
            before, self.now = self.now, min(due, arrival, question)
            self.rate *= exp(-(self.now - before) / TAU)
            if self.now == due:
                _, length = heapq.heappop(self.running)
                self.seen += 1
                self.mean += (length - self.mean) / min(self.seen, 50)
            elif self.now == arrival:
                self.dice.choice(self.queues).append(next(names))
                arrival = self.now + self.dice.expovariate(self.arrivals)
            else:
                question = self.now + seconds / 40 if self.now < seconds else inf
                self._ask(next(names), turns)
        return self.outcomes

    def _start_next(self, turns: deque[int]) -> None:
        while not self.queues[turns[0]]:
            turns.rotate(-1)
        job = self.queues[turns[0]].popleft()
        turns.rotate(-1)
        length = self.dice.expovariate(1) if self.random_lengths else 1.0
        heapq.heappush(self.running, (self.now + length * self.seconds, length * self.seconds))
        self.rate += 1 / TAU
        if job in self.asked:
            asked_at, told = self.asked.pop(job)
            self.outcomes.append((told, self.now - asked_at))

    def _ask(self, job: int, turns: deque[int]) -> None:
        flow = self.dice.randrange(self.flows)
        ahead = len(self.queues[flow])
        before_me = set(list(turns)[: turns.index(flow)])
        others = sum(
            min(len(queue), ahead + (number in before_me))
            for number, queue in enumerate(self.queues)
            if number != flow
        )
        self.queues[flow].append(job)
        prospect = replace(
            CALM,
            in_flow=ahead,
            in_lane=ahead + others,
            slots=self.slots,
            room=self.slots - len(self.running),
        )
        told = starts_within(prospect, [ServiceRate(1, self.rate, self.mean or None)])
        if told:
            self.asked[job] = (self.now, told)


@pytest.mark.parametrize("random_lengths", [False, True])
@pytest.mark.parametrize(
    ("shape", "arrivals", "backlog"),
    [
        ((20, 1, 2.0), 0.0, 3000),
        ((20, 5, 2.0), 5.0, 3000),
        ((4, 30, 10.0), 0.2, 120),
        ((50, 10, 5.0), 9.0, 0),
    ],
)
def test_most_jobs_start_within_the_range_that_was_told(
    shape: tuple[int, int, float], arrivals: float, backlog: int, random_lengths: bool
) -> None:
    slots, flows, seconds = shape
    hits, asked, widths = 0, 0, 0.0
    for seed in range(5):
        lane = SimulatedLane(
            slots, flows, seconds, random_lengths, arrivals, random.Random(seed)
        )
        for (low, high), truth in lane.play(backlog, 200):
            asked += 1
            hits += low <= truth <= high
            widths += (high - low) / max(truth, seconds)

    assert asked >= 100
    assert hits / asked >= 0.9
    # Honest, but not by saying "some time".
    assert widths / asked <= 6


def test_without_any_measure_nothing_is_told() -> None:
    assert starts_within(CALM, []) is None
    assert starts_within(CALM, [ServiceRate(1, 5.0, None)]) is None


def test_without_a_worker_nothing_is_told() -> None:
    assert starts_within(replace(CALM, slots=0), [RATE]) is None


def test_free_slots_start_a_job_at_once() -> None:
    low, high = within(replace(CALM, room=5, in_lane=2), RATE)

    assert low == 0
    assert high <= 2


def test_reckoned_numbers_make_the_range_wider() -> None:
    counted = within(replace(CALM, in_lane=5000, in_flow=5000), RATE)
    reckoned = within(replace(CALM, in_lane=5000, in_flow=5000, estimated=True), RATE)

    assert reckoned[0] < counted[0]
    assert reckoned[1] > counted[1]


def test_a_rate_that_faded_for_want_of_work_does_not_foretell_a_burst() -> None:
    idle = ServiceRate(pool=1, jobs_per_second=0.01, seconds_per_job=10.0)
    low, high = within(replace(CALM, in_lane=1000, in_flow=1000), idle)

    # 200 slots of 10 s each: 50 s, if they keep up.
    assert low <= 50 <= high <= 250


def test_the_tenants_own_limit_decides_if_it_is_the_narrower() -> None:
    narrow = replace(CALM, room=100, in_flow=50, in_lane=50, flow_room=0, max_inflight=2)
    low, high = within(narrow, RATE)

    # Two at a time of 10 s each: 255 s.
    assert low <= 255 <= high
    assert low >= 100


def test_nothing_starts_before_its_wait_is_over() -> None:
    low, high = within(replace(CALM, room=5, not_before=60.0), RATE)

    assert 60 <= low <= high


def test_two_digits_are_told() -> None:
    low, high = within(replace(CALM, in_lane=12_345, in_flow=12_345), RATE)

    assert low % 10 == high % 10 == 0
