"""What worker processes tell of model servers, in Valkey: fresh, or not there at all."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import orjson

from infra.valkey import VALKEY_FAILURES, close_valkey, open_valkey
from schemas.errors import ValkeyUnavailableError

REPORT_SECONDS: Final = 2.0
"""How often a process reports."""

# What is older is not shown: its process is gone, or hangs.
_FRESH_SECONDS: Final = 10
_TIMEOUT_SECONDS: Final = 2.0
_INDEX: Final = "genq:reports"
_REPORT: Final = "genq:report:"


class ReportBoard:
    """Where processes pin up their reports, each one of its own.

    Args:
        url: Of Valkey.
    """

    def __init__(self, url: str) -> None:
        self._redis: Any = open_valkey(
            url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def pin(self, process: str, report: Mapping[str, Any]) -> None:
        """Put up a process's report in place of its last one.

        Raises:
            ValkeyUnavailableError: It did not answer.
        """
        try:
            async with (
                asyncio.timeout(_TIMEOUT_SECONDS),
                self._redis.pipeline(transaction=False) as pipeline,
            ):
                key = _REPORT + process
                pipeline.set(key, orjson.dumps(report).decode(), ex=_FRESH_SECONDS)
                pipeline.sadd(_INDEX, process)
                await pipeline.execute()
        except VALKEY_FAILURES as error:
            raise ValkeyUnavailableError(f"Valkey: {type(error).__name__}") from error

    async def read(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Return every fresh report, with its process; old ones are forgotten.

        Raises:
            ValkeyUnavailableError: It did not answer.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                processes = sorted(await self._redis.smembers(_INDEX))
                if not processes:
                    return ()
                found = await self._redis.mget([_REPORT + one for one in processes])
                told = [(p, text) for p, text in zip(processes, found, strict=True)]
                gone = [process for process, text in told if text is None]
                if gone:
                    await self._redis.srem(_INDEX, *gone)
        except VALKEY_FAILURES as error:
            raise ValkeyUnavailableError(f"Valkey: {type(error).__name__}") from error
        return [(process, orjson.loads(text)) for process, text in told if text is not None]

    async def close(self) -> None:
        """Close the connections."""
        await close_valkey(self._redis)
