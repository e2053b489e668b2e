from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.retry_after import LONGEST, retry_after

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
