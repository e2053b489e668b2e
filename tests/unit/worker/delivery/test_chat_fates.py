"""What came of sending a chat message decides what becomes of its delivery and its lane."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.chat.adapter import Fate, SendResult
from infra.webhook_receivers import CHAT_SCHEDULE
from schemas.chat import MessageRef
from schemas.receiver import Receiver
from schemas.webhooks import DELIVERY_LIFETIME, Breaker, Ended
from worker.delivery.by_url import no_bot
from worker.delivery.chat_fates import result_of
from worker.delivery.lane_state import LaneState, Tried
from worker.delivery.lane_step import LaneStep, after
from worker.delivery.result import Outcome

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
CHANNEL = Receiver(
    lane_id=1,
    tenant_id=1,
    endpoint_id=None,
    origin="chat-discord://1",
    max_in_flight=1,
    schedule=CHAT_SCHEDULE,
)


def step(fate: Fate, *, failures: int = 0, **told: object) -> LaneStep:
    sent = SendResult(fate, MessageRef("1"), **told)  # pyright: ignore[reportArgumentType] - by name
    tried = Tried(failures, timedelta())
    return after(LaneState(), CHANNEL, result_of(sent), tried, at=AT, chance=0.5)


def test_a_success_may_let_the_lane_rest_for_a_fraction_of_a_second() -> None:
    taken = step(Fate.TAKEN, pause=0.35)
    assert taken.decision.ended is Ended.DELIVERED
    assert taken.state.blocked_until == AT + timedelta(seconds=0.35)
    assert step(Fate.TAKEN).state.blocked_until is None


@pytest.mark.parametrize("fate", [Fate.LIMITED, Fate.NEXT])
def test_a_limit_is_waited_for_exactly_and_costs_no_step(fate: Fate) -> None:
    limited = step(fate, pause=1.337, status=429)
    pause = timedelta(seconds=1.337)
    assert (limited.decision.delay, limited.decision.failures) == (pause, 0)
    assert limited.state.blocked_until == AT + pause
    assert limited.state.failures == 0


def test_an_outage_costs_a_step_of_the_schedule_of_chats() -> None:
    delays = [step(Fate.AGAIN, failures=n, status=503).decision.delay for n in range(6)]
    assert delays == [timedelta(seconds=s) for s in (0.5, 1, 2, 5, 15, 30)]
    assert sum(CHAT_SCHEDULE, timedelta()) >= timedelta(hours=75)
    assert sum(CHAT_SCHEDULE, timedelta()) <= DELIVERY_LIFETIME + timedelta(hours=1)


def test_a_message_that_the_platform_does_not_know_yet_says_nothing_against_its_lane() -> None:
    again = step(Fate.AGAIN, pause=0.5, status=404)
    assert (again.decision.delay, again.decision.failures) == (timedelta(seconds=0.5), 0)
    assert again.state.failures == 0
    assert again.state.blocked_until is None or again.state.blocked_until <= AT


@pytest.mark.parametrize(
    ("fate", "ended"),
    [
        (Fate.GONE, Ended.DISCARDED),
        (Fate.LEFT, Ended.DISCARDED),
        (Fate.HOPELESS, Ended.EXHAUSTED),
    ],
)
def test_what_is_over_counts_nothing_against_the_lane(fate: Fate, ended: Ended) -> None:
    over = step(fate, status=404, detail="gone")
    assert (over.decision.ended, over.decision.delay) == (ended, None)
    assert (over.state.failures, over.state.breaker) == (0, Breaker.CLOSED)


def test_what_is_owed_to_a_bot_that_is_stopped_waits() -> None:
    waits = step(Fate.STOPPED, status=401)
    assert (waits.decision.outcome, waits.decision.ended) == (Outcome.DEFERRED, None)
    assert waits.decision.delay == timedelta(minutes=1)
    assert waits.state.blocked_until == AT + timedelta(minutes=1)


def test_a_process_without_the_bot_leaves_what_is_owed_to_another_at_once() -> None:
    ages = [timedelta(seconds=s) for s in (0, 100, 10_000)]
    assert [no_bot(age).again for age in ages] == [timedelta(seconds=s) for s in (2, 10, 60)]
    assert {no_bot(age).rest for age in ages} == {timedelta(seconds=2)}
