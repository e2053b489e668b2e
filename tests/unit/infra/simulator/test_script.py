"""The script: which call is hit by which fault, and how long a call takes."""

from random import Random

import pytest
from pydantic import ValidationError

from infra.simulator.script import Direction, Fault, FaultKind, Script


def direction(*faults: Fault, latency: float = 0.0, jitter: float = 0.0) -> Direction:
    played = Direction(0.5, Random(1))
    played.follow(Script(latency=latency, latency_jitter=jitter, faults=faults))
    return played


def kinds(played: Direction, calls: int, prompt: str = "") -> list[FaultKind | None]:
    faults = [played.fault_for("images", prompt) for _ in range(calls)]
    return [fault.kind if fault else None for fault in faults]


def test_a_fault_hits_once_if_it_does_not_say_how_often() -> None:
    played = direction(Fault(kind=FaultKind.HANG))
    assert kinds(played, 3) == [FaultKind.HANG, None, None]


def test_after_and_times_count_matching_calls() -> None:
    played = direction(Fault(kind=FaultKind.CUT, after=2, times=2))
    assert kinds(played, 6) == [None, None, FaultKind.CUT, FaultKind.CUT, None, None]
    assert (played.armed[0].seen, played.armed[0].served) == (4, 2)


def test_times_null_hits_for_ever() -> None:
    assert None not in kinds(direction(Fault(kind=FaultKind.CUT, times=None)), 50)


def test_faults_are_tried_in_order() -> None:
    played = direction(Fault(kind=FaultKind.RATE_LIMIT), Fault(kind=FaultKind.SERVER_ERROR))
    assert kinds(played, 3) == [FaultKind.RATE_LIMIT, FaultKind.SERVER_ERROR, None]


def test_a_fault_keeps_to_its_operation_and_its_prompt() -> None:
    played = direction(Fault(kind=FaultKind.CUT, on="images", match="kite", times=None))
    assert played.fault_for("chat", "a kite") is None
    assert played.fault_for("images", "a fox") is None
    assert played.fault_for("images", "a kite") is not None


def test_a_share_hits_about_that_part_of_the_calls() -> None:
    played = direction(Fault(kind=FaultKind.CUT, share=0.3, times=None))
    hit = sum(kind is not None for kind in kinds(played, 2000))
    assert 500 < hit < 700


def test_latency_varies_by_the_jitter_and_is_never_negative() -> None:
    played = direction(latency=2.0, jitter=0.1)
    latencies = [played.next_latency() for _ in range(200)]
    assert 1.9 <= min(latencies) < 1.95
    assert 2.05 < max(latencies) <= 2.1
    assert min(direction(jitter=1.0).next_latency() for _ in range(20)) == 0.0


def test_a_script_without_a_latency_returns_to_the_usual_one() -> None:
    played = direction(latency=2.0)
    played.follow(Script())
    assert played.next_latency() == 0.5
    assert played.armed == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency": -1},
        {"latency": float("inf")},
        {"unknown": 1},
        {"faults": [{"kind": "explode"}]},
        {"faults": [{"kind": "cut", "times": 0}]},
        {"faults": [{"kind": "cut", "share": 2}]},
        {"faults": [{"kind": "server_error", "status": 200}]},
        {"faults": [{"kind": "cut", "retry": 1}]},
    ],
)
def test_a_wrong_script_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Script.model_validate(wrong)
