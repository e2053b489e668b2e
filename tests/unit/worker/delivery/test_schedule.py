from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.webhooks import DELIVERY_LIFETIME, Ended
from worker.delivery.schedule import (
    ABORT,
    DISABLE,
    RETRY_AFTER_LEAST,
    RETRY_AFTER_MOST,
    STEPS,
    Course,
    Decision,
    Outcome,
    Result,
    decide,
    outcome_of_status,
    wait_asked,
)

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
_MIDDLE = 0.5


HOUR = timedelta(hours=1)


def decide_on(
    outcome: Outcome,
    *,
    failures: int = 0,
    chance: float = _MIDDLE,
    age: timedelta = timedelta(),
    course: Course = Course(),  # noqa: B008 - frozen
    retry_after: str | None = None,
    delivery_control: str | None = None,
) -> Decision:
    result = Result(
        outcome, timedelta(), retry_after=retry_after, delivery_control=delivery_control
    )
    return decide(result, course, failures=failures, at=NOW, chance=chance, age=age)


def test_ten_attempts_spread_over_75_hours_and_35_minutes() -> None:
    spent, failures, attempts = timedelta(), 0, 1
    while (decision := decide_on(Outcome.HTTP_ERROR, failures=failures)).delay is not None:
        spent, failures, attempts = spent + decision.delay, decision.failures, attempts + 1
    assert (attempts, spent) == (10, timedelta(hours=75, minutes=35, seconds=5))
    assert (decision.outcome, decision.ended) == (Outcome.HTTP_ERROR, Ended.EXHAUSTED)


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_each_step_is_moved_by_up_to_a_fifth_either_way(chance: float, factor: float) -> None:
    for failures, step in enumerate(STEPS):
        decision = decide_on(Outcome.HTTP_ERROR, failures=failures, chance=chance)
        assert decision.delay is not None
        assert decision.delay.total_seconds() == pytest.approx(step.total_seconds() * factor)
        assert decision.failures == failures + 1


@pytest.mark.parametrize(
    ("outcome", "ended"),
    [
        (Outcome.SUCCESS, Ended.DELIVERED),
        (Outcome.GONE, Ended.EXHAUSTED),
        (Outcome.REFUSED, Ended.EXHAUSTED),
        (Outcome.DISCARDED, Ended.DISCARDED),
    ],
)
def test_what_is_over_is_never_tried_again(outcome: Outcome, ended: Ended) -> None:
    assert decide_on(outcome, failures=3) == Decision(outcome, None, 3, ended)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2),
        ("0", 1),
        ("864000", 3600),
        ("9" * 5000, 3600),
        (None, 60),
        ("-1", 60),
        ("abc", 60),
        ("1.5", 60),
        ("٣", 60),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
        (format_datetime(NOW + timedelta(days=10), usegmt=True), 3600),
        ("Fri, 20 Nov 2026 10:01:30 -0000", 90),
    ],
)
def test_a_rate_limited_delivery_waits_as_asked_and_uses_up_no_step(
    header: str | None, seconds: int
) -> None:
    decision = decide_on(Outcome.RATE_LIMITED, failures=9, retry_after=header)
    assert decision == Decision(Outcome.RATE_LIMITED, timedelta(seconds=seconds), 9)


@given(st.text(max_size=60))
def test_no_retry_after_header_breaks_or_escapes_the_bounds(header: str) -> None:
    wait = wait_asked(header, at=NOW)
    assert wait is None or RETRY_AFTER_LEAST <= wait <= RETRY_AFTER_MOST


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_every_http_date_is_read(date: datetime) -> None:
    wait = wait_asked(format_datetime(date, usegmt=True), at=NOW)
    assert wait is not None
    assert RETRY_AFTER_LEAST <= wait <= RETRY_AFTER_MOST


def test_our_own_fault_is_tried_again_soon_and_uses_up_no_step() -> None:
    decision = decide_on(Outcome.INTERNAL, failures=9)
    assert decision == Decision(Outcome.INTERNAL, timedelta(seconds=10), 9)


@pytest.mark.parametrize(
    "outcome", [Outcome.TIMEOUT, Outcome.CONNECT_TIMEOUT, Outcome.OVERLOAD]
)
def test_a_receiver_that_cannot_keep_up_gets_at_least_a_minute(outcome: Outcome) -> None:
    assert decide_on(outcome).delay == timedelta(seconds=60)
    assert decide_on(outcome, failures=1).delay == timedelta(minutes=5)


def test_a_name_that_leads_to_a_blocked_address_is_given_up_after_three_tries() -> None:
    decisions = [decide_on(Outcome.BLOCKED_ADDRESS, failures=n) for n in range(3)]
    assert [decision.delay is None for decision in decisions] == [False, False, True]
    assert decisions[-1].ended is Ended.EXHAUSTED
    # Nothing is sent there, so an open breaker spares nobody.
    free = Course(free=True)
    last = decide_on(Outcome.BLOCKED_ADDRESS, failures=2, course=free)
    assert last.ended is Ended.EXHAUSTED


@pytest.mark.parametrize(
    ("status", "retry_after", "outcome"),
    [
        (200, None, Outcome.SUCCESS),
        (204, None, Outcome.SUCCESS),
        (299, None, Outcome.SUCCESS),
        (300, None, Outcome.REDIRECT),
        (301, None, Outcome.REDIRECT),
        (304, None, Outcome.REDIRECT),
        (308, None, Outcome.REDIRECT),
        (400, None, Outcome.HTTP_ERROR),
        (404, "5", Outcome.HTTP_ERROR),
        (410, None, Outcome.GONE),
        (429, None, Outcome.RATE_LIMITED),
        (429, "5", Outcome.RATE_LIMITED),
        (500, "5", Outcome.HTTP_ERROR),
        (502, None, Outcome.OVERLOAD),
        (503, None, Outcome.HTTP_ERROR),
        (503, "soon", Outcome.HTTP_ERROR),
        (503, "5", Outcome.RATE_LIMITED),
        (504, None, Outcome.OVERLOAD),
        (599, None, Outcome.HTTP_ERROR),
        (99, None, Outcome.PROTOCOL_ERROR),
        (100, None, Outcome.PROTOCOL_ERROR),
        (600, None, Outcome.PROTOCOL_ERROR),
    ],
)
def test_a_status_means_what_the_table_says(
    status: int, retry_after: str | None, outcome: Outcome
) -> None:
    assert outcome_of_status(status, retry_after=retry_after, at=NOW) is outcome


@given(
    st.sampled_from(Outcome),
    st.integers(min_value=0, max_value=40),
    st.floats(min_value=0, max_value=1),
)
def test_whatever_happens_the_next_try_is_a_second_to_29_hours_away_or_never(
    outcome: Outcome, failures: int, chance: float
) -> None:
    delay = decide_on(outcome, failures=failures, chance=chance).delay
    assert delay is None or timedelta(seconds=1) <= delay <= timedelta(hours=29)


def test_a_date_beyond_all_calendars_asks_for_nothing() -> None:
    header = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"

    assert wait_asked(header, at=NOW) is None


def test_an_endpoints_own_schedule_replaces_the_standard_one() -> None:
    course = Course(steps=(timedelta(seconds=10), HOUR))
    delays = [decide_on(Outcome.HTTP_ERROR, failures=n, course=course).delay for n in range(3)]
    assert delays == [timedelta(seconds=10), HOUR, None]
    assert decide_on(Outcome.TIMEOUT, course=course).delay == timedelta(seconds=60)


def test_without_any_step_one_failure_ends_a_delivery() -> None:
    decision = decide_on(Outcome.HTTP_ERROR, course=Course(steps=()))
    assert decision == Decision(Outcome.HTTP_ERROR, None, 1, Ended.EXHAUSTED)


@pytest.mark.parametrize(
    "outcome", [Outcome.HTTP_ERROR, Outcome.RATE_LIMITED, Outcome.INTERNAL, Outcome.TIMEOUT]
)
@pytest.mark.parametrize("free", [False, True])
def test_after_76_hours_nothing_is_tried_again(outcome: Outcome, *, free: bool) -> None:
    course = Course(free=free)
    before = decide_on(outcome, age=DELIVERY_LIFETIME - timedelta(seconds=1), course=course)
    assert before.ended is None
    assert before.delay is not None
    assert before.delay <= timedelta(seconds=1)
    over = decide_on(outcome, age=DELIVERY_LIFETIME, course=course)
    assert (over.delay, over.ended) == (None, Ended.EXHAUSTED)


def test_while_a_breaker_is_open_a_failure_uses_up_no_step_and_no_place() -> None:
    decision = decide_on(Outcome.HTTP_ERROR, failures=9, course=Course(free=True))
    assert decision == Decision(Outcome.HTTP_ERROR, timedelta(), 9, stays=True)


def test_what_is_of_no_use_later_is_sent_once() -> None:
    for outcome in set(Outcome) - {Outcome.SUCCESS, Outcome.DISCARDED}:
        course = Course(registered=True, once=True)
        assert decide_on(outcome, course=course).ended is Ended.EXHAUSTED


def test_what_an_endpoint_refuses_for_good_waits_for_it_to_be_enabled() -> None:
    registered = Course(registered=True)
    for decision in (
        decide_on(Outcome.GONE, failures=2, course=registered),
        decide_on(Outcome.HTTP_ERROR, failures=2, course=registered, delivery_control=DISABLE),
    ):
        assert (decision.ended, decision.stays, decision.failures) == (None, True, 2)


def test_a_receiver_ends_its_own_deliveries_by_a_header() -> None:
    url, endpoint = Course(), Course(registered=True)
    for course, control in ((url, ABORT), (url, DISABLE), (endpoint, ABORT)):
        failed = decide_on(Outcome.HTTP_ERROR, course=course, delivery_control=control)
        assert failed == Decision(Outcome.HTTP_ERROR, None, 0, Ended.EXHAUSTED)
    taken = decide_on(Outcome.SUCCESS, course=endpoint, delivery_control=DISABLE)
    assert taken.ended is Ended.DELIVERED
    ignored = decide_on(Outcome.HTTP_ERROR, course=endpoint, delivery_control="please")
    assert ignored.ended is None


def test_the_attempt_log_names_the_status() -> None:
    assert Result(Outcome.HTTP_ERROR, timedelta(), 404).word == "http_404"
    assert Result(Outcome.TIMEOUT, timedelta()).word == "timeout"
