"""When schedules are due: expressions, zones, clock changes, times that were missed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.cron_slots import GRACE, NICKNAMES, Service, decide, next_slot
from schemas.errors import InputError
from schemas.schedule import CatchUp

SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def slots(cron: str, timezone: str, after: str, count: int) -> list[str]:
    found: list[str] = []
    instant = at(after)
    for _ in range(count):
        following = next_slot(cron, timezone, instant)
        assert following is not None
        assert following > instant
        instant = following
        found.append(instant.isoformat().replace("+00:00", "Z").replace(":00Z", "Z"))
    return found


def test_five_fields_are_minutes_to_weekdays() -> None:
    assert slots("*/20 8-9 * * MON-FRI", "UTC", "2026-11-20T09:30:00Z", 3) == [
        "2026-11-20T09:40Z",
        "2026-11-23T08:00Z",
        "2026-11-23T08:20Z",
    ]


def test_six_fields_begin_with_seconds() -> None:
    assert slots("*/30 * * * * *", "UTC", "2026-11-20T09:00:00Z", 3) == [
        "2026-11-20T09:00:30Z",
        "2026-11-20T09:01Z",
        "2026-11-20T09:01:30Z",
    ]


@pytest.mark.parametrize(
    ("nickname", "first"),
    [
        ("@hourly", "2026-11-20T10:00Z"),
        ("@daily", "2026-11-21T00:00Z"),
        ("@Midnight", "2026-11-21T00:00Z"),
        ("@weekly", "2026-11-22T00:00Z"),
        ("@monthly", "2026-12-01T00:00Z"),
        ("@yearly", "2027-01-01T00:00Z"),
        ("@annually", "2027-01-01T00:00Z"),
    ],
)
def test_nicknames_are_known(nickname: str, first: str) -> None:
    assert nickname.lower() in NICKNAMES
    assert slots(nickname, "UTC", "2026-11-20T09:30:00Z", 1) == [first]


def test_a_time_of_day_follows_its_zone_through_the_year() -> None:
    assert slots("0 9 1 7,12 *", "Europe/Berlin", "2026-06-01T00:00:00Z", 2) == [
        "2026-07-01T07:00Z",
        "2026-12-01T08:00Z",
    ]


def test_a_time_that_spring_skips_is_due_once_right_after_the_gap() -> None:
    # Berlin, 29 March 2026: 02:00 is followed by 03:00, which is 01:00 UTC.
    assert slots("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3) == [
        "2026-03-28T01:30Z",
        "2026-03-29T01:00Z",
        "2026-03-30T00:30Z",
    ]


def test_a_time_that_autumn_repeats_is_due_once() -> None:
    # Berlin, 25 October 2026: 03:00 is followed by 02:00; 02:30 comes at 00:30 and 01:30 UTC.
    assert slots("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3) == [
        "2026-10-24T00:30Z",
        "2026-10-25T00:30Z",
        "2026-10-26T01:30Z",
    ]


def test_no_time_is_in_the_past_when_asked_within_the_repeated_hour() -> None:
    # 01:10 UTC is 02:10 for the second time: today's 02:30 has been.
    assert slots("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1) == [
        "2026-10-26T01:30Z"
    ]


def test_what_is_due_every_so_often_goes_by_elapsed_time() -> None:
    assert slots("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4) == [
        "2026-10-25T00:30Z",
        "2026-10-25T01:00Z",
        "2026-10-25T01:30Z",
        "2026-10-25T02:00Z",
    ]
    assert slots("0 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2) == [
        "2026-03-29T01:00Z",
        "2026-03-29T02:00Z",
    ]


@pytest.mark.parametrize(
    "wrong",
    ["", "* * * *", "60 * * * *", "* * * * * * *", "@reboot", "a b c d e", "*/0 * * * *"],
)
def test_an_expression_that_makes_no_sense_is_refused(wrong: str) -> None:
    with pytest.raises(InputError) as refused:
        next_slot(wrong, "UTC", at("2026-11-20T09:30:00Z"))

    assert refused.value.fields[0].pointer == "/cron"


@pytest.mark.parametrize(
    "wrong",
    ["", "Europe", "Mars/Base", "../etc/passwd", "/etc/localtime", "localtime", "right/UTC"],
)
def test_what_is_no_zone_is_refused(wrong: str) -> None:
    with pytest.raises(InputError) as refused:
        next_slot("* * * * *", wrong, at("2026-11-20T09:30:00Z"))

    assert refused.value.fields[0].pointer == "/timezone"


def test_a_day_that_never_comes_is_told() -> None:
    with pytest.raises(InputError):
        next_slot("0 0 30 2 *", "UTC", at("2026-11-20T09:30:00Z"))
    assert next_slot("0 0 */28 2 SUN#2", "UTC", at("2026-11-20T09:30:00Z")) is None


@given(
    st.text("0123456789*/-,#L@ MONJAN", max_size=30),
    st.datetimes(
        datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        timezones=st.just(UTC),
    ),
)
def test_any_text_is_refused_or_has_a_later_time_or_none(cron: str, after: datetime) -> None:
    try:
        following = next_slot(cron, "America/New_York", after)
    except InputError:
        return
    assert following is None or following > after


# --- what was missed

DUE = at("2026-11-20T09:00:00Z")


def test_a_slot_on_time_is_served() -> None:
    for catch_up in CatchUp:
        assert decide("0 * * * *", "UTC", catch_up, due=DUE, now=DUE + SECOND) == Service(
            DUE, None, at("2026-11-20T10:00:00Z")
        )


def test_a_slot_is_not_missed_within_the_grace() -> None:
    service = decide("* * * * * *", "UTC", CatchUp.SKIP, due=DUE, now=DUE + GRACE)

    assert service == Service(DUE, None, DUE + SECOND)


def test_missed_slots_are_skipped() -> None:
    now = DUE + timedelta(hours=5, minutes=30)

    assert decide("0 * * * *", "UTC", CatchUp.SKIP, due=DUE, now=now) == Service(
        None, DUE + timedelta(hours=5), DUE + timedelta(hours=6)
    )


def test_the_latest_missed_slot_is_made_up_for_once() -> None:
    now = DUE + timedelta(hours=5, minutes=30)

    assert decide("0 * * * *", "UTC", CatchUp.ONCE, due=DUE, now=now) == Service(
        DUE + timedelta(hours=5), None, DUE + timedelta(hours=6)
    )


def test_a_slot_that_has_just_come_is_served_after_a_standstill() -> None:
    now = DUE + timedelta(hours=5, seconds=3)

    for catch_up in CatchUp:
        service = decide("0 * * * *", "UTC", catch_up, due=DUE, now=now)

        assert service.slot == DUE + timedelta(hours=5)
        assert service.next_at == DUE + timedelta(hours=6)


def test_a_standstill_of_years_is_reckoned_at_once() -> None:
    now = DUE + timedelta(days=900, seconds=30)

    service = decide("* * * * * *", "UTC", CatchUp.ONCE, due=DUE, now=now)

    assert service.slot == now
    assert service.next_at == now + SECOND
    # 2026-11-20 + 900 days is 8 May 2029; the last January before that has the slot.
    yearly = decide("@yearly", "UTC", CatchUp.ONCE, due=DUE, now=now)
    assert yearly.slot == at("2029-01-01T00:00:00Z")


@given(st.integers(0, 200_000), st.sampled_from(["*/7 * * * *", "0 3 * * *", "@weekly"]))
def test_what_comes_next_is_always_after_now(seconds: int, cron: str) -> None:
    due = next_slot(cron, "Europe/Berlin", at("2026-10-23T12:00:00Z"))
    assert due is not None
    now = due + timedelta(seconds=seconds)

    for catch_up in CatchUp:
        service = decide(cron, "Europe/Berlin", catch_up, due=due, now=now)

        assert service.next_at is not None
        assert service.slot is None or service.slot <= now
        assert service.next_at > (service.slot or service.missed or due)
        if seconds > GRACE.total_seconds():
            assert service.next_at > now
