"""What every object store promises, asked of every implementation."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from infra.new_ids import new_key
from infra.objectstore.keys import EXTENSIONS, file_key, object_key
from infra.objectstore.opening import open_store
from infra.objectstore.store import CHUNK_BYTES, ObjectStore
from infra.settings import Settings
from schemas.errors import ObjectMissingError, ObjectStoreError
from tests.fixtures.s3_server import S3Server

SUBMITTED: Final = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """One implementation, ready to be opened."""

    settings: Settings

    def run(self, scenario: Callable[[ObjectStore], Awaitable[None]]) -> None:
        """Open the store, run ``scenario``, close the store."""

        async def whole() -> None:
            store = open_store(self.settings)
            try:
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(whole())


@pytest.fixture(params=["folder", "s3"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": "postgresql://unused",
        "broker_url": "redis://unused",
        "key_pepper": "only-for-tests-0123456789",
        "object_store": (tmp_path / "objects").as_uri(),
    }
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        values |= {
            "object_store": f"s3://{server.bucket}/some/prefix",
            "s3_endpoint": server.endpoint,
            "s3_access_key": server.access_key,
            "s3_secret_key": server.secret_key,
        }
    return Kind(Settings(**values))


def a_key(
    *, tenant_id: int = 1, job_id: UUID | None = None, fence: int = 1, extension: str = "png"
) -> str:
    return object_key(
        tenant_id=tenant_id,
        created_at=SUBMITTED,
        job_id=job_id or new_key(),
        fence=fence,
        index=0,
        extension=extension,
    )


async def content(store: ObjectStore, key: str) -> bytes:
    return await (await store.get(key)).read()


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES + 1, 8 * MEGABYTE, 10 * MEGABYTE], ids=lambda n: f"{n} bytes"
)
def test_bytes_come_back_as_they_were_put(kind: Kind, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)

    async def scenario(store: ObjectStore) -> None:
        key = a_key()
        await store.put(key, data[:size], "image/png")

        stored = await store.get(key)

        assert stored.size == size
        assert stored.content_type == "image/png"
        chunks = [chunk async for chunk in stored.data]
        assert b"".join(chunks) == data[:size]
        assert max(map(len, chunks), default=0) <= CHUNK_BYTES

    kind.run(scenario)


@pytest.mark.parametrize(("content_type", "extension"), EXTENSIONS.items())
def test_every_media_type_is_kept(kind: Kind, content_type: str, extension: str) -> None:
    async def scenario(store: ObjectStore) -> None:
        key = a_key(extension=extension)
        await store.put(key, b"some bytes", content_type)

        stored = await store.get(key)

        assert stored.content_type == content_type
        assert await stored.read() == b"some bytes"

    kind.run(scenario)


def test_a_second_put_replaces_the_first(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        key = a_key()
        await store.put(key, b"the first, which is longer", "image/png")
        await store.put(key, b"the second", "image/png")

        assert await content(store, key) == b"the second"

    kind.run(scenario)


def test_a_reader_keeps_the_bytes_it_began_with(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        key = a_key()
        await store.put(key, b"a" * MEGABYTE, "image/png")
        stored = await store.get(key)
        first = await anext(stored.data)
        await store.put(key, b"b" * MEGABYTE, "image/png")

        assert first + await stored.read() == b"a" * MEGABYTE

    kind.run(scenario)


def test_a_missing_object_is_named_as_missing(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        with pytest.raises(ObjectMissingError, match="no object"):
            await store.get(a_key())

    kind.run(scenario)


def test_a_folder_of_objects_is_not_an_object(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        key = a_key()
        await store.put(key, b"x", "image/png")

        with pytest.raises(ObjectMissingError):
            await store.get(key.rpartition("/")[0])

    kind.run(scenario)


def test_many_puts_at_once_all_arrive(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        objects = {a_key(): f"object {n}".encode() * n for n in range(24)}
        await asyncio.gather(
            *(store.put(key, data, "image/png") for key, data in objects.items())
        )

        read = await asyncio.gather(*(content(store, key) for key in objects))

        assert read == list(objects.values())

    kind.run(scenario)


def test_puts_of_one_key_at_once_leave_one_of_them_whole(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        key = a_key()
        rivals = [bytes([n]) * 100_000 for n in range(8)]
        await asyncio.gather(*(store.put(key, data, "image/png") for data in rivals))

        assert await content(store, key) in rivals

    kind.run(scenario)


def test_tenants_and_fences_are_kept_apart(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        job_id = new_key()
        mine = a_key(tenant_id=1, job_id=job_id)
        theirs = a_key(tenant_id=11, job_id=job_id)
        later = a_key(tenant_id=1, job_id=job_id, fence=2)
        await store.put(mine, b"mine", "image/png")
        with pytest.raises(ObjectMissingError):
            await store.get(theirs)
        await store.put(theirs, b"theirs", "image/png")
        await store.put(later, b"later", "image/png")

        assert await content(store, mine) == b"mine"
        assert await content(store, theirs) == b"theirs"
        assert await content(store, later) == b"later"

    kind.run(scenario)


@pytest.mark.parametrize(
    "key",
    [
        *(
            "",
            "/",
            "/etc/passwd",
            "../outside.png",
            "t1/../../outside.png",
            "t1/..",
            "t1//a.png",
        ),
        *("t1/./a.png", ".hidden", "t1/.part", "t1\\a.png", "t1/a\0.png", "t1/a b.png"),
        *("t1/ä.png", "t1/a.png\n", "t1/a.png/", "%2e%2e/a.png", "a" * 1025),
    ],
    ids=ascii,
)
def test_a_key_that_could_leave_the_store_is_refused(kind: Kind, key: str) -> None:
    async def scenario(store: ObjectStore) -> None:
        with pytest.raises(ObjectStoreError, match="not an object key"):
            await store.put(key, b"x", "application/octet-stream")
        with pytest.raises(ObjectStoreError, match="not an object key"):
            await store.get(key)
        with pytest.raises(ObjectStoreError, match="not an object key"):
            await store.presign(key, filename="a", content_type="image/png")

    kind.run(scenario)


def test_a_type_that_the_ending_does_not_mean_is_refused(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        with pytest.raises(ObjectStoreError, match=r"ends in \.png, which is image/png"):
            await store.put(a_key(extension="png"), b"x", "text/plain")

    kind.run(scenario)


def test_reading_may_stop_half_way(kind: Kind) -> None:
    async def scenario(store: ObjectStore) -> None:
        key = a_key()
        await store.put(key, b"a" * 4 * MEGABYTE, "image/png")
        for _ in range(150):
            stored = await store.get(key)
            await stored.close()
        half = await store.get(key)
        await anext(half.data)
        await half.close()

        assert len(await content(store, key)) == 4 * MEGABYTE

    kind.run(scenario)


def test_a_closed_store_says_so(kind: Kind) -> None:
    async def scenario() -> None:
        store = open_store(kind.settings)
        await store.close()
        with pytest.raises(ObjectStoreError, match="closed"):
            await store.put(a_key(), b"x", "image/png")
        with pytest.raises(ObjectStoreError, match="closed"):
            await store.get(a_key())

    asyncio.run(scenario())


def test_a_large_file_is_stored_read_in_parts_and_deleted(kind: Kind, tmp_path: Path) -> None:
    data = bytes(range(251)) * (9 * MEGABYTE // 251)
    size = len(data)
    source = tmp_path / "source"
    source.write_bytes(data)
    key, media_type = file_key(
        tenant_id=1, created_at=SUBMITTED, file_id=new_key(), content_type="text/x-odd"
    )
    spans = [(0, 5), (1, None), (5, 3 * CHUNK_BYTES), (size - 3, size + 10)]
    nothing = [(size, None), (size + 7, None), (4, 4)]

    async def scenario(store: ObjectStore) -> None:
        await store.put_file(key, source, media_type)
        for start, end in [*spans, *nothing]:
            stored = await store.get(key, start=start, end=end)
            assert stored.size == len(data[start:end])
            assert await stored.read() == data[start:end]
        with source.open("rb") as opened:
            opened.seek(5)
            await store.put_file(key, opened, media_type)
        assert await content(store, key) == data

        await store.delete(key)
        await store.delete(key)
        for start in (0, 5):
            with pytest.raises(ObjectMissingError):
                await store.get(key, start=start)

    assert key.startswith("files/t1/2026/11/20/file-")
    kind.run(scenario)
