"""What a chat asks for is made once, with its message, or not at all."""

import psycopg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from infra.new_ids import new_key
from infra.postgres.service_rates import HORIZON, Served, add_served
from infra.sealing import sealer_for
from producer.position import place_of
from producer.submit import Submitted
from schemas.admission_errors import BudgetExhaustedError
from schemas.chat import MessageState, Platform, Verb, chat_url
from schemas.chat_errors import ChatQueueFullError
from schemas.chat_view import ChatAnswer
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.position import QueuePlace
from schemas.webhook_endpoint import origin_of
from tests.fixtures.budgeting import assert_balanced, give
from tests.fixtures.chat_openings import (
    TOKEN,
    answer_of,
    at_once,
    button,
    counts,
    make,
    message,
    opening,
    said,
)
from tests.fixtures.harness import Harness
from tests.fixtures.judging import judge

RATE = [Served(lane=2, pool=1, released=10 * HORIZON.total_seconds(), finished=50, seconds=2.0)]


def body_of(submitted: Submitted) -> bytes:
    assert submitted.chat
    return submitted.chat.answer.body


def test_a_job_comes_with_its_message_and_its_answer(genq: Harness) -> None:
    chat = opening(title="Image #2")

    made = make(genq, chat)

    assert made.chat
    assert not made.chat.repeated
    assert made.chat.job == made.job
    assert body_of(made) == f"{format_id('job', made.job.id)} READY 0".encode()
    kept = message(genq, made)
    assert (kept.id, kept.state, kept.title) == (
        chat.message_id,
        MessageState.OPEN,
        "Image #2",
    )
    assert kept.edited_at is not None
    assert kept.opened(sealer_for(genq.settings)) == chat.ref
    payload = genq.sql("SELECT body FROM payload")[0].body
    assert payload["face"] == "chat"
    assert payload["webhook"] == {
        "url": chat_url(Platform.DISCORD, "c1", chat.message_id),
        "events": ["job.queued", "job.started", "job.progress", "job.succeeded", "job.failed",
                   "job.cancelled", "job.expired", "job.blocked"],
    }  # fmt: skip


def test_neither_the_token_nor_what_was_asked_lies_there_to_be_read(genq: Harness) -> None:
    def quoting(_job: JobRecord, _place: QueuePlace | None) -> ChatAnswer:
        return ChatAnswer(200, b"a red kite")

    make(genq, opening(answer=quoting))

    rows = genq.sql(
        "SELECT CAST(m AS text) || CAST(i AS text) AS kept FROM chat_message m, chat_inbound i"
    )

    assert TOKEN.encode().hex() not in rows[0].kept
    assert TOKEN not in rows[0].kept
    assert b"a red kite".hex() not in rows[0].kept


def test_a_message_that_is_still_to_be_posted_hears_that_its_job_is_queued(
    genq: Harness,
) -> None:
    made = make(genq, opening(opens=True))

    assert message(genq, made).edited_at is None
    assert genq.events(format_id("job", made.job.id)) == ["job.queued"]
    lane = origin_of(chat_url(Platform.DISCORD, "c1", new_key()))
    assert genq.sql("SELECT origin FROM delivery")[0].origin == lane
    assert lane != origin_of(chat_url(Platform.DISCORD, "c2", new_key()))


def test_five_at_once_of_the_same_request_are_one_job_and_equal_answers(genq: Harness) -> None:
    made = at_once(genq, *(opening() for _ in range(5)))

    assert len({body_of(one) for one in made}) == 1
    assert len({one.job.id for one in made}) == 1
    assert sorted(one.chat.repeated for one in made) == [False, True, True, True, True]
    assert counts(genq) == [1, 0, 1, 1, 1, 1]


def test_a_repetition_is_the_same_request_whatever_it_says_and_wherever_it_is_bound_by_now(
    genq: Harness,
) -> None:
    first = make(genq, opening())
    genq.run_until_idle()

    again = make(genq, opening(), tenant="other")

    assert body_of(again) == body_of(first)
    assert again.chat
    assert again.chat.job
    assert (again.job.id, again.job.state) == (first.job.id, JobState.SUCCEEDED)
    known = genq.do(genq._submitter.chat_answered(said()))
    assert known
    assert known.answer.body == body_of(first)
    assert genq.do(genq._submitter.chat_answered(said("2"))) is None
    assert genq.do(genq._submitter.chat_answered(said(platform=Platform.SLACK))) is None
    assert counts(genq)[2:4] == [1, 1]


def test_a_repetition_is_answered_when_its_job_is_long_gone(genq: Harness) -> None:
    first = make(genq, opening())
    genq.run_until_idle()
    genq.sql("DELETE FROM chat_message")

    again = make(genq, opening())

    assert again.chat
    assert (again.chat.job, again.chat.repeated) == (None, True)
    assert body_of(again) == body_of(first)


def test_of_twenty_at_once_one_person_gets_as_many_jobs_as_they_may(genq: Harness) -> None:
    made = at_once(genq, *(opening(said(str(n)), most=7) for n in range(20)))

    refused = [one for one in made if isinstance(one, ChatQueueFullError)]
    assert len(refused) == 13
    assert {(one.running, one.waiting, one.most) for one in refused} == {(0, 7, 7)}
    assert counts(genq) == [7, 0, 7, 7, 7, 7]
    make(genq, opening(said("x", user="8"), most=7))
    make(genq, opening(said("y"), most=7), tenant="other")


def test_a_deleted_message_does_not_make_room_and_an_ended_job_does(genq: Harness) -> None:
    make(genq, opening(most=1))
    genq.sql("UPDATE chat_message SET state = 3")

    with pytest.raises(ChatQueueFullError):
        make(genq, opening(said("2"), most=1))

    genq.run_until_idle()
    make(genq, opening(said("2"), most=1))


def test_what_runs_and_what_waits_is_told_apart(genq: Harness) -> None:
    make(genq, opening())
    genq.release()
    genq.claim_one()
    make(genq, opening(said("2")))

    with pytest.raises(ChatQueueFullError) as refused:
        make(genq, opening(said("3"), most=2))

    assert (refused.value.running, refused.value.waiting) == (1, 1)


def test_a_budget_that_refuses_leaves_nothing_written(genq: Harness) -> None:
    parent = make(genq, opening())
    genq.run_until_idle()
    give(genq, 1)
    make(genq, opening(said("2")))
    before = counts(genq)
    press = button(parent, Verb.UPSCALE, 1)

    with pytest.raises(BudgetExhaustedError):
        make(genq, opening(said("3"), press=press))

    assert counts(genq) == before
    assert genq.do(genq._submitter.chat_answered(said("3"))) is None
    assert_balanced(genq)


def test_five_at_once_reserve_once(genq: Harness) -> None:
    give(genq, 10)

    made = at_once(genq, *(opening() for _ in range(5)))

    assert len({body_of(one) for one in made}) == 1
    assert genq.sql("SELECT count(*) FROM reservation")[0][0] == 1
    assert_balanced(genq)


def test_a_transaction_that_dies_half_way_leaves_nothing(genq: Harness) -> None:
    parent = make(genq, opening())
    before = counts(genq)

    def broken(_job: JobRecord, _place: QueuePlace | None) -> ChatAnswer:
        raise ZeroDivisionError

    key = button(parent, Verb.VARY, 3)
    with pytest.raises(ZeroDivisionError):
        make(genq, opening(said("2"), answer=broken, press=key))

    assert counts(genq) == before
    made = make(genq, opening(said("2"), press=key))
    assert made.chat
    assert not made.chat.repeated


def test_a_connection_that_is_lost_half_way_is_tried_again(genq: Harness) -> None:
    url = genq.settings.database_url.get_secret_value()
    tries: list[JobRecord] = []

    def killed_once(job: JobRecord, place: QueuePlace | None) -> ChatAnswer:
        tries.append(job)
        if len(tries) == 1:
            with psycopg.connect(url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'genq harness' AND datname = current_database()"
                )
        return answer_of(job, place)

    made = make(genq, opening(answer=killed_once))

    assert [job.id for job in tries] == [made.job.id, made.job.id]
    assert made.chat
    assert not made.chat.repeated
    assert counts(genq) == [1, 0, 1, 1, 1, 1]


def test_a_commit_whose_answer_was_lost_is_no_repetition(genq: Harness) -> None:
    parent = make(genq, opening(said("parent")))
    lost: list[bool] = []

    def lose(connection: Connection) -> None:
        if not lost:
            lost.append(True)
            connection.connection.commit()
            raise OperationalError("COMMIT", None, psycopg.OperationalError("gone"))

    event.listen(genq._engine.sync_engine, "commit", lose)
    made = make(genq, opening(press=button(parent, Verb.UPSCALE, 1)))

    assert lost
    assert made.chat
    assert not made.chat.repeated
    assert body_of(made) == f"{format_id('job', made.job.id)} READY 1".encode()
    assert counts(genq) == [2, 1, 2, 2, 2, 2]


def test_who_asks_first_and_who_asks_again_are_told_their_true_place(genq: Harness) -> None:
    make(genq, opening(said("before")))
    genq.run_until_idle()
    genq.in_transaction(lambda c: add_served(c, RATE))

    asked = [("a", "7"), ("b", "8"), ("c", "8"), ("d", "9")]
    made = [make(genq, opening(said(key, user=user))) for key, user in asked]

    assert [int(body_of(one).split()[-1]) for one in made] == [0, 1, 2, 2]
    jobs = [genq.job(format_id("job", one.job.id)) for one in made[:2]]
    places = [genq.in_transaction(lambda c, j=j: place_of(c, j, genq.settings)) for j in jobs]
    assert [place and place.ahead_in_lane for place in places] == [0, 1]


@pytest.mark.parametrize(
    ("prompt", "told", "state"),
    [
        ("never [sexual_minors 0.9]", "BLOCKED None", MessageState.FINAL),
        ("perhaps [weapons_mass_harm 0.4]", "HELD None", MessageState.OPEN),
    ],
)
def test_what_safety_stops_is_told_in_the_answer_and_what_is_held_is_shown_later(
    genq: Harness, prompt: str, told: str, state: MessageState
) -> None:
    judge(genq)

    made = make(genq, opening(opens=True), prompt=prompt)
    again = make(genq, opening(opens=True), prompt=prompt)

    assert body_of(made) == f"{format_id('job', made.job.id)} {told}".encode()
    assert body_of(again) == body_of(made)
    kept = message(genq, made)
    assert (kept.state, kept.ended_at is None) == (state, state is MessageState.OPEN)
    assert counts(genq)[2:4] == [1, 1]
