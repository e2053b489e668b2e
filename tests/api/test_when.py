"""run_at and deadline on the wire: seconds or an instant, and every mix-up is said once."""

from datetime import timedelta
from typing import Any, Final

import pytest

from infra.clock import SystemClock
from infra.settings import Settings
from tests.api.served import IMAGE, Served, pointers, run

SECONDS: Final = "must be seconds from now, above 0 and at most ten years"
REFUSED: Final[tuple[tuple[Any, str], ...]] = (
    ("60", "or a number of seconds from now"),
    ("1900000000", "or a number of seconds from now"),
    ("2026-12-01T08:00:00", "needs an offset"),
    ("9999-12-31T23:59:59Z", "must lie between the years 1 and 2200"),
    (315_360_001, SECONDS),
    (1_900_000_000, SECONDS),
    (-5, SECONDS),
)
TAKEN: Final[tuple[tuple[Any, str | None], ...]] = (
    (60, "schedule"),
    (315_360_000, "schedule"),
    ("2199-12-31T23:59:59+02:00", "schedule"),
    ("2020-01-01T00:00:00Z", None),
    ("0001-01-01T00:00:00Z", None),
)


def test_a_time_that_is_neither_is_refused_with_one_error(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(api: Served) -> None:
        for field in ("run_at", "deadline"):
            for value, message in REFUSED:
                with subtests.test(field=field, value=value):
                    answer = await api.http.post("/v1/jobs", json={**IMAGE, field: value})

                    assert answer.status_code == 400
                    found = pointers(answer)
                    assert list(found) == [f"/{field}"]
                    assert message in found[f"/{field}"]

    run(settings, scenario)


def test_a_time_is_taken_and_one_that_has_passed_means_at_once(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(api: Served) -> None:
        for value, waiting_on in TAKEN:
            with subtests.test(value=value):
                job = await api.submit({**IMAGE, "run_at": value})
                shown = (await api.http.get(job["urls"]["get"])).json()

                assert (shown["waiting_on"] == "schedule") == (waiting_on == "schedule")

    run(settings, scenario)


def test_a_deadline_after_the_furthest_run_at_is_reckoned(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        far = (SystemClock().now() + timedelta(days=50 * 365)).isoformat()
        answer = await api.http.post("/v1/jobs", json={**IMAGE, "run_at": far})

        assert answer.status_code == 202
        assert answer.json()["deadline"] > far[:10]

    run(settings, scenario)
