"""Events beside a job's end: written once, and owed to who asked for them."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import text

from infra.new_ids import new_key
from infra.postgres.engine import transaction
from infra.postgres.publish import Publication, publish_events
from schemas.events import EventType, OutboxKind
from schemas.webhooks import Trigger
from tests.fixtures.harness import Harness
from tests.fixtures.telling import endpoint, owed, told


def event(genq: Harness, **changes: Any) -> Publication:
    usual: dict[str, Any] = {
        "id": new_key(),
        "tenant_id": genq.tenant("acme").id,
        "kind": OutboxKind.NOTICE,
        "type": EventType.ENDPOINT_DISABLED,
        "body": b"{}",
    }
    return Publication(**(usual | changes))


def publish(genq: Harness, *events: Publication) -> int:
    return genq.in_transaction(lambda c: publish_events(c, events))


def test_an_event_about_no_job_goes_to_who_asked_for_it_once(genq: Harness) -> None:
    mine = endpoint(genq, "endpoint.*")
    endpoint(genq)
    endpoint(genq, "endpoint.*", filter={"project": "kites"})
    notice = event(genq)

    assert publish(genq, notice) == 1
    # The answer to the commit was lost.
    assert publish(genq, notice) == 0

    (one,) = owed(genq)
    assert (one.endpoint_id, one.job_id, one.kind) == (mine, notice.id, OutboxKind.NOTICE)


def test_a_test_goes_to_the_endpoint_that_is_tested_and_to_no_other(genq: Harness) -> None:
    tested = endpoint(genq, "job.failed", disabled="by its owner")
    endpoint(genq, "endpoint.*", "job.*")
    endpoint(genq, tenant="other")

    publish(
        genq,
        event(
            genq,
            kind=OutboxKind.TEST,
            type=EventType.ENDPOINT_TEST,
            endpoint_id=tested,
            trigger=Trigger.TEST,
        ),
    )

    assert told(genq) == [("endpoint.test", tested)]
    assert genq.sql("SELECT trigger FROM delivery")[0].trigger == Trigger.TEST


def test_a_test_reaches_no_endpoint_of_another_tenant(genq: Harness) -> None:
    others = endpoint(genq, tenant="other")

    assert publish(genq, event(genq, endpoint_id=others)) == 0


def progress(genq: Harness, job: UUID, step: int) -> Publication:
    return event(
        genq,
        kind=OutboxKind.PROGRESS,
        type=EventType.JOB_PROGRESS,
        job_id=job,
        seq=1_000 + step,
    )


def test_progress_that_was_not_sent_gives_way_to_newer_progress_of_the_same_job(
    genq: Harness,
) -> None:
    mine = endpoint(genq, "job.progress")
    one, other = new_key(), new_key()

    for step in (2, 3, 4):
        publish(genq, progress(genq, one, step))
    publish(genq, progress(genq, other, 2))

    found = {(o.job_id, o.seq, o.endpoint_id) for o in owed(genq)}
    assert found == {(one, 1_004, mine), (other, 1_002, mine)}
    # A late writer takes nothing away that is newer.
    publish(genq, progress(genq, one, 3))
    assert (one, 1_004, mine) in {(o.job_id, o.seq, o.endpoint_id) for o in owed(genq)}


def test_progress_that_somebody_holds_is_not_waited_for(genq: Harness) -> None:
    endpoint(genq, "job.progress")
    job = new_key()
    publish(genq, progress(genq, job, 2))

    async def while_held() -> None:
        async with transaction(genq._engine) as holder:
            await holder.execute(text("SELECT 1 FROM delivery FOR UPDATE"))
            async with asyncio.timeout(10), transaction(genq._engine) as connection:
                await publish_events(connection, [progress(genq, job, 3)])

    genq.do(while_held())

    assert [one.seq for one in owed(genq)] == [1_002, 1_003]
