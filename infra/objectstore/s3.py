"""Objects in a bucket: AWS, or any server that speaks S3.

boto3 knows the credentials and signs; the bytes travel by presigned URL over one aiohttp
session, which costs a third of boto3's own upload. Nothing is retried here: an attempt that
cannot store its result fails, and the job's outcome decides about the next.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, TypeVar

import aiohttp
import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from yarl import URL

from infra.objectstore.keys import (
    FILES,
    check_key,
    check_type,
    content_disposition,
    content_type_of,
)
from infra.objectstore.s3_failures import explain_answer, explain_exception
from infra.objectstore.store import CHUNK_BYTES, PRESIGNED_FOR, StoredObject
from infra.settings import Settings
from infra.telemetry.metrics import OBJECT_STORE_SECONDS
from schemas.errors import ObjectStoreError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_Result = TypeVar("_Result")
_THREADS: Final = 4
# Of those that send large files, which each hold a thread for a long time.
_SENDERS: Final = 2
# Above this, parts can be sent again one by one by the server's own protocol.
LARGE_BYTES: Final = 8 * 1024 * 1024
_TRANSFER: Final = TransferConfig(
    multipart_threshold=LARGE_BYTES, multipart_chunksize=LARGE_BYTES, use_threads=False
)
_TIMEOUT: Final = aiohttp.ClientTimeout(total=300, sock_connect=5, sock_read=30)
# A large object takes as long as its reader; each of its waits ends.
_LONG: Final = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
_ERROR_BODY_BYTES: Final = 4096
_OK: Final = 200
_PARTIAL: Final = 206
_PAST_THE_END: Final = 416
_GIVEN: Final = (_OK, _PARTIAL, _PAST_THE_END)
_PUT_SECONDS: Final = OBJECT_STORE_SECONDS.labels("put")
_GET_SECONDS: Final = OBJECT_STORE_SECONDS.labels("get")
_PRESIGN_SECONDS: Final = OBJECT_STORE_SECONDS.labels("presign")


class S3Store:
    """An ``ObjectStore`` over one bucket. Made in the event loop that uses it."""

    def __init__(self, settings: Settings, *, bucket: str, prefix: str = "") -> None:
        """Prepare a client; the server is not contacted.

        Args:
            settings: The fields ``s3_*``.
            bucket: Must exist; genq creates none.
            prefix: Put before every key, without slashes at its ends.
        """
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._place = (
            f"bucket {bucket} at {settings.s3_endpoint or 'AWS ' + settings.s3_region}"
        )
        self._client = _make_client(settings)
        # Keys from AWS's own chain expire, and boto3 then fetches new ones, blocking.
        self._signs_at_once = settings.s3_access_key is not None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="objects")
        self._senders = ThreadPoolExecutor(_SENDERS, thread_name_prefix="files")
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_TIMEOUT,
            headers={"Accept-Encoding": "identity"},
        )

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """See ``ObjectStore.put``."""
        check_key(key)
        check_type(key, content_type)
        with _PUT_SECONDS.time():
            if len(data) > LARGE_BYTES:
                await self._in_thread(lambda: self._upload(key, BytesIO(data), content_type))
            else:
                await self._put_at_once(key, data, content_type)

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        """See ``ObjectStore.put_file``."""
        check_key(key)
        check_type(key, content_type)
        with _PUT_SECONDS.time():
            await self._in_thread(
                lambda: self._upload(key, source, content_type), self._senders
            )

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        """See ``ObjectStore.get``."""
        check_key(key)
        if end is not None and end <= start:
            # A Range cannot ask for nothing.
            return _nothing(key)
        part = start > 0 or end is not None
        headers = {"Range": f"bytes={start}-{end - 1 if end else ''}"} if part else None
        with _GET_SECONDS.time():
            url = await self._sign("get_object", key, {})
            answer = await self._request("GET", url, key, headers=headers)
        if answer.status == _PAST_THE_END:
            answer.release()
            return _nothing(key)
        if part and answer.status != _PARTIAL:
            answer.close()
            raise ObjectStoreError(f"{self._place}: the store does not give parts of objects")
        data = self._chunks(answer)
        # Started, so that closing or dropping it gives the connection back.
        await anext(data)
        return StoredObject(data, answer.content_length or 0, answer.content_type)

    async def presign(self, key: str, *, filename: str, content_type: str) -> str:
        """See ``ObjectStore.presign``."""
        check_key(key)
        with _PRESIGN_SECONDS.time():
            return await self._sign(
                "get_object",
                key,
                {
                    "ResponseContentType": content_type,
                    "ResponseContentDisposition": content_disposition(filename, content_type),
                },
            )

    async def delete(self, key: str) -> None:
        """See ``ObjectStore.delete``."""
        check_key(key)
        await self._in_thread(lambda: self._remove(key))

    async def close(self) -> None:
        """See ``ObjectStore.close``."""
        await self._session.close()
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._senders.shutdown)
        self._client.close()

    async def _put_at_once(self, key: str, data: bytes, content_type: str) -> None:
        url = await self._sign("put_object", key, {"ContentType": content_type})
        # In pieces from here on: one write of megabytes would hold up the event loop.
        body = data if len(data) <= CHUNK_BYTES else BytesIO(data)
        answer = await self._request(
            "PUT", url, key, data=body, headers={"Content-Type": content_type}
        )
        answer.release()

    def _upload(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        opened = source.open("rb") if isinstance(source, Path) else source
        opened.seek(0)
        try:
            self._client.upload_fileobj(
                opened,
                self._bucket,
                self._prefix + key,
                ExtraArgs={"ContentType": content_type},
                Config=_TRANSFER,
            )
        finally:
            if opened is not source:
                opened.close()

    def _remove(self, key: str) -> None:
        name = self._prefix + key
        self._client.delete_object(Bucket=self._bucket, Key=name)
        if not key.startswith(FILES):
            return
        # Parts that nobody completed are kept, and cost money, until somebody says this. Some
        # keys may not: their buckets need a rule for it (AbortIncompleteMultipartUpload).
        with suppress(ClientError):
            found = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=name)
            for one in found.get("Uploads", []):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=name, UploadId=one.get("UploadId", "")
                )

    async def _sign(
        self, operation: Literal["get_object", "put_object"], key: str, more: dict[str, str]
    ) -> str:
        parameters = {"Bucket": self._bucket, "Key": self._prefix + key, **more}

        def sign() -> str:
            return self._client.generate_presigned_url(
                operation, Params=parameters, ExpiresIn=int(PRESIGNED_FOR.total_seconds())
            )

        if not self._signs_at_once:
            return await self._in_thread(sign)
        try:
            return sign()
        except BotoCoreError as error:
            raise explain_exception(error, self._place) from error

    async def _request(
        self,
        method: Literal["GET", "PUT"],
        url: str,
        key: str,
        *,
        data: bytes | BytesIO | None = None,
        headers: dict[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        try:
            answer = await self._session.request(
                method,
                # Quoting it again would break the signature.
                URL(url, encoded=True),
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=_LONG if method == "GET" else _TIMEOUT,
            )
            if answer.status in _GIVEN:
                return answer
            async with answer:
                body = await answer.content.read(_ERROR_BODY_BYTES)
        except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:
            raise explain_exception(error, self._place) from error
        raise explain_answer(answer.status, body, place=self._place, key=key)

    async def _chunks(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        async with answer:
            yield b""
            try:
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    yield chunk
            except (aiohttp.ClientError, TimeoutError) as error:
                raise explain_exception(error, self._place) from error

    async def _in_thread(
        self, work: Callable[[], _Result], threads: ThreadPoolExecutor | None = None
    ) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads or self._threads, work)
        except (BotoCoreError, ClientError, Boto3Error, RuntimeError) as error:
            raise explain_exception(error, self._place) from error


def _nothing(key: str) -> StoredObject:
    async def none() -> AsyncGenerator[bytes]:
        for chunk in ():
            yield chunk

    return StoredObject(none(), 0, content_type_of(key))


def _make_client(settings: Settings) -> "S3Client":
    access, secret = settings.s3_access_key, settings.s3_secret_key
    try:
        return boto3.Session().client(  # pyright: ignore[reportUnknownMemberType] - stubs of other services are not installed
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            aws_access_key_id=access.get_secret_value() if access else None,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            config=Config(
                signature_version="s3v4",
                # Only AWS itself resolves bucket.host names for every bucket.
                s3={"addressing_style": "path" if settings.s3_endpoint else "virtual"},
                # Signed into a presigned URL, a checksum would have to be computed by aiohttp.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"total_max_attempts": 1},
                max_pool_connections=_THREADS,
                connect_timeout=5,
                read_timeout=30,
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise ObjectStoreError(f"cannot use S3 with the settings GENQ_S3_*: {error}") from error
