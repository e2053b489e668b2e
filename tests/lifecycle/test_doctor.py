"""The doctor finds what is wrong with an installation, says what to do, and tells no secret."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import redis
from pydantic import SecretStr

from infra.clock import Clock, SystemClock
from infra.postgres.engine import create_engine
from infra.settings import Settings
from producer.doctor.examination import LOOKS, examine
from producer.doctor.finding import Finding, Level
from producer.doctor.subject import Subject
from schemas.ids import parse_id
from tests.fixtures.harness import Harness
from tests.fixtures.processes import _environment

NOBODY = "postgresql://genq:hush-hush@127.0.0.1:1/genq"


class ClockAhead(SystemClock):
    """A machine whose clock is wrong."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=60)


def look(
    genq: Harness, clock: Clock | None = None, **settings: object
) -> dict[str, list[Finding]]:
    """Return all findings, by what was looked at."""

    async def all_of_it() -> list[Finding]:
        told = genq.settings.model_copy(update=settings)
        engine = create_engine(told, process="doctor")
        subject = Subject(told, engine, clock or SystemClock(), timedelta(days=1), timedelta(0))
        try:
            return [finding async for finding in examine(subject)]
        finally:
            await engine.dispose()

    found: dict[str, list[Finding]] = {}
    for finding in genq.do(all_of_it()):
        found.setdefault(finding.check, []).append(finding)
    return found


def levels(findings: Sequence[Finding]) -> set[Level]:
    return {finding.level for finding in findings}


def test_a_sound_installation_has_no_error_and_every_look_says_something(
    genq: Harness,
) -> None:
    genq.submit()
    genq.run_until_idle()
    found = look(genq)

    assert [f for findings in found.values() for f in findings if f.level is Level.ERROR] == []
    assert set(LOOKS) <= set(found)
    # Nobody but the test is connected.
    assert len(found["processes"]) == 4


def test_whatever_is_wrong_says_why_it_matters_and_what_to_do(genq: Harness) -> None:
    genq.submit()
    genq.silence_workers()
    findings = [f for found in look(genq, ClockAhead()).values() for f in found]

    bad = [finding for finding in findings if finding.level is not Level.OK]
    assert bad
    assert all(finding.why and finding.action for finding in bad)


def test_a_database_that_is_away_is_said_without_its_password(genq: Harness) -> None:
    found = look(genq, database_url=SecretStr(NOBODY))

    assert levels(found["database"]) == {Level.ERROR}
    assert levels(found["audit"]) == {Level.ERROR}
    assert levels(found["object_store"]) == {Level.OK}
    assert "hush-hush" not in repr(found)


def test_a_broker_and_a_valkey_that_are_away_are_errors(genq: Harness) -> None:
    away = SecretStr("redis://:hush-hush@127.0.0.1:1/0")
    found = look(genq, broker_url=away, valkey_url=away)

    assert levels(found["broker"]) == {Level.ERROR}
    assert levels(found["valkey"]) == {Level.ERROR}
    assert "hush-hush" not in repr(found)


def test_an_object_store_that_cannot_be_written_is_an_error(genq: Harness) -> None:
    found = look(genq, object_store="file:///proc/genq")

    assert levels(found["object_store"]) == {Level.ERROR}


def test_an_old_revision_is_an_error_and_a_newer_one_a_warning(genq: Harness) -> None:
    (before,) = genq.sql("SELECT version_num FROM alembic_version")
    try:
        genq.sql("UPDATE alembic_version SET version_num = '0001'")
        old = look(genq)["migrations"]
        genq.sql("UPDATE alembic_version SET version_num = '9999'")
        new = look(genq)["migrations"]
    finally:
        genq.sql("UPDATE alembic_version SET version_num = :v", v=before.version_num)

    assert levels(old) == {Level.ERROR}
    assert levels(new) == {Level.WARNING}


def test_a_wrong_clock_and_the_partitions_that_it_would_need_are_errors(genq: Harness) -> None:
    found = look(genq, ClockAhead())

    assert levels(found["clocks"]) == {Level.ERROR}
    assert levels(found["partitions"]) == {Level.ERROR}
    assert any("job_p" in example for example in found["partitions"][0].examples)


def test_a_lane_without_a_worker_is_an_error_once_jobs_wait_in_it(genq: Harness) -> None:
    genq.silence_workers()
    assert levels(look(genq)["workers"]) == {Level.WARNING}

    job = genq.submit()

    wrong = [f for f in look(genq)["workers"] if f.level is Level.ERROR]
    assert [finding.examples for finding in wrong] == [(job,)]


def test_what_waits_longest_is_told_with_its_reason(genq: Harness) -> None:
    genq.tenant("acme", max_inflight=1)
    genq.submit()
    genq.submit()
    genq.release()

    (waiting,) = look(genq)["waiting"]

    assert "lane fast: 1 ready job" in waiting.what
    assert "waiting on tenant_limit" in waiting.what


def test_late_deliveries_dead_letters_and_pauses_are_warnings(genq: Harness) -> None:
    job = genq.submit()
    genq.run_until_idle()
    genq.sql("UPDATE job SET final_state = 12 WHERE id = :id", id=parse_id("job", job))
    genq.sql(
        "INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, next_at) VALUES"
        " (uuidv7(), uuidv7(), uuidv7(), 1, 'http://x', 'http://x', now() - interval '1 hour')"
    )
    genq.sql("UPDATE lane_clock SET paused_at = now() WHERE lane = 4")

    found = look(genq)

    assert levels(found["deliveries"]) == {Level.WARNING}
    assert levels(found["dead_letters"]) == {Level.WARNING}
    assert [finding.action for finding in found["paused"]] == ["genq resume lane batch"]


def test_receivers_that_are_down_are_told_of_and_what_waits_for_them_is_not_late(
    genq: Harness,
) -> None:
    assert levels(look(genq)["receivers"]) == {Level.OK}
    genq.submit()
    genq.sql(
        "INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, next_at)"
        " SELECT uuidv7(), uuidv7(), uuidv7(), id, 'http://x', 'http://x',"
        " now() - interval '1 hour' FROM tenant"
    )
    genq.sql(
        "INSERT INTO webhook_lane (id, tenant_id, origin, breaker, failing_since, next_due_at,"
        " blocked_until) SELECT lane_id, tenant_id, origin, 1, now(), later, later"
        " FROM delivery, (SELECT now() + interval '5 minutes' AS later) v"
    )
    genq.sql(
        "INSERT INTO webhook_endpoint (id, tenant_id, name, url, origin, event_types,"
        " disabled_at, disabled_reason) SELECT uuidv7(), id, '', '', '', '{}', now(), reason"
        " FROM tenant, (VALUES ('gone'), ('by hand')) v(reason)"
    )

    found = look(genq)

    assert "deliveries" not in found
    down, disabled = found["receivers"]
    assert levels([down, disabled]) == {Level.WARNING}
    assert "1 receiver of webhooks does not answer" in down.what
    assert "http://x of " in down.examples[0]
    assert "1 waiting" in down.examples[0]
    assert "1 webhook endpoint is disabled: the answer was 410" in disabled.what

    # When nobody probes it any more, it is late after all.
    genq.sql(
        "UPDATE webhook_lane SET blocked_until = now(), next_due_at = now() - interval '9 min'"
    )
    assert levels(look(genq)["deliveries"]) == {Level.WARNING}


def test_a_broken_promise_is_an_error_with_its_jobs(genq: Harness) -> None:
    job = genq.submit()
    genq.sql("DELETE FROM live")

    (finding,) = look(genq)["audit"]

    assert finding.level is Level.ERROR
    assert "invariant 1, job_lost" in finding.what
    assert finding.examples == (job,)


def test_stale_messages_that_nobody_takes_are_told(genq: Harness, settings: Settings) -> None:
    with redis.Redis.from_url(settings.broker_url.get_secret_value()) as valkey:
        valkey.lpush("{genq}:genq.relax", "stale")

    (finding,) = look(genq)["broker"]

    assert finding.level is Level.WARNING
    assert "lane relax: 1 messages wait, for 0 released jobs" in finding.what


def run(genq: Harness, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the doctor as a process."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "producer.doctor", *arguments],
        env=_environment(genq.settings),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def test_the_exit_code_tells_errors_and_json_tells_all_of_it(genq: Harness) -> None:
    sound = run(genq, "--json")
    genq.submit()
    genq.sql("DELETE FROM live")
    broken = run(genq, "--json", "--hours", "2")

    assert (sound.returncode, broken.returncode) == (0, 1), sound.stdout
    assert json.loads(sound.stdout)["ok"] is True
    told = json.loads(broken.stdout)
    assert told["ok"] is False
    assert told["counts"]["error"] == 1
    assert {finding["check"] for finding in told["findings"]} >= set(LOOKS) - {"owed"}


def test_people_read_lines_without_colours_in_a_pipe_and_no_secret(genq: Harness) -> None:
    genq.submit()
    genq.sql("DELETE FROM live")
    told = run(genq)

    assert told.returncode == 1
    assert "error    audit: invariant 1, job_lost" in told.stdout
    assert "do: " in told.stdout
    assert "\x1b" not in told.stdout
    assert genq.settings.key_pepper.get_secret_value() not in told.stdout + told.stderr


@pytest.mark.parametrize("hours", ["0", "-1", "many"])
def test_hours_that_are_none_are_refused(genq: Harness, hours: str) -> None:
    assert run(genq, "--hours", hours).returncode == 2
