"""Opens what reads the pictures that jobs begin with, by an installation's settings."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import SystemClock
from infra.http.opening import open_outbound, proxy_of
from infra.http.outbound import CONNECT_SECONDS
from infra.http.outbound_policy import policy_of
from infra.objectstore.store import ObjectStore
from infra.pictures.plain import PictureBounds
from infra.settings import Settings
from worker.pipeline.picture_bench import PictureBench
from worker.pipeline.picture_fetch import RemotePictures
from worker.pipeline.picture_places import FetchPlaces
from worker.pipeline.picture_sources import StoredPictures


@asynccontextmanager
async def open_pictures(
    settings: Settings, engine: AsyncEngine, store: ObjectStore
) -> AsyncGenerator[StoredPictures]:
    """Open the way to pictures; nothing is connected yet.

    Args:
        settings: How large, how long, how many at once, and which addresses may be called.
        engine: Knows where stored ones lie.
        store: Has them.

    Raises:
        SettingsError: The forward proxy speaks SOCKS, and the library for it is missing.
    """
    patience = settings.picture_fetch_timeout
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_SECONDS, sock_read=patience.total_seconds()
    )
    bounds = PictureBounds(settings.picture_max_bytes, settings.picture_max_pixels)
    bench = PictureBench(bounds)
    try:
        async with open_outbound(
            policy_of(settings), proxy=proxy_of(settings), timeout=timeout
        ) as outbound:
            places = FetchPlaces(settings.slots, settings.picture_host_fetches)
            remote = RemotePictures(outbound, places, SystemClock(), http=settings.picture_http)
            yield StoredPictures(
                engine,
                store,
                most=settings.picture_total_bytes,
                bench=bench,
                remote=remote,
                patience=patience,
            )
    finally:
        bench.close()
