"""What the head of any answer says of the account's limits, heard before the body is read."""

from collections.abc import Callable
from datetime import timedelta

import httpx2

from worker.providers.retry_after import used_up_for

Closed = Callable[[str, timedelta], None]


class RateHeaders:
    """A response hook of httpx2: tells when a model server has nothing left, and for how long.

    Args:
        server: The model server's configured name.
        closed: Called with it, and the time until its limits are reset.
    """

    def __init__(self, server: str, closed: Closed) -> None:
        self._server = server
        self._closed = closed

    async def __call__(self, response: httpx2.Response) -> None:
        """Look at the headers; an answer that says when to come back says it better."""
        headers = response.headers
        if "retry-after" in headers or "retry-after-ms" in headers:
            return
        pause = used_up_for(headers)
        if pause is not None:
            self._closed(self._server, pause)
