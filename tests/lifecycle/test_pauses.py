"""Pause, resume, drain: what is held back waits, what runs goes on, and resume is at once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from infra.clock import SystemClock
from infra.doorbells import Doorbells
from infra.postgres.engine import transaction
from infra.postgres.parks import PARKED_PAUSED
from infra.postgres.pauses import InFlight, Pause, Scope, Target, list_pauses
from infra.postgres.workers import list_workers
from producer.operator import holding
from producer.operator.holding import NotDrainedError
from producer.operator.targets import find_target
from schemas.errors import NotFoundError
from schemas.ids import parse_id
from schemas.job_states import JobState
from schemas.lanes import Lane
from tests.fixtures.harness import MODEL, Harness

PARK = text(
    f"UPDATE flow SET parked_until = now() + interval '1 minute', park_reason = {PARKED_PAUSED}"
)


def target(genq: Harness, scope: Scope, name: str) -> Target:
    servers = genq.settings.model_servers
    return genq.in_transaction(lambda c: find_target(c, scope, name, servers))


def pause(genq: Harness, scope: Scope, name: str) -> Pause:
    return genq.do(holding.pause(genq._engine, target(genq, scope, name)))


def resume(genq: Harness, scope: Scope, name: str) -> bool:
    return genq.do(holding.resume(genq._engine, genq._doorbells, target(genq, scope, name)))


def released(genq: Harness) -> set[Any]:
    """Release all that may be, and return the jobs; ``parse_id`` tells which."""
    return {pointer.job_id for pointer in genq.release()}


def keys(*job_ids: str) -> set[Any]:
    return {parse_id("job", job_id) for job_id in job_ids}


def of_another_model(genq: Harness, job_id: str) -> None:
    """Let the job be one of a second model's."""
    (pool,) = genq.sql("INSERT INTO pool (model) VALUES ('other') RETURNING id")
    genq.sql(
        "UPDATE live SET pool = :pool WHERE job_id = :id",
        pool=pool.id,
        id=parse_id("job", job_id),
    )


def test_a_paused_lane_waits_while_the_others_go_on(genq: Harness) -> None:
    held = genq.submit(lane=Lane.FAST)
    free = genq.submit(lane=Lane.RELAX)

    pause(genq, Scope.LANE, "fast")
    late = genq.submit(lane=Lane.FAST)
    before = released(genq)
    resume(genq, Scope.LANE, "fast")

    assert before == keys(free)
    assert released(genq) == keys(free, held, late)


def test_a_paused_model_waits_while_the_tenants_other_models_go_on(genq: Harness) -> None:
    held = genq.submit()
    free = genq.submit()
    of_another_model(genq, free)

    pause(genq, Scope.MODEL, MODEL)
    assert released(genq) == keys(free)
    late = genq.submit()
    assert released(genq) == keys(free)

    # At once: nobody's clock moves.
    resume(genq, Scope.MODEL, MODEL)
    assert released(genq) == keys(free, held, late)


def test_a_paused_tenant_waits_in_every_lane_while_the_others_go_on(genq: Harness) -> None:
    held = [genq.submit(lane=lane) for lane in Lane]
    free = genq.submit(tenant="other")

    pause(genq, Scope.TENANT, "acme")
    assert released(genq) == keys(free)
    late = genq.submit()
    assert released(genq) == keys(free)

    resume(genq, Scope.TENANT, "acme")
    assert released(genq) == keys(free, late, *held)


@pytest.mark.parametrize(
    ("scope", "name"), [(Scope.LANE, "fast"), (Scope.MODEL, MODEL), (Scope.TENANT, "acme")]
)
def test_what_was_released_goes_on_to_its_end(genq: Harness, scope: Scope, name: str) -> None:
    job_id = genq.submit()
    genq.release()

    paused = pause(genq, scope, name)
    late = genq.submit()
    genq.run_until_idle()

    assert (paused.waiting, paused.inflight) == (0, 1)
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.job(late).state is JobState.READY


def test_pausing_twice_keeps_the_first_instant_and_resuming_twice_is_told(
    genq: Harness,
) -> None:
    first = pause(genq, Scope.LANE, "batch")
    again = pause(genq, Scope.LANE, "batch")

    assert first.since == again.since
    assert resume(genq, Scope.LANE, "batch")
    assert not resume(genq, Scope.LANE, "batch")


def test_a_flow_that_is_parked_behind_a_resume_is_let_go_too(genq: Harness) -> None:
    job_id = genq.submit()
    pause(genq, Scope.TENANT, "acme")
    genq.release()
    tenant = target(genq, Scope.TENANT, "acme")

    class LateDispatcher(Doorbells):
        """Read the mark before it was taken away, and parks the flow after that."""

        async def ring(self, channel: str, message: str = "") -> None:
            rung.append(message)
            if len(rung) > 1:
                return
            async with transaction(genq._engine) as connection:
                await connection.execute(PARK)

    rung: list[str] = []
    bells = LateDispatcher(genq.settings.doorbell_url())
    genq.do(holding.resume(genq._engine, bells, tenant))
    genq.do(bells.close())

    assert len(rung) == 2
    assert released(genq) == keys(job_id)


def test_a_drain_ends_when_the_last_job_has(genq: Harness) -> None:
    job_id = genq.submit()
    waiting = genq.submit(lane=Lane.RELAX)
    genq.turn()
    claim = genq.claim_one()
    lane = target(genq, Scope.LANE, "fast")
    told: list[InFlight] = []
    heard = asyncio.Event()

    def hear(left: InFlight) -> None:
        told.append(left)
        heard.set()

    async def end() -> None:
        await heard.wait()
        async with transaction(genq._engine) as connection:
            await connection.exec_driver_sql(
                "DELETE FROM live WHERE job_id = %s", (claim.job_id,)
            )

    async def drain() -> float:
        seconds, _ = await asyncio.gather(
            holding.drain(
                genq._engine, lane, timeout=20, clock=SystemClock(), on_progress=hear
            ),
            end(),
        )
        return seconds

    seconds = genq.do(drain())

    assert claim.job_id == parse_id("job", job_id)
    assert told == [InFlight(released=0, running=1), InFlight(released=0, running=0)]
    assert 0 < seconds < 20
    assert genq.job(waiting).state in {JobState.READY, JobState.RELEASED}
    assert [one.target for one in genq.in_transaction(list_pauses)] == [lane]


def test_a_drain_that_takes_too_long_says_what_is_left_and_stays_paused(genq: Harness) -> None:
    genq.submit()
    genq.submit()
    genq.turn()
    genq.claim_one()
    tenant = target(genq, Scope.TENANT, "acme")

    with pytest.raises(NotDrainedError) as failed:
        genq.do(
            holding.drain(
                genq._engine,
                tenant,
                timeout=0.1,
                clock=SystemClock(),
                on_progress=lambda _: None,
            )
        )

    assert failed.value.left == InFlight(released=1, running=1)
    assert [one.target for one in genq.in_transaction(list_pauses)] == [tenant]


def test_pauses_are_listed_with_what_waits_there(genq: Harness) -> None:
    for _ in range(3):
        genq.submit(lane=Lane.RELAX)
    genq.submit(lane=Lane.BATCH)
    pause(genq, Scope.LANE, "relax")
    pause(genq, Scope.MODEL, MODEL)
    pause(genq, Scope.TENANT, "acme")

    found = genq.in_transaction(list_pauses)

    assert [(one.target.scope, one.target.name, one.waiting) for one in found] == [
        (Scope.LANE, "relax", 3),
        (Scope.MODEL, MODEL, 4),
        (Scope.TENANT, "acme", 4),
    ]
    assert all(one.inflight == 0 for one in found)


def test_workers_are_listed_with_what_they_do(genq: Harness) -> None:
    genq.submit()
    genq.turn()
    genq.claim_one()
    genq.new_worker(slots=7)

    busy, idle = genq.in_transaction(list_workers)

    assert (busy.busy, idle.busy, idle.slots) == (1, 0, 7)
    assert idle.lanes == tuple(Lane)
    assert 0 < idle.seconds_left <= genq.settings.session_ttl.total_seconds()
    genq.silence_workers()
    assert genq.in_transaction(list_workers)[0].seconds_left < 0


@pytest.mark.parametrize(
    ("scope", "name", "hint"),
    [
        (Scope.LANE, "fasst", "fast"),
        (Scope.MODEL, "tset-image", MODEL),
        (Scope.TENANT, "acmee", "acme"),
    ],
)
def test_an_unknown_name_is_answered_with_close_ones(
    genq: Harness, scope: Scope, name: str, hint: str
) -> None:
    genq.tenant("acme")

    with pytest.raises(NotFoundError) as failed:
        target(genq, scope, name)

    assert f"there is no {scope} {name!r}; there is " in failed.value.message
    assert hint in failed.value.message


def test_a_model_that_nobody_asked_for_yet_can_be_paused_if_a_server_offers_it(
    genq: Harness,
) -> None:
    pause(genq, Scope.MODEL, MODEL)
    job_id = genq.submit()

    assert released(genq) == set()
    resume(genq, Scope.MODEL, MODEL)
    assert released(genq) == keys(job_id)
