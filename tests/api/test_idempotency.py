"""The same Idempotency-Key with the same body is one job, however often it is sent at once."""

import asyncio

import pytest

from infra.settings import Settings
from tests.api.served import IMAGE, Served, new_key, run

JSON = {"Content-Type": "application/json"}


def test_a_replay_gives_the_same_job_and_says_so(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        headers = {"Idempotency-Key": "order-1"}
        first = await api.http.post("/v1/jobs", json=IMAGE, headers=headers)
        again = await api.http.post("/v1/jobs", json=IMAGE, headers=headers)

        assert first.status_code == again.status_code == 202
        assert first.json()["id"] == again.json()["id"]
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
        assert len((await api.http.get("/v1/jobs")).json()["data"]) == 1

    run(settings, scenario)


def test_twenty_requests_at_once_create_one_job(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        headers = {"Idempotency-Key": "a" * 255}
        answers = await asyncio.gather(
            *(api.http.post("/v1/jobs", json=IMAGE, headers=headers) for _ in range(20))
        )

        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        assert len((await api.http.get("/v1/jobs")).json()["data"]) == 1

    run(settings, scenario)


def test_the_same_body_in_other_words_is_the_same_body(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        headers = {"Idempotency-Key": "order-1", **JSON}
        bodies = (
            b'{"kind":"image","input":{"prompt":"a","n":1}}',
            b'{ "input": {"n": 1, "prompt": "\\u0061"},\n  "kind": "image" }',
        )
        answers = [
            await api.http.post("/v1/jobs", content=body, headers=headers) for body in bodies
        ]

        assert answers[0].json()["id"] == answers[1].json()["id"]

    run(settings, scenario)


def test_another_body_under_the_same_key_is_422(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        headers = {"Idempotency-Key": "order-1"}
        await api.http.post("/v1/jobs", json=IMAGE, headers=headers)
        other = {**IMAGE, "priority": 1}
        answer = await api.http.post("/v1/jobs", json=other, headers=headers)

        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"

    run(settings, scenario)


def test_keys_of_two_tenants_do_not_meet(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        headers = {"Idempotency-Key": "order-1"}
        ours = await api.http.post("/v1/jobs", json=IMAGE, headers=headers)
        key = await new_key(api.services, "other")
        theirs = await api.http.post(
            "/v1/jobs", json=IMAGE, headers={**headers, "Authorization": f"Bearer {key}"}
        )

        assert ours.json()["id"] != theirs.json()["id"]
        assert "idempotent-replayed" not in theirs.headers

    run(settings, scenario)


BAD_IDEMPOTENCY_KEYS: tuple[str, ...] = (
    "",
    "a" * 256,
    "two words",
    "caf\u00e9",
)


def test_an_unacceptable_key_is_refused(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for key in BAD_IDEMPOTENCY_KEYS:
            with subtests.test(key=key):
                headers = {b"Idempotency-Key": key.encode("latin-1")}
                answer = await api.http.post("/v1/jobs", json=IMAGE, headers=headers)

                assert answer.status_code == 400
                assert answer.json()["errors"][0]["pointer"] == "/headers/Idempotency-Key"
                assert answer.json()["error"]["param"] == "Idempotency-Key"

    run(settings, scenario)
