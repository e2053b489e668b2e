"""Batches over HTTP, as OpenAI's own client and everybody else meets them."""

from typing import Any

import openai
import pytest

from infra.settings import Settings
from schemas.batch import BatchStatus
from schemas.batch_view import BatchView
from schemas.stored_file import FilePurpose
from tests.api.batches import (
    WANTED,
    go_on,
    make,
    openai_client,
    sql,
    upload,
)
from tests.api.served import Served, new_key, pointers, run

UNKNOWN = "batch_01kb0q5v3mf0t8w2c7d4e9g6hj"
UNKNOWN_FILE = "file-01kb0q5v3mf0t8w2c7d4e9g6hj"


def test_openai_s_client_makes_and_reads_batches(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        file = await upload(api)
        async with openai_client(api) as client:
            made = await client.batches.create(
                input_file_id=file,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"night": "1"},
                output_expires_after={"anchor": "created_at", "seconds": 3600},
                extra_body={"genq": {"lane": "relax", "priority": 3, "max_parallel": 7}},
            )
            shown = await client.batches.retrieve(made.id)

        assert (made.object, made.status, made.input_file_id) == ("batch", "validating", file)
        assert made.metadata == {"night": "1"}
        assert made.expires_at == made.created_at + 86_400
        assert made.request_counts is not None
        assert made.request_counts.total == 0
        genq: dict[str, Any] = (made.model_extra or {})["genq"]
        assert (genq["lane"], genq["priority"], genq["max_parallel"]) == ("relax", 3, 7)
        assert (genq["progress"], genq["eta_seconds"], genq["ordered_output"]) == (
            0,
            None,
            True,
        )
        assert shown.to_dict() == made.to_dict()
        assert set(shown.to_dict()) == set(BatchView.model_fields)

    run(settings, scenario)


def test_openai_s_client_pages_through_batches_and_cancels_one(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = [(await make(api))["id"] for _ in range(5)]
        async with openai_client(api) as client:
            page = await client.batches.list(limit=2)
            assert [one.id for one in page.data] == [made[4], made[3]]
            assert page.has_more
            assert [one.id async for one in client.batches.list(limit=2)] == made[::-1]

            ended = await client.batches.cancel(made[0])
            assert ended.status == "cancelling"
            assert ended.cancelling_at is not None
            again = await client.batches.cancel(made[0])
            assert (again.status, again.cancelling_at) == ("cancelling", ended.cancelling_at)

    run(settings, scenario)


def test_every_fault_of_a_batch_is_named(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        file = await upload(api)

        async def refused(**more: Any) -> tuple[int, set[str]]:
            body = {**WANTED, "input_file_id": file, **more}
            answer = await api.http.post("/v1/batches", json=body)
            return answer.status_code, set(pointers(answer))

        assert await refused(endpoint="/v1/videos") == (400, {"/endpoint"})
        for window in ("30m", "0h", "169h", "8d", "1w", "24", ""):
            assert await refused(completion_window=window) == (400, {"/completion_window"})
        vision = await upload(api, purpose=FilePurpose.VISION)
        for wrong in (UNKNOWN_FILE, "job_1", vision):
            assert await refused(input_file_id=wrong) == (400, {"/input_file_id"})
        assert await refused(metadata={str(n): "" for n in range(17)}) == (400, {"/metadata"})
        assert await refused(output_expires_after={"anchor": "created_at", "seconds": 1}) == (
            400,
            {"/output_expires_after/seconds"},
        )
        assert await refused(genq={"lan": "fast"}) == (400, {"/genq/lan"})
        assert await refused(genq={"max_parallel": 0}) == (400, {"/genq/max_parallel"})
        assert await refused(
            genq={"webhook": {"url": "https://h/", "events": ["job.failed"]}}
        ) == (
            400,
            {"/genq/webhook/events/0"},
        )
        assert await refused(genq={"webhook": {"url": "http://10.0.0.1/"}}) == (
            400,
            {"/genq/webhook/url"},
        )

    run(settings, scenario)


def test_openai_s_client_is_told_which_parameter_is_wrong(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with openai_client(api) as client:
            with pytest.raises(openai.BadRequestError) as told:
                await client.batches.create(
                    input_file_id=UNKNOWN_FILE,
                    endpoint="/v1/embeddings",
                    completion_window="24h",
                )
        assert told.value.param == "input_file_id"
        assert "POST /v1/files" in told.value.message

    run(settings, scenario)


def test_windows_go_from_an_hour_to_a_week(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for window, hours in (("1h", 1), ("36h", 36), ("168h", 168), ("1d", 24), ("7d", 168)):
            made = await make(api, completion_window=window)
            assert made["completion_window"] == window
            assert made["expires_at"] - made["created_at"] == hours * 3600

    run(settings, scenario)


def test_what_the_plan_or_the_limit_forbids_is_refused_at_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await sql(api, "UPDATE tenant SET allowed_lanes = '{2,4}' WHERE name = 'acme'")
        file = await upload(api)
        key = await new_key(api.services, "acme")
        headers = {"Authorization": f"Bearer {key}"}

        async def asked(lane: str) -> Any:
            body = {**WANTED, "input_file_id": file, "genq": {"lane": lane}}
            return await api.http.post("/v1/batches", json=body, headers=headers)

        turbo = await asked("turbo")
        assert (turbo.status_code, set(pointers(turbo))) == (403, {"/genq/lane"})
        assert (await asked("fast")).status_code == 200
        assert (await asked("batch")).status_code == 200
        full = await asked("batch")
        assert (full.status_code, full.json()["code"]) == (429, "too_many_batches")
        assert full.headers["retry-after"] == "60"

    run(settings.model_copy(update={"max_open_batches": 2}), scenario)


def test_an_idempotency_key_makes_one_batch(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        body = {**WANTED, "input_file_id": await upload(api)}
        key = {"Idempotency-Key": "night-1"}
        first = await api.http.post("/v1/batches", json=body, headers=key)
        second = await api.http.post("/v1/batches", json=body, headers=key)
        assert second.json()["id"] == first.json()["id"]
        assert second.headers["idempotent-replayed"] == "true"
        other = {**body, "completion_window": "1h"}
        refused = await api.http.post("/v1/batches", json=other, headers=key)
        assert refused.status_code == 422
        assert len((await api.http.get("/v1/batches")).json()["data"]) == 1

    run(settings, scenario)


def test_only_what_has_ended_with_failures_is_tried_again(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        parent = await make(api)
        retry = f"/v1/batches/{parent['id']}/retry"

        async def refused() -> str:
            answer = await api.http.post(retry)
            assert answer.status_code == 400, answer.text
            assert answer.json()["code"] == "batch_not_retryable"
            return answer.json()["detail"]

        async def ends(status: BatchStatus, failed: int) -> None:
            await go_on(api, parent["id"], status=int(status), total=4, failed=failed)

        assert "wait until it has ended" in await refused()
        await ends(BatchStatus.FAILED, 0)
        assert "was refused" in await refused()
        await go_on(api, parent["id"], in_progress_at=api.services.clock.now())
        assert "did not come to the end of its file" in await refused()
        await go_on(api, parent["id"], status=int(BatchStatus.EXPIRED), total=0, failed=0)
        assert "before its lines were read" in await refused()
        await ends(BatchStatus.COMPLETED, 0)
        assert "has succeeded" in await refused()
        await ends(BatchStatus.COMPLETED, 3)
        await sql(api, "UPDATE file SET deleted_at = now()")
        assert "is gone" in await refused()

    run(settings, scenario)


def test_another_try_is_a_batch_of_the_same_file(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        file = await upload(api)
        parent = await make(
            api, input_file_id=file, metadata={"night": "1"}, genq={"max_parallel": 9}
        )
        await go_on(api, parent["id"], status=int(BatchStatus.COMPLETED), total=4, failed=3)
        retry = f"/v1/batches/{parent['id']}/retry"
        key = {"Idempotency-Key": "again"}
        made = (await api.http.post(retry, headers=key)).json()
        assert made["id"] != parent["id"]
        assert made["status"] == "validating"
        assert made["metadata"] == {"night": "1", "retry_of": parent["id"]}
        assert made["genq"]["retry_of"] == parent["id"]
        assert (made["input_file_id"], made["genq"]["max_parallel"]) == (file, 9)
        assert (await api.http.post(retry, headers=key)).json()["id"] == made["id"]
        longer = await api.http.post(retry, json={"completion_window": "3d"})
        assert longer.json()["completion_window"] == "3d"

    run(settings, scenario)


def test_what_has_ended_is_not_cancelled(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        batch, now = (await make(api))["id"], api.services.clock.now()
        async with openai_client(api) as client:
            for status in (BatchStatus.FINALIZING, BatchStatus.COMPLETED, BatchStatus.EXPIRED):
                await go_on(api, batch, status=int(status))
                # 409 would make OpenAI's clients try again and again.
                with pytest.raises(openai.BadRequestError) as told:
                    await client.batches.cancel(batch)
                assert told.value.code == "batch_already_ended"
            await go_on(api, batch, status=int(BatchStatus.CANCELLED), cancelling_at=now)
            assert (await client.batches.cancel(batch)).status == "cancelled"

    run(settings, scenario)


def test_nobody_learns_of_batches_that_are_not_there(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for path in ("", "/results"):
            assert (await api.http.get(f"/v1/batches/{UNKNOWN}{path}")).status_code == 404
        for path in ("/cancel", "/retry"):
            assert (await api.http.post(f"/v1/batches/{UNKNOWN}{path}")).status_code == 404
        assert (await api.http.get("/v1/batches/batch_1")).status_code == 404
        after = await api.http.get("/v1/batches", params={"after": "job_1"})
        assert (after.status_code, set(pointers(after))) == (400, {"/query/after"})

    run(settings, scenario)
