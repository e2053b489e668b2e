"""GET /v1/jobs/{id}/artifacts/{n}: the bytes, or where they are."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest

from infra.objectstore.store import StoredObject
from infra.settings import Settings
from producer.api.services import Services
from schemas.job_states import JobState
from tests.api.served import Served, new_key, run

PICTURE = bytes(range(256)) * 4096


async def made(api: Served, *pictures: bytes) -> str:
    """Return the path of the artifacts of a job that has succeeded."""
    job = await api.submit()
    await api.end(job["id"], pictures=pictures)
    return f"/v1/jobs/{job['id']}/artifacts"


def test_an_artifact_is_streamed_with_what_a_browser_needs(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, b"first", PICTURE)
        answer = await api.http.get(f"{path}/1")

        assert answer.status_code == 200
        assert answer.content == PICTURE
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["content-length"] == str(len(PICTURE))
        assert answer.headers["etag"] == f'"{hashlib.sha256(PICTURE).hexdigest()}"'
        name = f"{path.split('/')[3]}-1.png"
        assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"].startswith("private")

    run(settings, scenario)


def test_an_artifact_that_the_caller_has_is_304(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, b"first")
        etag = (await api.http.get(f"{path}/0")).headers["etag"]
        answer = await api.http.get(f"{path}/0", headers={"If-None-Match": etag})

        assert answer.status_code == 304
        assert answer.content == b""

    run(settings, scenario)


RANGES: tuple[tuple[str, int, slice, str | None], ...] = (
    ("bytes=0-0", 206, slice(0, 1), "bytes 0-0/1048576"),
    ("bytes=300000-", 206, slice(300000, None), "bytes 300000-1048575/1048576"),
    ("bytes=-10", 206, slice(-10, None), "bytes 1048566-1048575/1048576"),
    ("bytes=262143-262144", 206, slice(262143, 262145), "bytes 262143-262144/1048576"),
    ("bytes=5-99999999", 206, slice(5, None), "bytes 5-1048575/1048576"),
    ("bytes=-99999999", 206, slice(None), "bytes 0-1048575/1048576"),
    ("bytes=9-8", 200, slice(None), None),
    ("bytes=-", 200, slice(None), None),
    ("bytes=0-1,4-5", 200, slice(None), None),
    ("lines=1-2", 200, slice(None), None),
)


def test_one_range_is_a_part_and_anything_odd_is_all(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, PICTURE)
        for asked, status, part, content_range in RANGES:
            with subtests.test(asked=asked):
                answer = await api.http.get(f"{path}/0", headers={"Range": asked})

                assert answer.status_code == status
                assert answer.content == PICTURE[part]
                assert answer.headers.get("content-range") == content_range
                assert answer.headers["content-length"] == str(len(PICTURE[part]))

    run(settings, scenario)


def test_a_range_past_the_end_is_416_and_one_of_another_version_is_all(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, b"12345")
        past = await api.http.get(f"{path}/0", headers={"Range": "bytes=5-"})
        other = await api.http.get(
            f"{path}/0", headers={"Range": "bytes=1-", "If-Range": '"other"'}
        )

        assert past.status_code == 416
        assert past.headers["content-range"] == "bytes */5"
        assert other.status_code == 200

    run(settings, scenario)


def test_what_is_not_there_is_said_exactly(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, b"first")
        waiting = await api.submit()
        failed = await api.submit()
        await api.end(failed["id"], JobState.BLOCKED)
        theirs = {"Authorization": f"Bearer {await new_key(api.services, 'other')}"}
        answers = {
            "index": await api.http.get(f"{path}/1"),
            "word": await api.http.get(f"{path}/one"),
            "other": await api.http.get(f"{path}/0", headers=theirs),
            "waiting": await api.http.get(f"/v1/jobs/{waiting['id']}/artifacts/0"),
            "failed": await api.http.get(f"/v1/jobs/{failed['id']}/artifacts/0"),
        }

        assert {name: answer.status_code for name, answer in answers.items()} == {
            "index": 404,
            "word": 404,
            "other": 404,
            "waiting": 409,
            "failed": 409,
        }
        assert answers["waiting"].json()["code"] == "artifact_not_available"
        assert "queued" in answers["waiting"].json()["detail"]
        assert "blocked" in answers["failed"].json()["detail"]

    run(settings, scenario)


class SigningStore:
    """A store whose objects have URLs."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Forget it."""

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        """Forget it."""

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        raise AssertionError("a store that signs is not asked for bytes")

    async def presign(self, key: str, *, filename: str, content_type: str) -> str:
        return f"https://store.example/{key}?name={filename}&type={content_type}"

    async def close(self) -> None:
        """Nothing to close."""


def test_a_store_with_urls_gets_a_redirect(settings: Settings) -> None:
    def change(services: Services) -> Services:
        return replace(services, store=SigningStore())

    async def scenario(api: Served) -> None:
        path = await made(api, b"first")
        answer = await api.http.get(f"{path}/0", follow_redirects=False)

        assert answer.status_code == 302
        assert answer.headers["location"].startswith("https://store.example/t")
        assert "-0.png" in answer.headers["location"]
        assert answer.headers["cache-control"] == "private, no-store"

    run(settings, scenario, change)


def test_an_object_that_is_gone_is_404(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        path = await made(api, b"first")
        for file in _files(settings):
            file.unlink()
        answer = await api.http.get(f"{path}/0")

        assert answer.status_code == 404
        assert answer.json()["code"] == "object_missing"

    run(settings, scenario)


def _files(settings: Settings) -> list[Path]:
    root = Path(urlsplit(settings.object_store).path)
    return [file for file in root.rglob("*.png") if file.is_file()]
