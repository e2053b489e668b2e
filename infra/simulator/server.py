"""Runs the application on a port, for the command line and for tests in the same process."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from aiohttp import web

# Calls that hang shall not hold up the end.
_PATIENCE: Final = 0.1
# Thousands of connections may arrive at once.
_BACKLOG: Final = 4096
# Longer than any client keeps an idle connection, so that it is never closed under a request.
_KEEPALIVE: Final = 3600.0


@contextlib.asynccontextmanager
async def serve(
    app: web.Application, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[str, None]:
    """Serve ``app`` while the context is open; calls in flight at its end are cut off.

    Args:
        app: From `create_app`.
        host: Where to listen.
        port: The port, or 0 for any free one.

    Yields:
        The URL, without ``/v1`` and without a slash at its end.

    Raises:
        OSError: The port is taken, or the address is not ours.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=_KEEPALIVE,
        shutdown_timeout=_PATIENCE,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
        await site.start()
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await runner.cleanup()
