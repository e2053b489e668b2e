"""Carriers: every pointer travels once, in order, and every worker gets some of the work."""

from hypothesis import given
from hypothesis import strategies as st

from infra.broker import LARGEST_CARRIER
from infra.new_ids import new_key
from producer.dispatcher.carriers import load_carriers
from schemas.claim import Pointer
from schemas.lanes import Lane

counts = st.integers(0, 600)
workers_ = st.integers(0, 80)


def pointers(count: int) -> list[Pointer]:
    return [Pointer(new_key(), number) for number in range(count)]


@given(counts, workers_, st.sampled_from(Lane))
def test_every_pointer_travels_once_and_in_order(count: int, workers: int, lane: Lane) -> None:
    released = pointers(count)

    carriers = load_carriers(lane, released, workers=workers, fewest_slots=200)

    assert [pointer for carrier in carriers for pointer in carrier.pointers] == released
    assert {carrier.lane for carrier in carriers} <= {lane}


@given(counts, workers_)
def test_no_carrier_is_empty_or_too_large(count: int, workers: int) -> None:
    carriers = load_carriers(Lane.FAST, pointers(count), workers=workers, fewest_slots=200)

    assert all(0 < len(carrier.pointers) <= LARGEST_CARRIER for carrier in carriers)


@given(st.integers(1, 600), st.integers(1, 80))
def test_no_worker_is_handed_more_than_its_share(count: int, workers: int) -> None:
    carriers = load_carriers(Lane.FAST, pointers(count), workers=workers, fewest_slots=200)

    fair = -(-count // workers)
    assert max(len(carrier.pointers) for carrier in carriers) <= fair


def test_one_job_travels_alone() -> None:
    (carrier,) = load_carriers(Lane.TURBO, pointers(1), workers=5, fewest_slots=200)

    assert len(carrier.pointers) == 1


def test_a_lone_worker_gets_messages_of_the_largest_size() -> None:
    carriers = load_carriers(Lane.BATCH, pointers(70), workers=1, fewest_slots=200)

    assert [len(carrier.pointers) for carrier in carriers] == [32, 32, 6]


def test_work_for_all_is_spread_over_all() -> None:
    carriers = load_carriers(Lane.FAST, pointers(20), workers=4, fewest_slots=200)

    assert [len(carrier.pointers) for carrier in carriers] == [5, 5, 5, 5]


def test_no_message_holds_more_than_the_smallest_worker_can_run() -> None:
    carriers = load_carriers(Lane.FAST, pointers(20), workers=2, fewest_slots=4)

    assert [len(carrier.pointers) for carrier in carriers] == [4, 4, 4, 4, 4]
