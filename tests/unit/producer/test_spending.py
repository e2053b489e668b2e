"""What a turn spends of limits per time, and how long the rest waits."""

from datetime import timedelta
from typing import Final
from uuid import uuid4

from infra.postgres.limits import Limit, Room
from infra.postgres.release import Released
from producer.dispatcher.accounts import Budget
from producer.dispatcher.spending import allowance, spent, waits
from schemas.claim import Pointer

SECOND: Final = timedelta(seconds=1)
BUDGET: Final = Budget(
    7, {"requests": Limit("tenant:7:requests", 60), "images": Limit("tenant:7:images", 10)}
)


def rooms(requests: int, images: int) -> dict[str, Room]:
    return {
        "tenant:7:requests": Room(requests, 60, SECOND),
        "tenant:7:images": Room(images, 10, 6 * SECOND),
    }


def job(images: int = 1) -> Released:
    return Released(7, Pointer(uuid4(), 1), 1, images, 0, blocked=False)


def test_an_allowance_is_what_the_limits_have_left() -> None:
    found = allowance(BUDGET, rooms(12, 3))

    assert (found.owner, found.requests, found.images, found.tokens) == (7, 12, 3, None)
    assert not found.images_whole


def test_debt_allows_nothing_and_no_less() -> None:
    assert allowance(BUDGET, rooms(12, -4)).images == 0


def test_an_unused_budget_is_full() -> None:
    assert allowance(BUDGET, rooms(60, 10)).images_whole


def test_every_job_is_a_request_and_its_images() -> None:
    assert spent(BUDGET, [job(1), job(4)]) == {"tenant:7:requests": 2, "tenant:7:images": 5}


def test_a_job_waits_for_the_slowest_of_its_limits() -> None:
    used = spent(BUDGET, [job(2)])

    assert waits(BUDGET, rooms(1, 3), used, job(4)) == {
        "tenant:7:requests": 1.0,
        "tenant:7:images": 18.0,
    }


def test_a_job_above_the_burst_waits_for_the_whole_burst() -> None:
    assert waits(BUDGET, rooms(60, 4), {}, job(50)) == {"tenant:7:images": 36.0}


def test_nothing_waits_for_room_that_is_there() -> None:
    assert waits(BUDGET, rooms(5, 5), {}, job(4)) == {}
