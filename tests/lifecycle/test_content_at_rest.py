"""What people asked for and what was made of it lies sealed, and opens for its owner alone."""

import base64
from typing import Any

import orjson
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.contents import contents_of
from infra.endings import ending_of
from infra.postgres.delivery import Want, fetch_due
from infra.postgres.delivery_log import get_event
from infra.postgres.engine import create_engine, transaction
from infra.postgres.finish import finish_jobs
from infra.postgres.read_jobs import get_job
from infra.postgres.subject_keys import erase_salt
from infra.sealing import sealer_for
from infra.settings import Settings
from infra.subjects import subject_of
from producer.privacy.rotation import rotate_one
from producer.webhooks.reseal import reseal
from schemas.claim import Claim
from schemas.job import JobRecord
from schemas.job_states import AttemptOutcome, JobState
from schemas.privacy_errors import ContentErasedError, ContentUnreadableError
from tests.fixtures.harness import Harness

MARK = "marzipan lighthouse"
TOLD = "a very private answer"


def dump(database_url: str) -> bytes:
    """Return every row of every table as PostgreSQL writes it out."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT quote_ident(relname) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        parts: list[bytes] = []
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
                parts += [bytes(part) for part in copy]
    return b"".join(parts)


def started(genq: Harness, **request: Any) -> Claim:
    genq.submit(MARK, **request)
    genq.release()
    return genq.claim_one()


def finish(genq: Harness, claim: Claim, text: str = TOLD) -> None:
    """End an attempt as a model that answers in words would."""
    ending = ending_of(
        claim,
        state=JobState.SUCCEEDED,
        outcome=AttemptOutcome.OK,
        finished_at=claim.started_at,
        public_url="http://genq",
        result={"text": text, "usage": {"tokens": 7}},
    )
    genq.in_transaction(lambda c: finish_jobs(c, [ending]))


def forget_keys(genq: Harness) -> None:
    """Forget every key, as processes do within two seconds of an erasure."""

    async def forget(connection: AsyncConnection) -> None:
        contents = contents_of(connection)
        assert contents
        contents.forget()

    genq.in_transaction(forget)


def read(genq: Harness, settings: Settings, claim: Claim) -> JobRecord:
    """Read a job as a process of these settings, which has just begun, does."""

    async def run() -> JobRecord:
        engine = create_engine(settings, process="test")
        try:
            async with transaction(engine) as connection:
                job = await get_job(connection, claim.tenant_id, claim.job_id)
        finally:
            await engine.dispose()
        assert job
        return job

    return genq.do(run())


def test_no_table_shows_what_was_asked_and_answered_and_its_owner_reads_all_of_it(
    genq: Harness, database_url: str
) -> None:
    hook = {"url": "https://example.com/hook"}
    claim = started(genq, end_user="ada", webhook=hook)
    finish(genq, claim)
    genq.submit(MARK, tenant="other")

    rows = dump(database_url)
    assert b"example.com/hook" in rows
    for secret in (MARK, TOLD):
        assert secret.encode() not in rows

    job = read(genq, genq.settings, claim)
    assert (claim.input["prompt"], job.input["prompt"], job.text) == (MARK, MARK, TOLD)
    assert job.content == "kept"
    ((event_id, body),) = genq.sql("SELECT id, body FROM outbox")
    assert b'"sequence":1999' in bytes(body)[:400]
    event = genq.in_transaction(lambda c: get_event(c, claim.tenant_id, event_id))
    assert event
    assert TOLD.encode() in event.body


def test_a_receiver_gets_the_event_as_it_was_signed_or_later_but_never_less(
    genq: Harness,
) -> None:
    claim = started(genq, end_user="ada", webhook={"url": "https://example.com/hook"})
    finish(genq, claim)
    ((lane_id,),) = genq.sql("SELECT lane_id FROM delivery")
    want = Want(lane_id, live=1, past=0, held=(), in_order=False)

    (found,) = genq.in_transaction(lambda c: fetch_due(c, [want]))
    assert found.owed.body
    assert orjson.loads(found.owed.body)["data"]["output"]["text"] == TOLD

    kept = genq.sql("DELETE FROM tenant_key RETURNING tenant_id, number, wrapped")[0]
    forget_keys(genq)
    (found,) = genq.in_transaction(lambda c: fetch_due(c, [want]))
    assert (found.owed.body, found.pushed, found.waits_until is not None) == (None, True, True)

    genq.sql("INSERT INTO tenant_key VALUES (:t, :n, :w)", t=kept[0], n=kept[1], w=kept[2])
    (found,) = genq.in_transaction(lambda c: fetch_due(c, [want]))
    assert found.owed.body


def test_rows_of_the_release_before_and_of_an_installation_that_does_not_seal_are_read(
    genq: Harness,
) -> None:
    claim = started(genq)
    finish(genq, claim)
    genq.sql('UPDATE payload SET body = \'{"input": {"prompt": "plain"}}\'')
    genq.sql('UPDATE result SET body = \'{"text": "plainly"}\'')

    off = genq.settings.model_copy(update={"encrypt_content": False})
    for these in (genq.settings, off):
        job = read(genq, these, claim)
        assert (job.input["prompt"], job.text) == ("plain", "plainly")


def test_content_opens_with_its_own_key_in_its_own_row_or_says_why_not(
    genq: Harness,
) -> None:
    first, second = started(genq, end_user="ada"), started(genq)
    stranger = genq.settings.model_copy(
        update={"key_pepper": SecretStr("the pepper of somebody else")}
    )
    with pytest.raises(ContentUnreadableError, match="GENQ_SECRETS_KEY"):
        read(genq, stranger, first)

    genq.sql(
        "UPDATE payload SET body = (SELECT body FROM payload WHERE job_id = :of)"
        " WHERE job_id = :into",
        of=first.job_id,
        into=second.job_id,
    )
    with pytest.raises(ContentUnreadableError, match="copied from another row"):
        read(genq, genq.settings, second)
    assert read(genq, genq.settings, first).input["prompt"] == MARK

    genq.sql("DELETE FROM subject_key")
    with pytest.raises(ContentUnreadableError, match="restore the tables"):
        read(genq, genq.settings, first)
    genq.sql("DELETE FROM tenant_key")
    with pytest.raises(ContentUnreadableError, match="data key 1 of tenant"):
        read(genq, genq.settings, first)


def test_a_new_data_key_and_then_a_new_master_key_take_over_and_all_is_read(
    genq: Harness,
) -> None:
    before = started(genq, end_user="ada")
    sealer = sealer_for(genq.settings)
    assert genq.in_transaction(lambda c: rotate_one(c.engine, sealer, before.tenant_id)) == 2
    forget_keys(genq)
    after = started(genq, end_user="ada")
    used = genq.sql("SELECT body ->> 'sealed' AS sealed FROM payload ORDER BY job_id")
    assert [base64.b64decode(row.sealed)[4] for row in used] == [1, 2]

    key = SecretStr(base64.b64encode(bytes(32)).decode())
    newer = genq.settings.model_copy(update={"secrets_key": key})
    done = genq.in_transaction(lambda c: reseal(c.engine, sealer_for(newer)))
    assert (done.looked, done.sealed, done.unreadable) == (3, 3, 0)
    for claim in (before, after):
        assert read(genq, newer, claim).input["prompt"] == MARK
    with pytest.raises(ContentUnreadableError, match="GENQ_SECRETS_KEY"):
        read(genq, genq.settings, before)


def test_without_a_persons_salt_nothing_of_theirs_opens_and_what_comes_later_does(
    genq: Harness,
) -> None:
    before, running, other = (
        started(genq, end_user="ada"),
        started(genq, end_user="ada"),
        started(genq, end_user="bob"),
    )
    person = (before.tenant_id, subject_of(genq.settings, before.tenant_id, "ada"))
    genq.in_transaction(lambda c: erase_salt(c, person))
    forget_keys(genq)
    finish(genq, running)

    for claim in (before, running):
        job = read(genq, genq.settings, claim)
        assert (job.input, job.text, job.input_erased) == ({}, None, True)
    assert read(genq, genq.settings, running).content == "erased"
    assert read(genq, genq.settings, other).input["prompt"] == MARK

    anew = genq.submit("something else", end_user="ada")
    assert genq.job(anew).input["prompt"] == "something else"


def test_an_attempt_whose_input_was_erased_ends_with_that_reason(genq: Harness) -> None:
    job_id = genq.submit(MARK, end_user="ada")
    tenant = genq.tenant("acme").id
    person = (tenant, subject_of(genq.settings, tenant, "ada"))
    genq.in_transaction(lambda c: erase_salt(c, person))
    forget_keys(genq)
    genq.run_until_idle()

    job = genq.job(job_id)
    assert job.error
    assert job.error["code"] == ContentErasedError.code
