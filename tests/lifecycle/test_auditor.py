"""The auditor finds each broken promise, and nothing on a system that is well."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from infra.clock import SystemClock
from infra.new_ids import new_key
from infra.postgres.audits.auditor import RULES, confirmed, find_violations, may_settle
from infra.postgres.audits.recorded import missing_jobs
from infra.postgres.audits.rule import Rule, Scope, Violation, scope_of
from infra.postgres.parks import unpark_flows
from producer.doctor.audit import audit
from schemas.ids import parse_id
from tests.fixtures.harness import Harness

A_DAY = timedelta(days=1)
OLD = "interval '1 hour'"

EVENT = "INSERT INTO outbox (job_id, id, kind, type, body)"
ATTEMPT = "INSERT INTO attempt (job_id, fence, n, outcome)"

# One way to break each rule, on a system with a job that succeeded (:done), one that runs
# (:runs), one that is released (:sent) and one that waits (:waits).
BREAKS: dict[str, Sequence[str]] = {
    "job_lost": ["DELETE FROM live WHERE job_id = :waits"],
    "job_ended_and_live": ["UPDATE job SET final_state = 11 WHERE id = :waits"],
    "live_without_job": ["DELETE FROM payload WHERE job_id = :waits"],
    "end_untold": ["DELETE FROM outbox WHERE job_id = :done"],
    "end_told_twice": [
        "DROP INDEX uq_outbox_terminal",
        f"{EVENT} SELECT job_id, uuidv7(), kind, type, body FROM outbox WHERE job_id = :done",
    ],
    "end_told_before": [f"{EVENT} VALUES (:runs, uuidv7(), 1, 'job.failed', '')"],
    "end_told_wrongly": ["UPDATE outbox SET type = 'job.failed' WHERE job_id = :done"],
    "result_without_success": ["INSERT INTO result (job_id, fence) VALUES (:runs, 1)"],
    "success_without_result": ["DELETE FROM result WHERE job_id = :done"],
    "result_of_another_attempt": ["UPDATE result SET fence = 9 WHERE job_id = :done"],
    "two_successes": [f"{ATTEMPT} VALUES (:done, 2, 2, 1)"],
    "attempt_ahead_of_fence": [f"{ATTEMPT} VALUES (:runs, 1, 1, 2)"],
    "attempts_out_of_order": [f"{ATTEMPT} VALUES (:done, 2, 0, 2)"],
    "key_of_no_job": ["DELETE FROM job WHERE id = :waits"],
    "unique_key_of_no_job": [
        "INSERT INTO unique_job (tenant_id, key, job_id) VALUES (1, 'k', uuidv7())"
    ],
    "lane_limit_exceeded": ["UPDATE tenant SET max_inflight = 1"],
    "total_limit_exceeded": ["UPDATE tenant SET max_inflight_total = 1"],
    "limiter_overdrawn": [
        "INSERT INTO limiter VALUES ('tenant:1:requests', now() + interval '1 hour', '1 s', 60)"
    ],
    "flow_sleeps_on_work": ["UPDATE flow SET active = false"],
    "park_without_end": ["UPDATE flow SET parked_until = 'infinity', park_reason = 2"],
    "released_without_lease": ["UPDATE live SET lease_until = NULL WHERE job_id = :sent"],
    "running_without_session": ["UPDATE live SET session_id = NULL WHERE job_id = :runs"],
    "dead_workers_job": ["UPDATE live SET session_id = 0 WHERE job_id = :runs"],
    "due_and_not_ready": [f"UPDATE live SET state = 1, run_at = now() - {OLD} WHERE state = 2"],
    "park_not_lifted": [f"UPDATE flow SET parked_until = now() - {OLD}, park_reason = 1"],
    "expired_and_not_ended": [f"UPDATE live SET deadline = now() - {OLD} WHERE state = 2"],
    "nobody_releases": [
        "UPDATE flow SET parked_until = NULL",
        "UPDATE tenant SET max_inflight = 9",
    ],
    "tried_too_often": [f"{ATTEMPT} SELECT :done, f, f, 2 FROM generate_series(10, 16) AS f"],
    "lost_too_often": [f"{ATTEMPT} SELECT :done, f, f, 3 FROM generate_series(10, 13) AS f"],
    "cancel_without_end": [
        f"UPDATE live SET cancel = true, cancel_at = now() - {OLD} WHERE job_id = :waits"
    ],
    "cancelled_and_something_else": [
        "UPDATE outbox SET type = 'job.cancelled' WHERE job_id = :done"
    ],
    "started_after_its_end": [
        "UPDATE job SET final_state = 13, finished_at = created_at WHERE id = :done"
    ],
    "runs_after_its_cancel": [
        "UPDATE live SET cancel_at = started_at - interval '1 ms' WHERE job_id = :runs"
    ],
    "reservation_of_no_job": [
        (
            "INSERT INTO reservation (job_id, tenant_id, day, money, images, tokens)"
            " VALUES (:done, 1, CURRENT_DATE, 0, 0, 0)"
        )
    ],
    "budgeted_without_reservation": ["UPDATE live SET budgeted = true WHERE job_id = :waits"],
    "books_out_of_balance": ["INSERT INTO budget_use VALUES (1, '', 2, 1, CURRENT_DATE, 0, 1)"],
}


@pytest.fixture
def scope(genq: Harness) -> Scope:
    return scope_of(genq.settings, SystemClock().now(), A_DAY)


@pytest.fixture
def jobs(genq: Harness) -> dict[str, object]:
    """One job in each place; the flow is parked, for its tenant's limit of two is reached."""
    genq.tenant("acme", max_inflight=2)
    names = ("done", "runs", "sent", "waits")
    ids = {"done": genq.submit()}
    genq.run_until_idle()
    ids |= {name: genq.submit(key=name) for name in names[1:]}
    genq.release()
    genq.claim_one()
    return {name: parse_id("job", ids[name]) for name in names}


def look(genq: Harness, scope: Scope) -> list[Violation]:
    return genq.do(audit(genq._engine, scope, patience=timedelta(0)))


def test_a_system_that_is_well_breaks_no_rule(
    genq: Harness, jobs: dict[str, object], scope: Scope
) -> None:
    assert look(genq, scope) == []

    genq.run_until_idle()
    assert look(genq, scope) == []


def test_every_rule_can_be_broken_and_the_fourteen_are_there() -> None:
    assert {rule.id for rule in RULES} == set(BREAKS)
    over_time = {9}
    assert {rule.invariant for rule in RULES} | over_time == set(range(1, 15))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_breaks_a_rule_is_found(
    genq: Harness, jobs: dict[str, object], scope: Scope, rule: Rule
) -> None:
    async def look_and_forget() -> list[Violation]:
        async with genq._engine.connect() as connection:
            for statement in BREAKS[rule.id]:
                used = {name: value for name, value in jobs.items() if f":{name}" in statement}
                await connection.execute(text(statement), used)
            return await find_violations(connection, scope)

    found = {violation.id: violation for violation in genq.do(look_and_forget())}

    assert rule.id in found
    assert found[rule.id].invariant == rule.invariant
    assert found[rule.id].examples
    assert look(genq, scope) == []


def test_an_accepted_job_that_is_not_there_is_found(genq: Harness) -> None:
    known, lost = parse_id("job", genq.submit()), new_key()

    assert genq.in_transaction(lambda c: missing_jobs(c, [known, lost])) == [lost]


def test_what_settles_between_two_looks_is_no_violation(
    genq: Harness, jobs: dict[str, object], scope: Scope
) -> None:
    genq.sql("UPDATE flow SET parked_until = now() - interval '1 hour'")

    first = genq.in_transaction(lambda c: find_violations(c, scope))
    genq.in_transaction(unpark_flows)
    later = genq.in_transaction(lambda c: find_violations(c, scope, may_settle(first)))

    assert [violation.id for violation in first] == ["park_not_lifted"]
    assert confirmed(first, later) == []
    assert confirmed(first, first) == first


def test_jobs_older_than_the_scope_are_left_alone(
    genq: Harness, jobs: dict[str, object]
) -> None:
    later = SystemClock().now() + timedelta(minutes=1)
    genq.sql("DELETE FROM outbox")

    assert look(genq, scope_of(genq.settings, later, timedelta(seconds=1))) == []


def test_a_lane_whose_models_are_closed_is_not_blamed_and_an_open_one_is_named(
    genq: Harness, scope: Scope
) -> None:
    servers = genq.settings.model_servers

    def blamed() -> list[tuple[str, tuple[str, ...]]]:
        found = audit(genq._engine, scope, patience=timedelta(0), servers=servers)
        return [(violation.id, violation.examples) for violation in genq.do(found)]

    genq.submit()
    genq.sql(
        "INSERT INTO limiter (key, emission, burst, closed_until)"
        " VALUES ('server:painter', '1 s', 1, now() + interval '1 hour')"
    )
    while_closed = blamed()
    genq.sql("UPDATE limiter SET closed_until = now()")

    assert while_closed == []
    assert blamed() == [("nobody_releases", ("lane fast",))]
