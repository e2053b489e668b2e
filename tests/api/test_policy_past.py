"""Policies are tried on the past, and sanctions are lifted."""

from typing import Any

import orjson
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from infra.subjects import subject_of
from schemas.ids import parse_id
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, run

POLICY = {"policy": "acme", "categories": {"violence": {"flag": 0.4, "block": 0.6}}}
SCORES = (0.1, 0.65, 0.5, 0.9)
SIMULATE = "/v1/safety/simulate"


async def _operator(api: Served) -> dict[str, str]:
    key = await new_key(api.services, "operators", KeyScope.ADMIN)
    return {"Authorization": f"Bearer {key}"}


async def _judged(api: Served) -> list[str]:
    """Submit jobs, and keep with each what its prompt's check found at the standard level."""
    jobs = [(await api.submit())["id"] for _ in SCORES]
    for job, score in zip(jobs, SCORES, strict=True):
        verdict = "block" if score >= 0.7 else "flag" if score >= 0.45 else "allow"
        facts = {"verdict": verdict, "categories": {"violence": score}, "coverage": "full"}
        row = {"id": parse_id("job", job), "checks": orjson.dumps({"prompt": facts}).decode()}
        async with transaction(api.services.engine) as connection:
            await connection.execute(
                text(
                    "INSERT INTO attempt (job_id, fence, n, outcome, checks)"
                    " VALUES (:id, 1, 1, 1, CAST(:checks AS jsonb))"
                ),
                row,
            )
    return jobs


def test_a_policy_is_tried_on_the_past_before_it_counts(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        jobs = await _judged(api)
        stranger = await new_key(api.services, "globex")
        await api.submit(headers={"Authorization": f"Bearer {stranger}"})
        tried = await api.http.post(SIMULATE, json={"document": POLICY, "since": "1h"})
        assert tried.status_code == 200, tried.text
        found = tried.json()
        assert (found["examined"], found["judged"], found["changed"]) == (4, 4, 1)
        assert found["complete"]
        assert found["changes"] == [
            {"was": "flag", "would_be": "block", "count": 1, "jobs": [jobs[1]]}
        ]
        bounded = await api.http.post(SIMULATE, json={"document": POLICY, "limit": 2})
        assert (bounded.json()["examined"], bounded.json()["complete"]) == (2, False)

        never: dict[str, Any] = {"block": None}
        lax = {"policy": "house", "levels": {"standard": never, "relaxed": never}}
        everybody = await api.http.post(
            "/v1/admin/safety/simulate", json={"document": lax}, headers=await _operator(api)
        )
        assert everybody.json()["examined"] == 5
        assert everybody.json()["changes"] == [
            {"was": "block", "would_be": "flag", "count": 1, "jobs": [jobs[3]]}
        ]
        wrong: dict[str, Any]
        for wrong in ({}, {"document": POLICY, "version": 1}):
            assert (await api.http.post(SIMULATE, json=wrong)).status_code == 400

    run(settings, scenario)


def test_sanctions_are_listed_and_lifted(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with transaction(api.services.engine) as connection:
            row = await connection.execute(text("SELECT id FROM tenant WHERE name = 'acme'"))
            acme = row.scalar_one()
            subject = subject_of(api.services.settings, acme, "user-42")
            await connection.execute(
                text(
                    "INSERT INTO safety_strike (tenant_id, subject, kind, weight)"
                    " SELECT :tenant, :subject, 'evasion', 3 FROM generate_series(1, 4)"
                ),
                {"tenant": acme, "subject": subject},
            )
        (shown,) = (await api.http.get("/v1/safety/sanctions")).json()["data"]
        assert (shown["subject"], shown["strikes"]) == (subject.hex(), 12)
        assert shown["actions"] == ["slow_queue", "review_all"]

        path = "/v1/admin/tenants/acme/safety/sanctions"
        assert (await api.http.post(f"{path}/lift", json={"end_user": "a"})).status_code == 403
        operator = await _operator(api)
        seen = await api.http.get(path, headers=operator)
        assert len(seen.json()["data"]) == 1
        body = {"end_user": "user-42"}
        lifted = await api.http.post(f"{path}/lift", json=body, headers=operator)
        assert (lifted.status_code, lifted.json()["lifted"]) == (200, True)
        assert (await api.http.get("/v1/safety/sanctions")).json()["data"] == []
        step = (await api.http.get("/v1/audit", params={"limit": 1})).json()["data"][0]
        assert (step["action"], step["detail"]) == ("sanction.lifted", {"strikes": 12})
        again = await api.http.post(f"{path}/lift", json=body, headers=operator)
        assert again.json()["lifted"] is False
        neither = await api.http.post(f"{path}/lift", json={}, headers=operator)
        assert neither.status_code == 400

    run(settings, scenario)
