from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from schemas.events import EventType, OutboxKind
from schemas.receiver import Receiver
from schemas.webhooks import Breaker, DisabledReason, Ended, Ordering, Trigger
from worker.delivery.lane_state import LaneState, Tried, next_instant
from worker.delivery.lane_step import LaneStep, after
from worker.delivery.schedule import DISABLE, Outcome, Result

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ENDPOINT = Receiver(1, 1, UUID(int=7), "https://acme.test", url="https://acme.test/hook")
URLS = replace(ENDPOINT, endpoint_id=None, url=None)
OPEN = LaneState(
    breaker=Breaker.OPEN,
    failures=5,
    failing_since=NOW - HOUR,
    last_failure_at=NOW - SECOND,
    blocked_until=NOW - SECOND,
)


def step(
    outcome: Outcome,
    *,
    state: LaneState = LaneState(),  # noqa: B008 - frozen
    receiver: Receiver = ENDPOINT,
    failures: int = 0,
    trigger: Trigger = Trigger.SCHEDULED,
    kind: OutboxKind = OutboxKind.TERMINAL,
    retry_after: str | None = None,
    control: str | None = None,
) -> LaneStep:
    result = Result(outcome, SECOND, retry_after=retry_after, delivery_control=control)
    tried = Tried(failures, timedelta(), trigger, kind)
    return after(state, receiver, result, tried, at=NOW, chance=0.5)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("2", 2), ("864000", 3600), ("-1", 60), ("abc", 60), (None, 60)],
)
def test_a_rate_limit_pauses_the_whole_lane_and_counts_for_nothing(
    retry_after: str | None, seconds: int
) -> None:
    before = LaneState(failures=1, failing_since=NOW - 6 * DAY, last_failure_at=NOW - DAY)
    found = step(Outcome.RATE_LIMITED, state=before, retry_after=retry_after)
    wait = timedelta(seconds=seconds)
    assert found.state == replace(before, blocked_until=NOW + wait)
    assert (found.decision.delay, found.decision.failures) == (wait, 0)
    assert found.disable is None


def test_a_success_of_an_older_request_does_not_end_a_pause_that_was_asked_for() -> None:
    paused = LaneState(blocked_until=NOW + HOUR)
    assert step(Outcome.SUCCESS, state=paused).state.blocked_until == NOW + HOUR


@pytest.mark.parametrize("failures", [1, 5])
def test_nor_does_it_if_others_failed_in_between(failures: int) -> None:
    paused = LaneState(failures=failures, blocked_until=NOW + HOUR)
    assert step(Outcome.SUCCESS, state=paused).state.blocked_until == NOW + HOUR
    slowed = LaneState(failures=failures, blocked_until=NOW + 10 * SECOND)
    assert step(Outcome.SUCCESS, state=slowed).state.blocked_until is None


def test_an_address_that_is_busy_with_others_says_nothing_against_a_receiver() -> None:
    for state in (LaneState(), OPEN):
        found = step(Outcome.DEFERRED, state=state, trigger=Trigger.PROBE)
        assert found.state == replace(state, blocked_until=NOW + SECOND)
        assert (found.decision.failures, found.disable) == (0, None)


def test_a_shorter_pause_does_not_shorten_a_longer_one() -> None:
    paused = LaneState(blocked_until=NOW + HOUR)
    found = step(Outcome.RATE_LIMITED, state=paused, retry_after="2")
    assert found.state.blocked_until == NOW + HOUR


def test_410_disables_an_endpoint_at_once_and_keeps_what_is_pending() -> None:
    found = step(Outcome.GONE, failures=3)
    assert found.disable is DisabledReason.GONE
    assert found.state.blocked_until is not None
    assert found.state.blocked_until > NOW
    assert (found.decision.ended, found.decision.stays) == (None, True)


def test_410_ends_the_delivery_to_a_url_that_came_with_a_job() -> None:
    found = step(Outcome.GONE, receiver=URLS)
    assert found.disable is None
    assert found.decision.ended is Ended.EXHAUSTED
    assert (found.state.breaker, found.state.failures) == (Breaker.CLOSED, 0)


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.HTTP_ERROR])
def test_an_endpoint_asks_to_be_disabled_by_a_header(outcome: Outcome) -> None:
    assert step(outcome, control=DISABLE).disable is DisabledReason.ASKED
    assert step(outcome, control=DISABLE, receiver=URLS).disable is None


@pytest.mark.parametrize(
    ("since", "last", "disabled"),
    [
        (5 * DAY, HOUR, True),
        (5 * DAY - SECOND, HOUR, False),
        # A failure long ago and one now, and nothing between.
        (6 * DAY, 6 * DAY - HOUR, False),
    ],
)
def test_an_endpoint_without_a_success_for_five_days_is_disabled(
    since: timedelta, last: timedelta, *, disabled: bool
) -> None:
    state = LaneState(failures=3, failing_since=NOW - since, last_failure_at=NOW - last)
    found = step(Outcome.HTTP_ERROR, state=state).disable
    assert found is (DisabledReason.FAILING if disabled else None)
    assert step(Outcome.HTTP_ERROR, state=state, receiver=URLS).disable is None
    assert step(Outcome.INTERNAL, state=state).disable is None


def test_our_own_fault_pauses_a_lane_for_a_moment_and_counts_for_nothing() -> None:
    found = step(Outcome.INTERNAL)
    assert found.state == LaneState(blocked_until=NOW + SECOND)
    assert (found.decision.delay, found.decision.failures) == (10 * SECOND, 0)


def test_a_fifo_lane_waits_for_the_failed_delivery_at_its_head() -> None:
    fifo = replace(ENDPOINT, ordering=Ordering.FIFO)
    found = step(Outcome.HTTP_ERROR, receiver=fifo, failures=1)
    assert found.decision.stays
    assert (found.decision.failures, found.decision.ended) == (2, None)
    assert next_instant(found.state, fifo, at=NOW) == NOW + timedelta(minutes=5)
    over = step(Outcome.HTTP_ERROR, receiver=fifo, failures=9)
    assert over.decision.ended is Ended.EXHAUSTED
    assert next_instant(over.state, fifo, at=NOW) is None


@pytest.mark.parametrize("kind", list(OutboxKind))
def test_the_fourth_failure_the_end_and_the_recovery_of_a_delivery_are_told(
    kind: OutboxKind,
) -> None:
    told = [
        step(Outcome.HTTP_ERROR, failures=failures, kind=kind).notices
        for failures in (2, 3, 4, 9)
    ]
    recovered = step(Outcome.SUCCESS, failures=4, kind=kind).notices
    if kind in {OutboxKind.TERMINAL, OutboxKind.LIFECYCLE}:
        failing, exhausted = (EventType.DELIVERY_FAILING,), (EventType.DELIVERY_EXHAUSTED,)
        assert told == [(), failing, (), exhausted]
        assert recovered == (EventType.DELIVERY_RECOVERED,)
    else:
        # Notices about notices would never end.
        assert not any(told)
        assert not recovered
    assert step(Outcome.SUCCESS, failures=3, kind=kind).notices == ()


def test_a_delivery_that_waits_after_its_fourth_failure_is_not_told_of_again() -> None:
    found = step(Outcome.HTTP_ERROR, failures=4, state=OPEN, trigger=Trigger.PROBE)
    assert found.notices == ()
    assert step(Outcome.RATE_LIMITED, failures=4).notices == ()


def test_the_recovery_of_an_endpoint_is_told_when_its_breaker_closes() -> None:
    assert step(Outcome.SUCCESS, state=OPEN).notices == (EventType.ENDPOINT_RECOVERED,)
    assert step(Outcome.SUCCESS, state=OPEN, receiver=URLS).notices == ()
    assert step(Outcome.HTTP_ERROR, state=OPEN).notices == ()


def test_clicks_use_up_no_step_of_a_delivery_that_failed_before() -> None:
    found = step(Outcome.HTTP_ERROR, trigger=Trigger.MANUAL, failures=2)
    assert found.decision.failures == 2
    assert found.decision.delay == 300 * SECOND
    assert found.decision.ended is None


def test_what_somebody_sends_by_hand_follows_its_own_schedule() -> None:
    found = step(Outcome.HTTP_ERROR, state=OPEN, trigger=Trigger.MANUAL)
    assert (found.decision.delay, found.decision.failures) == (5 * SECOND, 1)
    assert not found.decision.stays
    # It is no probe: the next one comes no later.
    assert (found.state.probes, found.state.blocked_until) == (0, OPEN.blocked_until)
    assert step(Outcome.SUCCESS, state=OPEN, trigger=Trigger.MANUAL).state.breaker != (
        Breaker.OPEN
    )
