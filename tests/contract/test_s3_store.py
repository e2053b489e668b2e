"""What only S3 has: URLs that carry permission, and refusals that say what to mend."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
import boto3
import pytest
from botocore.config import Config
from yarl import URL

from infra.new_ids import new_key
from infra.objectstore.s3 import LARGE_BYTES, S3Store
from schemas.errors import ObjectMissingError, ObjectStoreError
from tests.fixtures.s3_server import S3Server, s3_settings

PNG: Final = "image/png"


@asynccontextmanager
async def opened(
    server: S3Server, *, bucket: str | None = None, prefix: str = "", **changes: str | None
) -> AsyncGenerator[S3Store]:
    settings = s3_settings(server, **changes)
    store = S3Store(settings, bucket=bucket or server.bucket, prefix=prefix)
    try:
        yield store
    finally:
        await store.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(limited())


def a_key() -> str:
    return f"t1/{new_key()}.png"


async def fetch(url: str) -> tuple[int, bytes, dict[str, str]]:
    """GET ``url`` as a stranger would, with nothing but the URL."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(URL(url, encoded=True)) as answer,
    ):
        return answer.status, await answer.read(), dict(answer.headers)


def test_a_presigned_url_gives_the_object_to_whoever_has_it(s3_server: S3Server) -> None:
    async def scenario() -> None:
        async with opened(s3_server) as store:
            key = a_key()
            await store.put(key, b"the picture", PNG)

            url = await store.presign(key, filename="a fox.png", content_type=PNG)
            status, body, headers = await fetch(url)

            assert (status, body) == (200, b"the picture")
            assert headers["Content-Type"] == PNG
            assert headers["Content-Disposition"] == (
                "inline; filename=\"a_fox.png\"; filename*=UTF-8''a%20fox.png"
            )

    run(scenario)


def test_a_presigned_url_lives_a_quarter_of_an_hour(s3_server: S3Server) -> None:
    async def scenario() -> None:
        async with opened(s3_server) as store:
            url = await store.presign(a_key(), filename="a.png", content_type=PNG)

            assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["900"]

    run(scenario)


def test_a_url_that_was_tampered_with_is_refused(s3_server: S3Server) -> None:
    async def scenario() -> None:
        async with opened(s3_server) as store:
            mine, theirs = a_key(), a_key()
            for key in (mine, theirs):
                await store.put(key, b"x", PNG)
            url = await store.presign(mine, filename="a.png", content_type=PNG)

            for forged in (
                url.replace(mine, theirs),
                url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
                url.replace("inline", "attachment"),
                url.partition("?")[0],
            ):
                assert forged != url
                assert (await fetch(forged))[0] in {400, 401, 403}

    run(scenario)


def test_an_expired_url_is_refused(s3_server: S3Server) -> None:
    async def scenario() -> None:
        async with opened(s3_server) as store:
            key = a_key()
            await store.put(key, b"x", PNG)
            client = boto3.client(  # pyright: ignore[reportUnknownMemberType] - stubs of other services are not installed
                "s3",
                endpoint_url=s3_server.endpoint,
                region_name=s3_server.region,
                aws_access_key_id=s3_server.access_key,
                aws_secret_access_key=s3_server.secret_key,
                config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
            )
            url = client.generate_presigned_url(
                "get_object", Params={"Bucket": s3_server.bucket, "Key": key}, ExpiresIn=1
            )
            client.close()

            assert (await fetch(url))[0] == 200
            # The server's clock decides; ask until it has.
            while (await fetch(url))[0] == 200:  # noqa: ASYNC110 - its clock gives no event
                await asyncio.sleep(0.1)  # sleeps: the server's clock tells nobody
            assert (await fetch(url))[0] == 403

    run(scenario)


def test_parts_of_a_file_that_nobody_completed_go_with_its_key(s3_server: S3Server) -> None:
    client = boto3.client(  # pyright: ignore[reportUnknownMemberType] - stubs of other services are not installed
        "s3",
        endpoint_url=s3_server.endpoint,
        region_name=s3_server.region,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )

    def begun() -> list[str | None]:
        found = client.list_multipart_uploads(Bucket=s3_server.bucket, Prefix="blue/files/")
        return [upload.get("Key") for upload in found.get("Uploads", [])]

    async def scenario() -> None:
        for name in ("a", "ab"):
            key = f"blue/files/t1/{name}.png"
            client.create_multipart_upload(Bucket=s3_server.bucket, Key=key)
        async with opened(s3_server, prefix="blue") as store:
            await store.delete("files/t1/a.png")
            assert begun() == ["blue/files/t1/ab.png"]
            await store.delete("files/t1/ab.png")
            assert begun() == []

    run(scenario)
    client.close()


def test_a_prefix_keeps_installations_apart(s3_server: S3Server) -> None:
    async def scenario() -> None:
        key = a_key()
        async with (
            opened(s3_server, prefix="blue/one") as blue,
            opened(s3_server, prefix="green") as green,
        ):
            await blue.put(key, b"blue", PNG)
            with pytest.raises(ObjectMissingError):
                await green.get(key)

            url = await blue.presign(key, filename="a.png", content_type=PNG)

            assert urlsplit(url).path == f"/{s3_server.bucket}/blue/one/{key}"
            assert (await fetch(url))[1] == b"blue"

    run(scenario)


@pytest.mark.parametrize("size", [10, LARGE_BYTES + 1], ids=["small", "large"])
@pytest.mark.parametrize(
    ("changes", "bucket", "advice"),
    [
        ({"s3_secret_key": "wrong"}, None, "SignatureDoesNotMatch: the secret key is wrong"),
        ({"s3_access_key": "genq:nobody"}, None, "InvalidAccessKeyId|SignatureDoesNotMatch"),
        ({}, "no-such-bucket", "NoSuchBucket: create the bucket, or correct GENQ_OBJECT_STORE"),
        ({"s3_endpoint": "http://127.0.0.1:1"}, None, "cannot be reached .*GENQ_S3_ENDPOINT"),
    ],
    ids=["wrong secret", "unknown key", "missing bucket", "unreachable"],
)
def test_a_refusal_says_what_to_mend(
    s3_server: S3Server, size: int, changes: dict[str, str], bucket: str | None, advice: str
) -> None:
    async def scenario() -> None:
        async with opened(s3_server, bucket=bucket, **changes) as store:
            with pytest.raises(ObjectStoreError, match=advice) as on_put:
                await store.put(a_key(), b"x" * size, PNG)
            with pytest.raises(ObjectStoreError, match=advice) as on_get:
                await store.get(a_key())

            for caught in (on_put, on_get):
                assert not isinstance(caught.value, ObjectMissingError)
                assert caught.value.retryable
                assert "Signature=" not in str(caught.value)

    run(scenario)


def test_a_bucket_in_another_region_is_named_as_such(s3_server: S3Server) -> None:
    async def scenario() -> None:
        async with opened(s3_server, s3_region="eu-west-1") as store:
            with pytest.raises(ObjectStoreError, match="another region: set GENQ_S3_REGION"):
                await store.put(a_key(), b"x", PNG)

    run(scenario)


def test_missing_credentials_are_named(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    async def scenario() -> None:
        async with opened(s3_server, s3_access_key=None, s3_secret_key=None) as store:
            for attempt in (store.put(a_key(), b"x", PNG), store.get(a_key())):
                with pytest.raises(
                    ObjectStoreError, match="no credentials found; set GENQ_S3_"
                ):
                    await attempt

    run(scenario)


def test_credentials_of_the_machine_are_used(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)

    async def scenario() -> None:
        async with opened(s3_server, s3_access_key=None, s3_secret_key=None) as store:
            key = a_key()
            await store.put(key, b"x", PNG)
            assert await (await store.get(key)).read() == b"x"

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\nhalf",
        b"",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\n<xml",
        b"HTTP/1.1 302 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["cut in half", "hung up", "garbage", "failure without a code", "redirect"],
)
def test_a_broken_answer_is_an_error_of_the_store(s3_server: S3Server, answer: bytes) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def scenario() -> None:
        async with await asyncio.start_server(broken, "127.0.0.1", 0) as server:
            endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with opened(s3_server, s3_endpoint=endpoint) as store:
                with pytest.raises(ObjectStoreError):
                    await (await store.get(a_key())).read()

    run(scenario)
