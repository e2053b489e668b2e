"""The call log: what it counts and how much it remembers."""

from datetime import UTC, datetime, timedelta

from infra.simulator.calls import CallLog, hash_prompt
from infra.simulator.script import FaultKind


class SetClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def test_calls_in_flight_and_their_greatest_number_are_counted() -> None:
    log = CallLog(SetClock())
    first = log.arrived("images", job=None, request_id=None)
    second = log.arrived("chat", job=None, request_id=None)
    log.left(first)
    assert log.summary() == {
        "total": 2,
        "in_flight": 1,
        "max_in_flight": 2,
        "by_operation": {"images": 1, "chat": 1},
        "faults": {},
    }
    log.left(second)
    assert (log.in_flight, log.max_in_flight) == (0, 2)


def test_a_call_carries_its_times_and_names() -> None:
    clock = SetClock()
    log = CallLog(clock)
    call = log.arrived("images", job="job_1", request_id="r")
    log.hit(call, FaultKind.HANG)
    clock.seconds += 2.5
    log.left(call)
    assert (call.monotonic, call.seconds, call.job, call.request_id) == (100, 2.5, "job_1", "r")
    assert call.at == datetime(2027, 1, 1, 0, 1, 40, tzinfo=UTC).timestamp()
    assert log.faults == {"hang": 1}


def test_only_the_last_calls_are_remembered_and_pages_start_after_a_number() -> None:
    log = CallLog(SetClock(), remembered=3)
    for _ in range(5):
        log.left(log.arrived("images", job=None, request_id=None))
    assert [call.seq for call in log.since(0, 10)] == [3, 4, 5]
    assert [call.seq for call in log.since(3, 1)] == [4]
    assert log.since(5, 10) == []


def test_a_reset_forgets_all_but_what_is_in_flight() -> None:
    log = CallLog(SetClock())
    call = log.arrived("images", job=None, request_id=None)
    log.reset()
    assert (log.total, log.in_flight, log.max_in_flight) == (0, 1, 1)
    log.left(call)
    assert log.in_flight == 0


def test_a_prompt_is_known_by_a_short_digest() -> None:
    assert hash_prompt("a fox") == hash_prompt("a fox") != hash_prompt("a cat")
    assert len(hash_prompt("a fox")) == 16
