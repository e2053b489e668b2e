"""What ends is owed to everybody who asked for it, in the transaction of the end."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.endings import ending_of
from infra.postgres.engine import transaction
from infra.postgres.finish import Finished, finish_jobs
from producer.cancel import Canceller
from schemas.claim import Claim
from schemas.ids import parse_id
from schemas.job_states import AttemptOutcome, JobState
from schemas.webhook_target import WebhookTarget
from tests.fixtures.harness import Harness
from tests.fixtures.telling import endpoint, lanes, let_go, owed, told


def run(genq: Harness, **request: Any) -> str:
    job = genq.submit(**request)
    genq.run_until_idle()
    return job


def test_an_end_is_owed_to_the_url_of_the_job_and_to_ten_endpoints_and_wakes_their_lanes(
    genq: Harness,
) -> None:
    ten = [endpoint(genq, url=f"https://{n}.example/hook") for n in range(10)]

    job = run(genq, webhook=WebhookTarget(url="https://bot.example/hook"))

    found = owed(genq)
    assert [one.type for one in found] == ["job.succeeded"] * 11
    assert {one.endpoint_id for one in found} == {None, *ten}
    assert {one.job_id for one in found} == {parse_id("job", job)}
    assert {one.url for one in found if one.endpoint_id is None} == {"https://bot.example/hook"}
    assert {one.seq for one in found} == {1_999}
    awake = lanes(genq)
    assert {one.lane_id for one in found} == set(awake)
    assert {lane.endpoint_id for lane in awake.values()} == {None, *ten}
    assert all(lane.due for lane in awake.values())


CASES: list[tuple[str, bool, dict[str, Any]]] = [
    ("exact type", True, {"types": ["job.succeeded"]}),
    ("family", True, {"types": ["job.*"]}),
    ("other type", False, {"types": ["job.failed", "batch.*"]}),
    ("disabled", False, {"disabled": "by its owner"}),
    ("one of its channels", True, {"channels": ["blue", "red"]}),
    ("other channel", False, {"channels": ["green"]}),
    ("metadata", True, {"filter": {"project": "kites"}}),
    ("no filter is left", True, {"filter": {}}),
    ("all the metadata", True, {"filter": {"project": "kites", "team": "a"}}),
    ("metadata that differs", False, {"filter": {"project": "boats"}}),
    ("metadata that is not there", False, {"filter": {"project": "kites", "city": "x"}}),
    ("channel and metadata", False, {"channels": ["red"], "filter": {"team": "b"}}),
    ("another tenant's", False, {"tenant": "other"}),
]


def test_an_endpoint_hears_of_what_it_asked_for(genq: Harness) -> None:
    made: dict[UUID, tuple[str, bool]] = {}
    for name, heard, config in CASES:
        more = dict(config)
        made[endpoint(genq, *more.pop("types", ()), **more)] = name, heard

    run(genq, channels=("red", "grey"), metadata={"project": "kites", "team": "a"})

    heard_by = {one.endpoint_id for one in owed(genq)}
    assert {made[key][0] for key in made if key in heard_by} == {
        name for name, heard, _ in CASES if heard
    }


def test_without_channels_and_metadata_endpoints_that_ask_for_some_hear_nothing(
    genq: Harness,
) -> None:
    endpoint(genq, channels=["red"])
    endpoint(genq, filter={"project": "kites"})
    everything = endpoint(genq)

    run(genq)

    assert told(genq) == [("job.succeeded", everything)]


def test_a_lane_that_is_due_is_not_written_again(genq: Harness) -> None:
    endpoint(genq)
    run(genq)
    (before,) = lanes(genq).values()

    run(genq)

    (after,) = lanes(genq).values()
    assert len(owed(genq)) == 2
    assert after.written == before.written


def test_an_idle_lane_is_woken_and_a_blocked_one_not_before_its_time(genq: Harness) -> None:
    idle, blocked, later = (endpoint(genq, url=f"https://{n}.example/") for n in range(3))
    run(genq)
    by_endpoint = {lane.endpoint_id: lane.id for lane in lanes(genq).values()}
    let_go(genq)
    genq.sql(
        "UPDATE webhook_lane SET blocked_until = now() + interval '1 hour' WHERE id = :id",
        id=by_endpoint[blocked],
    )
    genq.sql(
        "UPDATE webhook_lane SET next_due_at = now() + interval '5 hours' WHERE id = :id",
        id=by_endpoint[later],
    )

    run(genq)

    after = {lane.endpoint_id: lane for lane in lanes(genq).values()}
    assert after[idle].due
    assert after[later].due, "a new event does not wait for the next retry of an older one"
    assert after[blocked].next_due_at == after[blocked].blocked_until


def test_urls_of_jobs_share_a_lane_by_origin(genq: Harness) -> None:
    for url in ("https://x.example/?job=1", "https://x.example/?job=2", "https://y.example/"):
        genq.submit(webhook=WebhookTarget(url=url))
    genq.run_until_idle()

    assert len(owed(genq)) == 3
    assert sorted(lane.origin for lane in lanes(genq).values()) == [
        "https://x.example",
        "https://y.example",
    ]


def test_a_job_that_never_ran_is_told_of_as_well(genq: Harness) -> None:
    mine = endpoint(genq, "job.cancelled", channels=["red"])
    job = genq.submit(channels=("red",))
    tenant = genq.tenant("acme").id

    canceller = Canceller(genq._engine, genq.settings, genq._doorbells)
    genq.do(canceller.cancel_these(tenant, [parse_id("job", job)]))

    (one,) = owed(genq)
    assert (one.type, one.endpoint_id, one.seq) == ("job.cancelled", mine, 999)
    assert genq.sql("SELECT channels FROM outbox")[0].channels == ["red"]


def test_a_rolled_back_end_owes_nothing(genq: Harness) -> None:
    endpoint(genq)
    genq.submit()
    genq.release()
    claim = genq.claim_one()
    with pytest.raises(ZeroDivisionError):
        genq.in_transaction(lambda c: end_and_fail(c, claim))

    assert (owed(genq), lanes(genq)) == ([], {})


async def end_and_fail(connection: AsyncConnection, claim: Claim) -> None:
    assert (await finish(connection, claim)).owed
    raise ZeroDivisionError


async def finish(connection: AsyncConnection, *claims: Claim) -> Finished:
    endings = [
        ending_of(
            claim,
            state=JobState.SUCCEEDED,
            outcome=AttemptOutcome.OK,
            finished_at=claim.started_at,
            public_url="https://genq.example",
        )
        for claim in claims
    ]
    return await finish_jobs(connection, endings)


def started(genq: Harness, jobs: int) -> list[Claim]:
    for _ in range(jobs):
        genq.submit()
    genq.release()
    return [genq.claim_one() for _ in range(jobs)]


WAITS = text("SELECT 1 FROM pg_locks WHERE NOT granted AND pid = :pid")
FREE = text("SELECT id FROM webhook_lane ORDER BY id FOR UPDATE SKIP LOCKED")


async def free_while_held(genq: Harness, claim: Claim, held: str) -> list[int]:
    """Return which lanes nobody has locked when a finish waits for the row that is held."""
    async with transaction(genq._engine) as holder, asyncio.timeout(20):
        await holder.execute(text(f"{held} FOR UPDATE"))
        async with transaction(genq._engine) as connection:
            pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            finishing = asyncio.create_task(finish(connection, claim))
            async with transaction(genq._engine) as observer:
                while not (await observer.execute(WAITS, {"pid": pid})).all():
                    assert not finishing.done()
                free = [row.id for row in await observer.execute(FREE)]
            await holder.rollback()
            assert (await finishing).owed
    return free


def test_who_ends_jobs_locks_flows_before_lanes_and_lanes_in_order_so_nobody_waits_in_a_ring(
    genq: Harness,
) -> None:
    for n in range(5):
        endpoint(genq, url=f"https://{n}.example/")
    first, second, third = started(genq, 3)
    genq.in_transaction(lambda c: finish(c, first))
    ids = sorted(lanes(genq))
    let_go(genq)

    middle = f"SELECT 1 FROM webhook_lane WHERE id = {ids[2]}"
    assert genq.do(free_while_held(genq, second, middle)) == ids[3:]

    let_go(genq)
    genq.sql("UPDATE flow SET park_reason = 1, parked_until = now() + interval '1 hour'")
    assert genq.do(free_while_held(genq, third, "SELECT 1 FROM flow")) == ids
    assert all(lane.due for lane in lanes(genq).values())


def test_a_tenant_with_five_hundred_endpoints_does_not_hold_up_the_end(genq: Harness) -> None:
    tenant = genq.tenant("acme")
    genq.sql(
        """INSERT INTO webhook_endpoint (id, tenant_id, name, url, origin, event_types)
        SELECT uuidv7(), :tenant, 'n', 'https://' || n || '.example/',
          'https://' || n || '.example', ARRAY['job.*'] FROM generate_series(1, 500) n""",
        tenant=tenant.id,
    )
    claims = started(genq, 4)

    done = genq.in_transaction(lambda c: finish(c, *claims))

    assert done.jobs == {claim.job_id for claim in claims}
    assert genq.sql("SELECT count(*) AS n FROM delivery")[0].n == 2_000
    assert (
        genq.sql("SELECT count(*) AS n FROM webhook_lane WHERE next_due_at <= now()")[0].n
        == 500
    )
