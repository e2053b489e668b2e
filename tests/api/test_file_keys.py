"""POST /v1/files with an Idempotency-Key: the same upload is one file, however often sent."""

import asyncio
from typing import Any, Final

import httpx2
import pytest
from openai import UnprocessableEntityError

from infra.settings import Settings
from tests.api.served import Served, new_key, run
from tests.api.uploading import FILE, FORM, PURPOSE, change, objects_of, openai_client, rows_of

KEY: Final = {"Idempotency-Key": "order-1"}
LINES: Final = b'{"custom_id": "a"}\n'


async def post(api: Served, form: str, **headers: str) -> httpx2.Response:
    """Upload a form that was written by hand."""
    return await api.http.post("/v1/files", content=form, headers={**FORM, **KEY, **headers})


def test_the_same_upload_again_is_the_same_file_and_another_one_is_refused(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async with openai_client(api) as client:

            async def upload(data: bytes = LINES, name: str = "a.jsonl", **more: Any) -> Any:
                # Each form of this client has a boundary of its own.
                asked: dict[str, Any] = {"purpose": "batch", "extra_headers": KEY, **more}
                return await client.files.create(file=(name, data), **asked)

            first = await upload()
            assert await upload() == first
            half_a_day: dict[str, Any] = {"anchor": "created_at", "seconds": 43_200}
            others: list[dict[str, Any]] = [
                {"data": LINES * 2},
                {"name": "b.jsonl"},
                {"purpose": "vision"},
                {"expires_after": half_a_day},
            ]
            for other in others:
                with pytest.raises(UnprocessableEntityError) as caught:
                    await upload(**other)
                assert caught.value.code == "idempotency_key_reused"
            assert [one.id async for one in client.files.list()] == [first.id]
            assert len(objects_of(api)) == 1

            # Another tenant's is another one; so is one under another key, or none.
            stranger = await new_key(api.services, "globex")
            theirs = {**KEY, "Authorization": f"Bearer {stranger}"}
            apart = [{"Idempotency-Key": "order-2"}, {}, theirs]
            ids = {(await upload(extra_headers=headers)).id for headers in apart}
            assert len(ids | {first.id}) == 4

    run(settings, scenario)


def test_twenty_uploads_at_once_under_one_key_are_one_file(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        form = f"{PURPOSE}{FILE}--b--"
        answers = await asyncio.gather(*(post(api, form) for _ in range(20)))

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        # What the slower ones had stored already is on its way out.
        seen = await rows_of(api, "SELECT deleted_at FROM file WHERE deleted_at IS NULL")
        assert len(seen) == 1
        left = await rows_of(api, "SELECT 1 FROM file WHERE deleted_at > now()")
        assert left == []

    run(settings, scenario)


def test_a_key_is_used_up_by_the_file_that_is_there_and_by_nothing_else(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        form = f"{PURPOSE}{FILE}--b--"
        # Refused, and broken off before its file was seen: nothing is kept of the key.
        assert (await post(api, f"{FILE}--b--")).status_code == 400
        made = await post(api, form)
        assert made.status_code == 200
        await change(api, "UPDATE file SET deleted_at = now() + interval '1 hour'")
        await change(api, "DELETE FROM idempotency")
        again = await post(api, form)
        assert again.json()["id"] != made.json()["id"]

        # A file that was deleted is not made anew by whoever repeats a call of long ago.
        await api.http.delete(f"/v1/files/{again.json()['id']}")
        gone = await post(api, form)
        assert (gone.status_code, gone.json()["code"]) == (422, "idempotency_key_reused")
        assert "gone" in gone.json()["error"]["message"]
        # A day later the key is free.
        await change(api, "UPDATE idempotency SET expires_at = now()")
        assert (await post(api, form)).status_code == 200
        wrong = await post(api, form, **{"Idempotency-Key": "x" * 256})
        assert wrong.status_code == 400

    run(settings, scenario)
