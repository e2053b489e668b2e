"""/v1/files with OpenAI's own client: lists, bytes, and what leaves."""

from dataclasses import replace
from typing import Any, Final

import httpx2
import pytest
from openai import NotFoundError

from infra.settings import Settings
from producer.api.services import Services
from producer.file_janitor import FileJanitor
from tests.api.served import Served, pointers, run
from tests.api.test_artifacts import SigningStore
from tests.api.uploading import change, objects_of, openai_client, rows_of

LINES: Final = b'{"custom_id": "a"}\n' * 40_000
AWAY: Final[dict[str, Any]] = {"purpose": "user_data"}


def test_a_file_goes_up_is_found_read_and_deleted(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with openai_client(api) as client:
            made = await client.files.create(
                file=("../in\u202e \u00e4.jsonl", LINES),
                purpose="batch",
                expires_after={"anchor": "created_at", "seconds": 7200},
            )
            assert made.model_dump() == {
                "id": made.id,
                "object": "file",
                "bytes": len(LINES),
                "created_at": made.created_at,
                "expires_at": made.created_at + 7200,
                "filename": "in \u00e4.jsonl",
                "purpose": "batch",
                "status": "processed",
                "status_details": None,
            }
            assert await client.files.retrieve(made.id) == made
            assert await client.files.wait_for_processing(made.id) == made
            assert (await client.files.content(made.id)).content == LINES

            gone = await client.files.delete(made.id)
            assert gone.model_dump() == {"id": made.id, "object": "file", "deleted": True}
            for call in (client.files.retrieve, client.files.content, client.files.delete):
                with pytest.raises(NotFoundError, match="expired or been deleted"):
                    await call(made.id)
            assert [one async for one in client.files.list()] == []

    run(settings, scenario)


def test_files_are_listed_page_by_page_in_both_orders(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with openai_client(api) as client:
            made = [await client.files.create(file=b"x", **AWAY) for _ in range(5)]
            other = await client.files.create(file=("a.png", b"x"), purpose="vision")
            ids = [file.id for file in made]

            ascending = client.files.list(order="asc", limit=2, purpose="user_data")
            assert [file.id async for file in ascending] == ids
            newest = [file.id async for file in client.files.list(limit=4)]
            assert newest == [other.id, *reversed(ids)]
            page = (await api.http.get("/v1/files?limit=2&order=asc")).json()
            assert page["has_more"]
            assert (page["first_id"], page["last_id"]) == (ids[0], ids[1])
            empty = (await api.http.get("/v1/files?purpose=fine-tune")).json()
            assert (empty["data"], empty["has_more"]) == ([], False)
            assert (empty["first_id"], empty["last_id"]) == (None, None)
            for query in ("limit=0", "limit=10001", "order=up", "purpose=bats", "after=file-1"):
                answer = await api.http.get(f"/v1/files?{query}")
                assert answer.status_code == 400, query
                assert list(pointers(answer)) == [f"/query/{query.partition('=')[0]}"]
            assert other.expires_at == other.created_at + 30 * 86_400

    run(settings, scenario)


def test_the_bytes_are_given_in_ranges_and_never_run(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        page = b"<script>alert(1)</script>"
        async with openai_client(api) as client:
            made = await client.files.create(file=("a.html", page, "text/html"), **AWAY)
        path = f"/v1/files/{made.id}/content"

        async def read(**headers: str) -> httpx2.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await api.http.get(path, headers=named)

        whole = await read()
        assert whole.content == page
        assert whole.headers["content-type"].startswith("text/html")
        assert whole.headers["content-disposition"] == 'attachment; filename="a.html"'
        assert whole.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in whole.headers["content-security-policy"]
        part = await read(range="bytes=1-6")
        assert (part.status_code, part.content) == (206, page[1:7])
        assert part.headers["content-range"] == f"bytes 1-6/{len(page)}"
        last = await read(range="bytes=-9")
        assert (last.status_code, last.content) == (206, page[-9:])
        beyond = await read(range=f"bytes={len(page)}-")
        assert beyond.status_code == 416
        assert beyond.headers["content-range"] == f"bytes */{len(page)}"
        known = await read(if_none_match=whole.headers["etag"])
        assert (known.status_code, known.content) == (304, b"")

    run(settings, scenario)


def test_a_store_with_urls_sends_readers_of_what_lies_open_there(settings: Settings) -> None:
    def signing(services: Services) -> Services:
        return replace(services, store=SigningStore())

    async def scenario(api: Served) -> None:
        async with openai_client(api) as client:
            made = await client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        answer = await api.http.get(f"/v1/files/{made.id}/content", follow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("https://store.example/files/t")
        assert answer.headers["location"].endswith("?name=a.jsonl&type=application/jsonl")
        assert answer.headers["cache-control"] == "private, no-store"

    # What is sealed it cannot give: ``test_files_at_rest``.
    run(settings.model_copy(update={"encrypt_content": False}), scenario, signing)


LEFT: Final = {
    "deleted": "deleted_at = now() - interval '2 minutes'",
    "expired": "expires_at = now() - interval '2 minutes'",
    "on its way": "deleted_at = now() + interval '1 hour'",
    "abandoned": "deleted_at = now() - interval '1 hour'",
    "read": "expires_at = now() - interval '1 day'",
}
BATCH: Final = """
INSERT INTO batch (tenant_id, endpoint, input_file_id, lane, priority, completion_window,
  expires_at)
SELECT tenant_id, '/v1/embeddings', id, 4, 5, '24h', now() FROM file WHERE filename = 'read'
"""
HOLD: Final = """
INSERT INTO legal_hold (tenant_id, reason, placed_by)
SELECT DISTINCT tenant_id, 'case', 'somebody' FROM file
"""


def test_what_left_goes_unless_a_batch_reads_it_or_a_hold_keeps_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        janitor = FileJanitor(api.services.engine, api.services.store)

        async def stays(*names: str) -> None:
            assert not await janitor.sweep()
            left = await rows_of(api, "SELECT filename FROM file ORDER BY id")
            assert [row.filename for row in left] == list(names)
            assert len(objects_of(api)) == len(names)

        async with openai_client(api) as client:
            for name in ("kept", *LEFT):
                await client.files.create(file=(name, b"x"), **AWAY)
        for name, assigned in LEFT.items():
            await change(api, f"UPDATE file SET {assigned} WHERE filename = :name", name=name)
        await change(api, BATCH)
        seen = (await api.http.get("/v1/files")).json()["data"]
        assert [file["filename"] for file in seen] == ["kept"]

        await stays("kept", "on its way", "read")
        await change(api, "UPDATE batch SET status = 10")
        await change(api, HOLD)
        await stays("kept", "on its way", "read")
        await change(api, "UPDATE legal_hold SET released_at = now()")
        await stays("kept", "on its way")
        await stays("kept", "on its way")

    run(settings, scenario)
