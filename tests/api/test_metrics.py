"""GET /metrics: this process's counters, and the backlog as the database counts it."""

import socket

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from tests.api.served import IMAGE, Served, run

Samples = dict[tuple[str, ...], float]
TOKEN = "a-token-of-the-operators"
# Due for a minute; failed before and to be tried in an hour.
_DELIVERIES = """
INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, next_at, attempt)
SELECT uuidv7(), uuidv7(), uuidv7(), 1, 'http://x/', 'http://x', now() + CAST(due AS interval),
  n
FROM (VALUES ('-1 min', 0), ('1 hour', 3)) AS d(due, n)
"""
_BREAKER = """
INSERT INTO webhook_lane (id, tenant_id, origin, breaker, blocked_until)
SELECT DISTINCT ON (lane_id) lane_id, tenant_id, origin, 1, now() + interval '1 min'
FROM delivery
"""
_STUCK = """
UPDATE live SET started_at = now() - interval '20 min', deadline = now() - interval '5 min'
WHERE state = 4
"""
_SILENT_WORKER = """
INSERT INTO session (expires_at, host, pid, slots, lanes)
VALUES (now() - interval '1 min', 'gone', 1, 8, '{1}')
"""
_BUDGETS = """
WITH made AS (
  INSERT INTO budget (tenant_id, end_user, unit, period, amount)
  SELECT id, u, 2, 1, 100 FROM tenant, unnest(ARRAY['', '*']) AS u WHERE name = 'acme')
INSERT INTO budget_use (tenant_id, end_user, unit, period, starts_on, spent, reserved)
SELECT id, u, 2, 1, CAST(now() AT TIME ZONE 'UTC' AS date) + later, spent, 5 FROM tenant,
  (VALUES ('', 0, 80), ('ada', 0, 115), ('grace', 0, 1), ('', -1, 500)) AS b(u, later, spent)
WHERE name = 'acme'
"""


async def samples(api: Served, name: str, *labels: str) -> Samples:
    answer = await api.http.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name
    }


async def one(api: Served, name: str, **labels: str) -> float:
    """Return the only sample of these labels."""
    return (await samples(api, name, *labels))[tuple(labels.values())]


async def sql(api: Served, statement: str) -> None:
    async with transaction(api.services.engine) as connection:
        await connection.execute(text(statement))


def test_the_backlog_is_counted_by_lane_and_state(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await api.submit()
        await api.submit()
        relaxed = await api.submit({**IMAGE, "lane": "relax"})
        await api.claim(relaxed["id"])

        jobs = await samples(api, "genq_jobs", "lane", "state")
        assert jobs["fast", "ready"] == 2
        assert jobs["relax", "running"] == 1
        assert jobs["turbo", "ready"] == 0
        ages = await samples(api, "genq_queue_oldest_job_age_seconds", "lane")
        assert 0 < ages[("fast",)] < 60
        assert ages[("relax",)] == 0

    run(settings, scenario)


def test_the_backlog_is_counted_once_for_many_scrapes(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        before = await samples(api, "genq_jobs", "lane", "state")
        await api.submit()

        assert await samples(api, "genq_jobs", "lane", "state") == before

    run(settings, scenario)


def test_what_waits_for_receivers_that_are_down_is_not_due_in_vain(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await sql(api, _DELIVERIES)
        await sql(api, _BREAKER)

        assert await one(api, "genq_outbox_oldest_age_seconds") == 0
        assert await one(api, "genq_webhooks_held_back") == 2
        assert await one(api, "genq_webhook_oldest_age_seconds") < 60
        assert await one(api, "genq_webhook_receivers", state="open") == 1
        assert await one(api, "genq_webhook_receivers", state="disabled") == 0

    run(settings, scenario)


def test_whatever_can_pile_up_is_counted(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for user in ("ada", "ada", "grace"):
            await api.submit({**IMAGE, "end_user": user})
        stuck = await api.submit()
        await api.claim(stuck["id"])
        await sql(api, _STUCK)
        await sql(api, _DELIVERIES)
        await sql(api, _SILENT_WORKER)
        await sql(api, _BUDGETS)

        assert await one(api, "genai_active_users") == 2
        assert 1190 < await one(api, "genq_oldest_attempt_age_seconds", lane="fast") < 1300
        assert await one(api, "genq_jobs_overdue", lane="fast") == 1
        assert await one(api, "genq_outbox_backlog") == 2
        assert await one(api, "genq_webhook_backlog") == 1
        assert 59 < await one(api, "genq_outbox_oldest_age_seconds") < 120
        assert await one(api, "genq_workers", state="alive") == 1
        assert await one(api, "genq_workers", state="silent") == 1
        assert await one(api, "genq_lane_workers", lane="turbo") == 1
        assert 60 < await one(api, "genq_worker_heartbeat_age_seconds") < 200
        # The tenant's own at 85 %, one user's at 120 % by the budget that is everybody's.
        assert await one(api, "genq_budgets_near_limit", percent="80") == 2
        assert await one(api, "genq_budgets_near_limit", percent="100") == 1
        assert await one(api, "genq_dependency_up", dependency="database") == 1
        assert await one(api, "genq_dependency_up", dependency="valkey") == 1
        # Nobody named a tenant, so none has a series.
        assert await samples(api, "genq_tenant_jobs", "tenant") == {}

    run(settings, scenario)


def test_a_tenant_has_series_once_the_operator_names_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await api.submit()
        await sql(api, _BUDGETS)

        assert await one(api, "genq_tenant_jobs", tenant="acme", state="ready") == 1
        assert await one(api, "genq_tenant_jobs", tenant="globex", state="ready") == 0
        used = {"tenant": "acme", "unit": "images", "period": "day"}
        assert await one(api, "genq_tenant_budget_used_ratio", **used) == 0.85

    run(settings.model_copy(update={"metrics_tenants": ("acme", "globex")}), scenario)


def test_with_a_token_metrics_are_for_those_who_bear_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for wrong in ("", f"Bearer {api.key}", "Bearer nope", f"Basic {TOKEN}", "Bearer \xff"):
            refused = await api.http.get(
                "/metrics", headers=[(b"authorization", wrong.encode("latin-1"))]
            )
            assert refused.status_code == 401, wrong
            assert "GENQ_METRICS_TOKEN" in refused.json()["detail"]
        page = await api.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

        assert page.status_code == 200
        assert "genq_jobs{" in page.text

    run(settings.model_copy(update={"metrics_token": SecretStr(TOKEN)}), scenario)


def test_what_a_limit_refuses_is_counted_by_the_limit(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        refused = {"decision": "refused", "limit": "rate_limited"}
        counted = tuple(refused.values())
        before = (await samples(api, "genq_admissions_total", *refused)).get(counted, 0)
        answers = [await api.http.get("/v1/jobs") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]

        assert await one(api, "genq_admissions_total", **refused) == before + 1
        assert await one(api, "genq_cache_requests_total", cache="keys", result="hit") >= 2

    run(settings.model_copy(update={"calls_per_minute": 2}), scenario)


def test_a_valkey_that_is_away_is_told_and_hides_nothing_else(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert await one(api, "genq_dependency_up", dependency="valkey") == 0
        assert await one(api, "genq_dependency_up", dependency="database") == 1
        assert await samples(api, "genq_jobs", "lane", "state") != {}

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    away = SecretStr(f"redis://127.0.0.1:{port}/0")
    run(settings.model_copy(update={"valkey_url": away}), scenario)


def test_without_a_database_the_process_still_tells_its_own(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert await samples(api, "genq_jobs", "lane", "state") == {}
        assert await samples(api, "genq_build_info", "version") != {}
        assert await one(api, "genq_dependency_up", dependency="database") == 0

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    nowhere = SecretStr(f"postgresql://genq@127.0.0.1:{port}/genq")
    run(settings.model_copy(update={"database_url": nowhere}), scenario, key="gq_any")
