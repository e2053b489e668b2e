"""What is never made is not its tenant's to let pass, whatever keys the tenant makes itself."""

from typing import Any

from infra.settings import Settings
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, pointers, run

NEVER: dict[str, Any] = {
    "kind": "image",
    "input": {"prompt": "[sexual content involving a minor]"},
}
APPROVE = {"decision": "approve", "reason": "harmless"}


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_no_tenant_overturns_a_floor_with_keys_of_its_own(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit(NEVER)
        assert job["status"] == "blocked"
        appeal = await api.http.post(f"/v1/jobs/{job['id']}/appeal", json={"text": "art"})
        item = f"/v1/reviews/{appeal.json()['review']}"
        for scope in ("review", "review:lead"):
            made = await api.http.post("/v1/keys", json={"name": "r", "scopes": [scope]})
            headers = _bearer(made.json()["key"])
            following = await api.http.post("/v1/reviews/claim", json={}, headers=headers)
            assert following.status_code in {204, 403}
            for step, body in (("claim", {}), ("decide", APPROVE)):
                answer = await api.http.post(f"{item}/{step}", json=body, headers=headers)
                assert answer.status_code in {400, 403, 409}, answer.text
        for _ in range(2):
            headers = _bearer(
                await new_key(api.services, "house", KeyScope.ADMIN, KeyScope.REVIEW)
            )
            assert (await api.http.post(f"{item}/claim", headers=headers)).status_code == 200
            answer = await api.http.post(f"{item}/decide", json=APPROVE, headers=headers)
            assert answer.status_code == 200, answer.text
        assert answer.json()["outcome"] == "allow"

    run(settings, scenario)


def test_a_name_that_postgresql_cannot_hold_is_no_hash_list(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.get("/v1/safety/hash_lists/%00")
        assert answer.status_code == 404

    run(settings, scenario)


def test_a_job_of_more_texts_than_can_be_judged_in_time_is_refused(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        words = [f"some words {n}" for n in range(20_000)]
        body = {"kind": "image", "input": {"prompt": "a kite", "extra_body": {"words": words}}}
        answer = await api.http.post("/v1/jobs", json=body)
        assert (answer.status_code, list(pointers(answer))) == (400, ["/input/extra_body"])

    run(settings, scenario)
