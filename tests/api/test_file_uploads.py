"""POST /v1/files: every form is stored whole or leaves nothing, in little memory."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from openai import BadRequestError

from infra.settings import Settings
from producer.api.services import Services
from schemas.errors import ObjectStoreError
from tests.api.served import Served, pointers, run
from tests.api.test_artifacts import SigningStore
from tests.api.uploading import (
    FILE,
    FORM,
    MEGABYTE,
    PURPOSE,
    objects_of,
    openai_client,
    part,
    rows_of,
)

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


def test_a_broken_form_is_told_where_and_leaves_nothing(settings: Settings) -> None:
    small = settings.model_copy(update={"max_file_bytes": MEGABYTE})

    async def scenario(api: Served) -> None:
        for name, (body, places) in BROKEN.items():
            answer = await api.http.post("/v1/files", content=body.encode(), headers=FORM)
            assert answer.status_code == 400, name
            assert set(pointers(answer)) == places, (name, answer.text)
        large = part("file", "x" * (MEGABYTE + 1))
        declared = f"{PURPOSE}{large}--b--".encode()

        async def undeclared() -> AsyncIterator[bytes]:
            for start in range(0, len(declared), 65_536):
                yield declared[start : start + 65_536]

        for body in (declared + b" " * 70_000, declared, undeclared()):
            answer = await api.http.post("/v1/files", content=body, headers=FORM)
            assert answer.status_code == 413
            assert str(MEGABYTE) in answer.json()["detail"]
        for other in ({"content-type": "text/csv"}, {**FORM, "content-encoding": "gzip"}, {}):
            answer = await api.http.post("/v1/files", content=b"a,b", headers=other)
            assert answer.status_code == 415
        async with openai_client(api) as client:
            with pytest.raises(BadRequestError) as caught:
                await client.files.create(file=b"x", purpose="assistants")
            assert caught.value.param == "purpose"

        assert await rows_of(api) == []
        assert objects_of(api) == []

    run(small, scenario)


def test_a_client_that_leaves_half_way_leaves_nothing(settings: Settings) -> None:
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

    run(settings, scenario)


def test_twenty_megabytes_go_through_in_a_few(settings: Settings) -> None:
    size = 20 * MEGABYTE
    wide = settings.model_copy(update={"max_file_bytes": size})
    begun = (PURPOSE + FILE[: FILE.index("{}")]).encode()

    async def form() -> AsyncIterator[bytes]:
        yield begun
        for _ in range(size // 65_536):
            yield b"x" * 65_536
        yield b"\r\n--b--"

    async def scenario(api: Served) -> None:
        tracemalloc.start()
        try:
            answer = await api.http.post("/v1/files", content=form(), headers=FORM)
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
        body = f"{PURPOSE}{FILE}--b--".encode()
        answer = await api.http.post("/v1/files", content=body, headers=FORM)
        assert answer.status_code == 503
        assert (await api.http.get("/v1/files")).json()["data"] == []
        (left,) = await rows_of(api, "SELECT deleted_at <= now() AS leaving FROM file")
        assert left.leaving

    run(settings, scenario, full)
