"""POST /v1/jobs/bulk with jobs that take the place of others: all at once, in nobody's way."""

import asyncio
from typing import Any

from sqlalchemy import text

from infra.postgres.engine import transaction, whole_transactions
from infra.settings import Settings
from tests.api.served import IMAGE, PATIENCE_SECONDS, Served, run
from tests.api.test_budgets import set_budget


def replacing(key: str, **more: Any) -> dict[str, Any]:
    return {**IMAGE, **more, "unique": {"key": key, "on_conflict": "replace"}}


async def statuses(api: Served) -> list[str]:
    shown = await api.http.get("/v1/jobs?limit=100")
    return sorted(job["status"] for job in shown.json()["data"])


async def until_somebody_waits(api: Served) -> None:
    """Return when a transaction waits for a row that another one holds."""
    waits = text("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with transaction(api.services.engine) as connection:
                if (await connection.execute(waits)).first() is not None:
                    return


def test_a_call_that_waits_for_a_job_it_replaces_holds_up_no_other_submit(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        keys = ("k1", "k2")
        later = [replacing(key, run_at=3600) for key in keys]
        await api.http.post("/v1/jobs/bulk", json={"jobs": later})
        async with transaction(whole_transactions(api.services.engine)) as busy:
            newest = "SELECT max(job_id::text)::uuid FROM live"
            await busy.execute(text(f"SELECT FROM live WHERE job_id = ({newest}) FOR UPDATE"))
            jobs = {"jobs": [replacing(key) for key in keys]}
            call = asyncio.create_task(api.http.post("/v1/jobs/bulk", json=jobs))
            await until_somebody_waits(api)
            async with asyncio.timeout(3):
                await api.submit()
            assert not call.done()
        answer = await call

        assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
        assert await statuses(api) == ["cancelled"] * 2 + ["queued"] * 3

    run(settings, scenario)


def test_a_refused_call_replaces_nothing_and_what_is_replaced_makes_room(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await set_budget(api, amount=2)
        both = [replacing("k1"), replacing("k2")]
        await api.http.post("/v1/jobs/bulk", json={"jobs": both})
        refused = await api.http.post("/v1/jobs/bulk", json={"jobs": [*both, IMAGE]})
        before = await statuses(api)
        accepted = await api.http.post("/v1/jobs/bulk", json={"jobs": both})
        (budget,) = (await api.http.get("/v1/budgets")).json()["data"]

        assert (refused.status_code, refused.json()["code"]) == (402, "budget_exhausted")
        assert before == ["queued"] * 2
        assert accepted.status_code == 202, accepted.text
        assert await statuses(api) == ["cancelled"] * 2 + ["queued"] * 2
        assert (budget["spent"], budget["reserved"]) == (0, 2)

    run(settings, scenario)
