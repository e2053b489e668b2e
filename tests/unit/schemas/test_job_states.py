"""The table of moves: nothing leaves a final state, and no entry of it is idle."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import TERMINAL_TYPES, terminal_type
from schemas.job_states import (
    TRANSITIONS,
    AttemptOutcome,
    IllegalMoveError,
    JobState,
    JobStatus,
    Move,
    next_state,
    status_of,
)

FINAL: Final = [state for state in JobState if state.final]
FIRST: Final = (JobState.HELD, JobState.SCHEDULED, JobState.READY)
"""Where a new job may begin."""

states = st.sampled_from(JobState)
moves = st.sampled_from(Move)


@given(st.sampled_from(FIRST), st.lists(moves, max_size=40))
def test_no_history_leaves_a_final_state(state: JobState, history: Sequence[Move]) -> None:
    ended: JobState | None = None
    for move in history:
        try:
            state = next_state(state, move)
        except IllegalMoveError:
            assert (state, move) not in TRANSITIONS
        else:
            assert ended is None, f"{move} led out of {ended}"
        ended = state if state.final else None


@given(states, moves)
def test_a_move_is_in_the_table_or_raises(state: JobState, move: Move) -> None:
    if (state, move) in TRANSITIONS:
        assert next_state(state, move) is TRANSITIONS[state, move]
    else:
        with pytest.raises(IllegalMoveError, match=f"a {state.name.lower()} job cannot {move}"):
            next_state(state, move)


def test_every_state_can_be_reached() -> None:
    reached = set(FIRST)
    while more := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= more

    assert reached == set(JobState)


def test_every_move_is_used() -> None:
    assert {move for _, move in TRANSITIONS} == set(Move)


def test_every_unfinished_state_leads_to_an_end() -> None:
    ending = set(FINAL)
    while more := {state for (state, _), to in TRANSITIONS.items() if to in ending} - ending:
        ending |= more

    assert ending == set(JobState)


@pytest.mark.parametrize("state", [state for state in JobState if not state.final])
def test_a_job_that_has_not_ended_can_be_cancelled_and_can_expire(state: JobState) -> None:
    assert next_state(state, Move.CANCEL) is JobState.CANCELLED
    assert next_state(state, Move.EXPIRE) is JobState.EXPIRED


def test_final_states_are_those_from_ten_on() -> None:
    assert [state.value for state in JobState if not state.final] == [0, 1, 2, 3, 4]
    assert [state.value for state in FINAL] == [10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (JobState.HELD, "queued"),
        (JobState.SCHEDULED, "queued"),
        (JobState.READY, "queued"),
        (JobState.RELEASED, "queued"),
        (JobState.RUNNING, "running"),
        (JobState.SUCCEEDED, "succeeded"),
        (JobState.FAILED, "failed"),
        (JobState.DEAD, "failed"),
        (JobState.CANCELLED, "cancelled"),
        (JobState.EXPIRED, "expired"),
        (JobState.BLOCKED, "blocked"),
    ],
)
def test_callers_see_the_public_status(state: JobState, status: str) -> None:
    assert status_of(state) == status


def test_every_public_status_is_somebodys() -> None:
    assert {status_of(state) for state in JobState} == set(JobStatus)


def test_every_final_state_is_announced_by_the_event_of_its_status() -> None:
    announced = {state: terminal_type(state) for state in FINAL}

    assert {state: event.value for state, event in announced.items()} == {
        state: f"job.{status_of(state)}" for state in FINAL
    }
    assert set(announced.values()) == set(TERMINAL_TYPES)


@pytest.mark.parametrize("state", [state for state in JobState if not state.final])
def test_a_job_that_goes_on_is_not_announced(state: JobState) -> None:
    with pytest.raises(KeyError):
        terminal_type(state)


def test_the_numbers_that_sql_writes_stay_as_they_are() -> None:
    # FINISH asks for outcome 1, PUT BACK for 6, LOSE writes 3.
    assert (AttemptOutcome.OK, AttemptOutcome.LOST, AttemptOutcome.INTERRUPTED) == (1, 3, 6)
    assert len({outcome.value for outcome in AttemptOutcome}) == len(AttemptOutcome)
