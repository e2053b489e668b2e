"""A dead job is sent again by exactly one new job, whatever happens on the way."""

from datetime import timedelta

import pytest

from infra.postgres.dead_letters import (
    get_dead_letter,
    list_dead_letters,
    replace_dead_letters,
)
from infra.postgres.engine import transaction
from infra.postgres.submit import NewJob
from producer.dead_letters import Redriven, Redriver
from schemas.dead_letter import DeadLetter, DeadLetterEdits, DeadLetterFilter
from schemas.errors import ModelUnavailableError
from schemas.ids import format_id, parse_id
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness

LATER = timedelta(minutes=10)


class DiedError(Exception):
    """The process ended here."""


def redriver(genq: Harness) -> Redriver:
    return Redriver(
        genq._engine, genq._submitter, genq._doorbells, idempotency_ttl=timedelta(days=1)
    )


def letters(genq: Harness) -> list[DeadLetter]:
    tenant = genq.tenant("acme").id
    return genq.in_transaction(
        lambda c: list_dead_letters(c, tenant, DeadLetterFilter(), limit=10)
    )


def redrive(genq: Harness, job_id: str) -> Redriven:
    return genq.do(
        redriver(genq).redrive_one(
            genq.tenant("acme"), parse_id("job", job_id), DeadLetterEdits()
        )
    )


def poisoned(genq: Harness) -> str:
    """Submit a job that takes its worker down each time; return its id."""
    job_id = genq.submit()
    for _ in range(genq.settings.max_lost):
        genq.release()
        with genq.worker_dies_after("admit"):
            genq.work_one()
        genq.silence_workers()
        genq.new_worker()
        genq.reap()
    return job_id


def test_a_poison_job_is_a_dead_letter_and_succeeds_when_its_cause_is_mended(
    genq: Harness,
) -> None:
    job_id = poisoned(genq)

    (letter,) = letters(genq)
    assert format_id("job", letter.id) == job_id
    assert letter.error is not None
    assert letter.error["code"] == "worker_lost"
    done = redrive(genq, job_id)
    genq.run_until_idle()

    ((dead, new),) = done.pairs
    assert new is not None
    assert genq.job(format_id("job", new)).state is JobState.SUCCEEDED
    assert genq.events(format_id("job", new)) == ["job.succeeded"]
    # The dead job ended once, and stays as it ended.
    assert dead == letter.id
    assert genq.job(job_id).state is JobState.DEAD
    assert genq.events(job_id) == ["job.failed"]
    assert letters(genq) == []


def test_a_job_that_used_up_its_attempts_is_a_dead_letter_with_its_history(
    genq: Harness,
) -> None:
    attempts = genq.settings.max_attempts
    genq.provider.failures.extend(ModelUnavailableError("503") for _ in range(attempts))
    genq.submit()
    for _ in range(attempts):
        genq.run_until_idle()
        genq.advance(LATER)

    (letter,) = letters(genq)

    tenant = genq.tenant("acme").id
    found = genq.in_transaction(lambda c: get_dead_letter(c, tenant, letter.id))
    assert found is not None
    assert letter.attempts == attempts
    assert [death.number for death in found.history] == list(range(1, attempts + 1))
    assert {death.outcome for death in found.history} == {AttemptOutcome.ERROR}


def test_a_process_that_dies_half_way_leaves_the_dead_letter_as_it_was(genq: Harness) -> None:
    job_id = poisoned(genq)
    tenant = genq.tenant("acme")
    key = parse_id("job", job_id)
    letter = genq.in_transaction(lambda c: get_dead_letter(c, tenant.id, key))
    assert letter is not None

    async def die(draft: NewJob) -> None:
        async with transaction(genq._engine) as connection:
            made = await replace_dead_letters(
                connection, tenant.id, [draft], idempotency_ttl=timedelta(days=1)
            )
            assert len(made) == 1
            raise DiedError

    draft = genq.do(redriver(genq)._draft(tenant, letter, DeadLetterEdits()))
    with pytest.raises(DiedError):
        genq.do(die(draft))

    assert [one.id for one in letters(genq)] == [letter.id]
    assert genq.sql("SELECT 1 FROM job WHERE redrive_of IS NOT NULL") == []
    assert redrive(genq, job_id).made == 1
    assert len(genq.sql("SELECT 1 FROM job WHERE redrive_of = :id", id=letter.id)) == 1
    assert redrive(genq, job_id).already == 1
