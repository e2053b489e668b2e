"""Fetches the pictures that inputs name by URLs: through the guard, for strangers chose them.

No model server is sent to fetch anything: it stands inside a network that callers do not see,
and what it fetched nobody would have judged. A URL is a secret of its caller's more often than
not, so that neither errors nor logs tell any of it.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from infra.clock import Clock
from infra.http.destinations import NoPlaceError
from infra.http.opening import Outbound
from infra.pictures.headers import kind_of
from infra.pictures.plain import READ
from schemas.errors import GenqError, OutboundRefusedError
from schemas.picture_errors import PictureBusyError, PictureUnavailableError
from worker.pipeline.picture_faults import picture_fault
from worker.pipeline.picture_places import FetchPlaces
from worker.providers.retry_after import retry_after

MOST_REDIRECTS: Final = 5
_HEAD: Final = 64
"""Bytes by which a picture is told: of a page of HTML no more is read."""
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_LATER: Final = frozenset({408, 421, 425, 429})
_LONGEST_WAIT: Final = timedelta(minutes=2)
"""A stranger's host may not put a job off for a day."""
_HEADERS: Final[Mapping[str, str]] = {
    "accept": "image/png, image/jpeg, image/webp, image/avif, image/gif",
    "accept-encoding": "identity",
    "user-agent": "genq (fetches a picture that a job names)",
}


class RemotePictures:
    """Fetches pictures.

    Args:
        outbound: The way out.
        places: How many at once.
        clock: For hosts that name a time.
        http: Whether ``http://`` is fetched, too.
    """

    def __init__(
        self, outbound: Outbound, places: FetchPlaces, clock: Clock, *, http: bool = False
    ) -> None:
        self._outbound = outbound
        self._places = places
        self._clock = clock
        self._https_only = not http

    async def get(self, url: str, place: str, *, tenant_id: int, most: int) -> bytes:
        """Return the bytes behind ``url``, which begin as a picture does.

        The caller bounds the time that this may take.

        Args:
            url: As the input has it; its fragment is nobody's business but the caller's.
            place: Where it stands in the input, for errors.
            tenant_id: For whom.
            most: Bytes.

        Raises:
            InputError: It leads nowhere, to no picture, to too many bytes, or to an address
                that genq does not call.
            PictureUnavailableError: Its host cannot be reached, or fails.
            PictureBusyError: Too many are being fetched.
        """
        target = self._checked(url, place)
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._one(target, place, tenant_id, most)
            if isinstance(found, bytes):
                return found
            target = found
        raise picture_fault(place, f"is redirected more than {MOST_REDIRECTS} times")

    def _checked(self, url: str, place: str) -> URL:
        try:
            self._outbound.policy.check_url(url, https_only=self._https_only)
        except OutboundRefusedError as error:
            raise picture_fault(place, f"cannot be fetched: {error.message}") from None
        # Signed URLs must reach their host as they were signed, to the last percent sign.
        read = URL(url)
        exact = URL(url, encoded=True)
        same = read.origin() == exact.origin()
        return (exact if same else read).with_fragment(None)

    async def _one(self, url: URL, place: str, tenant_id: int, most: int) -> bytes | URL:
        """Return a picture, or where it lies instead."""
        outbound = self._outbound
        async with self._places.place((url.host or "").rstrip("."), tenant_id):
            try:
                async with (
                    outbound.destinations.place(url, tenant=tenant_id),
                    outbound.session.get(
                        url, allow_redirects=False, headers=_HEADERS
                    ) as response,
                ):
                    return await self._answer(response, url, place, most)
            except GenqError:
                raise
            except (aiohttp.ClientError, OSError) as error:
                raise _failure(error, place) from None

    async def _answer(
        self, response: aiohttp.ClientResponse, url: URL, place: str, most: int
    ) -> bytes | URL:
        status = response.status
        if status in _MOVED:
            return self._next(response, url, place)
        if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(response.headers, now=self._clock.now())
            wait = min(wait, _LONGEST_WAIT) if wait else None
            raise PictureUnavailableError(
                f"the host of the picture at /input/{place} answers HTTP {status}: genq asks "
                "again later",
                retry_after=wait,
            )
        if status != HTTPStatus.OK:
            raise picture_fault(place, f"is not to be had: its host answers HTTP {status}")
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise picture_fault(place, "comes compressed, although genq asks for it as it is")
        return await _body(response, place, most)

    def _next(self, response: aiohttp.ClientResponse, url: URL, place: str) -> URL:
        location = response.headers.get("location", "")
        try:
            joined = url.join(URL(location, encoded=True)) if location else None
        except ValueError:
            joined = None
        if joined is None:
            raise picture_fault(place, "is redirected to nowhere")
        return self._checked(str(joined), place)


async def _body(response: aiohttp.ClientResponse, place: str, most: int) -> bytes:
    too_large = f"is too large: {most} bytes may be"
    if (response.content_length or 0) > most:
        raise picture_fault(place, too_large)
    data = bytearray()
    looked = False
    async for part in response.content.iter_any():
        data += part
        if len(data) > most:
            raise picture_fault(place, too_large)
        if not looked and len(data) >= _HEAD:
            looked = True
            _hold_kind(data, place)
    _hold_kind(data, place)
    return bytes(data)


def _hold_kind(data: bytearray, place: str) -> None:
    if kind_of(bytes(data[:_HEAD])) is None:
        raise picture_fault(place, f"is no {READ} file")


def _failure(error: aiohttp.ClientError | OSError, place: str) -> GenqError:
    """Return what a request's end means; nothing of what aiohttp says, which quotes the URL."""
    causes = [error, error.__cause__, error.__context__]
    if any(isinstance(one, OutboundRefusedError) for one in causes):
        return picture_fault(place, "lies at an address that genq does not call")
    if any(isinstance(one, NoPlaceError) for one in causes):
        return PictureBusyError("many pictures are being fetched from this host: the job waits")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return picture_fault(place, "cannot be fetched: its host has no valid certificate")
    if isinstance(error, aiohttp.InvalidURL):
        return picture_fault(place, "has a URL that is not valid")
    return PictureUnavailableError(
        f"the host of the picture at /input/{place} cannot be reached, or broke off: genq "
        "tries again later"
    )
