from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.retry_after import LONGEST, retry_after, used_up_for

NOW: Final = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, 30),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 -0000"}, 30),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT"}, 0),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 12:00:30 GMT",
                "date": "Fri, 20 Nov 2026 12:00:20 GMT",
            },
            10,
        ),
        ({"retry-after": "99999999999999999999"}, LONGEST.total_seconds()),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "tomorrow"}, None),
    ],
)
def test_a_server_is_asked_again_when_it_wants(
    headers: dict[str, str], seconds: float | None
) -> None:
    wait = retry_after(headers, now=NOW)

    assert wait == (None if seconds is None else timedelta(seconds=seconds))


words = st.text() | st.sampled_from(["1e999", "Fri, 20 Nov 99999 10:00:00 GMT", "1_0", "٣"])


@given(words, words, words)
def test_no_header_whatever_it_says_gives_an_impossible_wait(
    milliseconds: str, seconds: str, date: str
) -> None:
    headers = {"retry-after-ms": milliseconds, "retry-after": seconds, "date": date}

    wait = retry_after(headers, now=NOW)

    assert wait is None or timedelta(0) <= wait <= LONGEST


def rates(**named: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in named.items()}


ONE_SECOND: Final = rates(remaining_requests="0", reset_requests="1s")


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("12s", 12),
        ("1m3s", 63),
        ("250ms", 0.25),
        ("2h0m0.5s", 7200.5),
        ("1.5", 1.5),
        ("7", 7),
        ("0s", None),
        ("0", None),
        ("", None),
        ("soon", None),
        ("1m 3s", None),
        ("-3s", None),
        ("1766224800", None),  # an instant, not a duration
        ("9999h", None),
    ],
)
def test_an_account_with_nothing_left_is_left_alone_until_its_reset(
    reset: str, seconds: float | None
) -> None:
    headers = rates(remaining_requests="0", reset_requests=reset)

    assert used_up_for(headers) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        (rates(remaining_requests="1", reset_requests="12s"), None),
        (rates(remaining_requests="0"), None),
        (rates(remaining_tokens="0", reset_tokens="6ms"), 0.006),
        (
            rates(
                remaining_requests="0",
                reset_requests="1s",
                remaining_tokens="0",
                reset_tokens="9s",
            ),
            9,
        ),
        (
            rates(
                remaining_requests="0",
                reset_requests="1s",
                remaining_tokens="5",
                reset_tokens="9s",
            ),
            1,
        ),
        (rates(remaining_requests="none", reset_requests="1s"), None),
    ],
)
def test_only_what_stands_at_zero_counts(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert used_up_for(headers) == (None if seconds is None else timedelta(seconds=seconds))


@given(words, words)
def test_no_rate_header_whatever_it_says_gives_an_impossible_wait(
    remaining: str, reset: str
) -> None:
    wait = used_up_for(rates(remaining_tokens=remaining, reset_tokens=reset))

    assert wait is None or timedelta(0) < wait <= LONGEST
