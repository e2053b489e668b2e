"""/v1/files with OpenAI's own client: uploads, lists, bytes, and what leaves."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.api.services import Services
from producer.file_janitor import FileJanitor
from schemas.errors import ObjectStoreError
from schemas.ids import parse_id
from tests.api.served import Served, pointers, run
from tests.api.test_artifacts import SigningStore

LINES: Final = b'{"custom_id": "a"}\n' * 40_000
AWAY: Final[dict[str, Any]] = {"purpose": "user_data"}
MEGABYTE: Final = 1 << 20


@pytest.fixture
def spooling(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of a server that takes a megabyte."""
    spool = tmp_path / "spool"
    spool.mkdir()
    return settings.model_copy(update={"spool_folder": spool, "max_file_bytes": MEGABYTE})


@asynccontextmanager
async def openai_client(api: Served) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        yield client


def objects_of(api: Served) -> list[Path]:
    folder = Path(urlsplit(api.services.settings.object_store).path)
    return [path for path in folder.rglob("*") if path.is_file()]


async def rows_of(api: Served, statement: str = "SELECT * FROM file") -> list[Any]:
    async with transaction(api.services.engine) as connection:
        return list((await connection.execute(text(statement))).all())


async def change(api: Served, statement: str, **values: Any) -> None:
    async with transaction(api.services.engine) as connection:
        await connection.execute(text(statement), values)


def test_a_file_goes_up_is_found_read_and_deleted(spooling: Settings) -> None:
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

    run(spooling, scenario)


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


def test_a_store_with_urls_sends_readers_there(settings: Settings) -> None:
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

    run(settings, scenario, signing)


def part(name: str, content: str, more: str = "") -> str:
    head = f'Content-Disposition: form-data; name="{name}"{more}'
    return f"--b\r\n{head}\r\n\r\n{content}\r\n"


PURPOSE: Final = part("purpose", "batch")
FILE: Final = part("file", "{}", '; filename="a.jsonl"')
BROKEN: Final = {
    "no purpose": (f"{FILE}--b--", {"/purpose"}),
    "an unknown purpose": (f"{FILE}{part('purpose', 'bacth')}--b--", {"/purpose"}),
    "a purpose of others": (f"{part('purpose', 'fine-tune')}{FILE}--b--", {"/purpose"}),
    "no file": (f"{PURPOSE}--b--", {"/file"}),
    "an empty file": (f"{PURPOSE}{part('file', '')}--b--", {"/file"}),
    "two files": (f"{PURPOSE}{FILE}{FILE}--b--", {"/file"}),
    "two purposes": (f"{PURPOSE}{PURPOSE}{FILE}--b--", {"/purpose"}),
    "an unknown field": (f"{PURPOSE}{part('porpoise', 'x')}{FILE}--b--", {"/porpoise"}),
    "a huge field": (f"{part('purpose', 'x' * 2000)}{FILE}--b--", {"/purpose"}),
    "too soon": (
        f"{PURPOSE}{part('expires_after[seconds]', '3599')}{FILE}--b--",
        {"/expires_after/seconds"},
    ),
    "not from then": (
        f"{PURPOSE}{FILE}{part('expires_after[anchor]', 'now')}--b--",
        {"/expires_after/anchor"},
    ),
    "no end": (f"{PURPOSE}{FILE}", set[str]()),
    "another boundary": (f"{PURPOSE}{FILE}--b--".replace("--b", "--c"), set[str]()),
    "no form at all": ('{"purpose": "batch"}', set[str]()),
}


def test_a_broken_form_is_told_where_and_leaves_nothing(spooling: Settings) -> None:
    async def scenario(api: Served) -> None:
        form = {"content-type": "multipart/form-data; boundary=b"}
        for name, (body, places) in BROKEN.items():
            answer = await api.http.post("/v1/files", content=body.encode(), headers=form)
            assert answer.status_code == 400, name
            assert set(pointers(answer)) == places, (name, answer.text)
        large = part("file", "x" * (MEGABYTE + 1))
        declared = f"{PURPOSE}{large}--b--".encode()

        async def undeclared() -> AsyncIterator[bytes]:
            for start in range(0, len(declared), 65_536):
                yield declared[start : start + 65_536]

        for body in (declared + b" " * 70_000, declared, undeclared()):
            answer = await api.http.post("/v1/files", content=body, headers=form)
            assert answer.status_code == 413
            assert str(MEGABYTE) in answer.json()["detail"]
        for other in ({"content-type": "text/csv"}, {**form, "content-encoding": "gzip"}, {}):
            answer = await api.http.post("/v1/files", content=b"a,b", headers=other)
            assert answer.status_code == 415
        async with openai_client(api) as client:
            with pytest.raises(BadRequestError) as caught:
                await client.files.create(file=b"x", purpose="assistants")
            assert caught.value.param == "purpose"

        assert await rows_of(api) == []
        assert objects_of(api) == []
        assert list(spooling.spool_folder.iterdir()) == []  # pyright: ignore[reportOptionalMemberAccess] - the fixture sets it

    run(spooling, scenario)


def test_a_client_that_leaves_half_way_leaves_nothing(spooling: Settings) -> None:
    async def scenario(api: Served) -> None:
        host = urlsplit(api.url)
        _, writer = await asyncio.open_connection(host.hostname, host.port)
        head = (
            f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 500000\r\n\r\n"
        )
        writer.write((head + PURPOSE + FILE[:-4] + "x" * 100_000).encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        # Served after it: whatever it leaves is there by now.
        async with openai_client(api) as client:
            assert [one async for one in client.files.list()] == []
        assert await rows_of(api) == []
        assert objects_of(api) == []

    run(spooling, scenario)


def test_twenty_megabytes_go_through_in_a_few(spooling: Settings) -> None:
    size = 20 * MEGABYTE
    wide = spooling.model_copy(update={"max_file_bytes": size})
    begun = (PURPOSE + FILE[: FILE.index("{}")]).encode()

    async def form() -> AsyncIterator[bytes]:
        yield begun
        for _ in range(size // 65_536):
            yield b"x" * 65_536
        yield b"\r\n--b--"

    async def scenario(api: Served) -> None:
        headers = {"content-type": "multipart/form-data; boundary=b"}
        tracemalloc.start()
        try:
            answer = await api.http.post("/v1/files", content=form(), headers=headers)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer.json()["bytes"] == size
        assert peak < 8 * MEGABYTE

    run(wide, scenario)


class FullStore(SigningStore):
    """A store that takes nothing."""

    async def put_file(self, key: str, source: Any, content_type: str) -> None:
        raise ObjectStoreError("the disk is full")


def test_a_file_that_could_not_be_stored_is_nowhere(settings: Settings) -> None:
    def full(services: Services) -> Services:
        return replace(services, store=FullStore())

    async def scenario(api: Served) -> None:
        form = {"content-type": "multipart/form-data; boundary=b"}
        body = f"{PURPOSE}{FILE}--b--".encode()
        answer = await api.http.post("/v1/files", content=body, headers=form)
        assert answer.status_code == 503
        assert (await api.http.get("/v1/files")).json()["data"] == []
        (left,) = await rows_of(api, "SELECT deleted_at <= now() AS leaving FROM file")
        assert left.leaving

    run(settings, scenario, full)


def test_what_left_goes_bytes_first_unless_a_batch_reads_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        janitor = FileJanitor(api.services.engine, api.services.store)
        async with openai_client(api) as client:
            names = ("kept", "deleted", "expired", "on its way", "abandoned", "read")
            made = {
                name: (await client.files.create(file=(name, b"x"), **AWAY)).id
                for name in names
            }
        keys = {name: parse_id("file", file_id) for name, file_id in made.items()}
        for name, assigned in (
            ("deleted", "deleted_at = now() - interval '2 minutes'"),
            ("expired", "expires_at = now() - interval '2 minutes'"),
            ("on its way", "deleted_at = now() + interval '1 hour'"),
            ("abandoned", "deleted_at = now() - interval '1 hour'"),
            ("read", "expires_at = now() - interval '1 day'"),
        ):
            await change(api, f"UPDATE file SET {assigned} WHERE id = :id", id=keys[name])
        await change(
            api,
            "INSERT INTO batch (tenant_id, endpoint, input_file_id, lane, priority, "
            "completion_window, expires_at) VALUES (1, '/v1/images', :id, 4, 5, '1h', now())",
            id=keys["read"],
        )
        seen = (await api.http.get("/v1/files")).json()["data"]
        assert [file["filename"] for file in seen] == ["kept"]

        assert not await janitor.sweep()
        left = await rows_of(api, "SELECT filename FROM file ORDER BY id")
        assert [row.filename for row in left] == ["kept", "on its way", "read"]
        assert len(objects_of(api)) == 3

        await change(api, "UPDATE batch SET status = 10")
        await change(
            api,
            "INSERT INTO legal_hold (tenant_id, reason, placed_by) VALUES (1, 'case', 'a')",
        )
        assert not await janitor.sweep()
        assert len(objects_of(api)) == 3
        await change(api, "UPDATE legal_hold SET released_at = now()")
        await janitor.sweep()
        await janitor.sweep()
        left = await rows_of(api, "SELECT filename FROM file ORDER BY id")
        assert [row.filename for row in left] == ["kept", "on its way"]
        assert len(objects_of(api)) == 2

    run(settings, scenario)
