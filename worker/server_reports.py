"""Tells whoever asks how model servers do: a report every two seconds, from each process."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Any, Final

import structlog

from infra.server_reports import REPORT_SECONDS, ReportBoard
from schemas.errors import ValkeyUnavailableError
from schemas.model_catalog import ModelServer
from worker.gate import Gate
from worker.pipeline.server_load import ServerLoad
from worker.recent_calls import RecentCalls

_log: Final = structlog.get_logger()


class Reporter:
    """Reports for one worker process.

    Args:
        board: Where reports are pinned up.
        servers: The configured ones.
        gate: Knows which of them are closed.
        load: Knows how busy they are.
        recent: Knows how calls went.
    """

    def __init__(
        self,
        board: ReportBoard,
        servers: Sequence[ModelServer],
        *,
        gate: Gate,
        load: ServerLoad,
        recent: RecentCalls,
    ) -> None:
        self._board = board
        self._servers = tuple(servers)
        self._gate = gate
        self._load = load
        self._recent = recent
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._task: asyncio.Task[None] | None = None
        self._silent = False

    def start(self) -> None:
        """Report from now on."""
        self._task = asyncio.create_task(self._report())

    async def close(self) -> None:
        """Report no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._board.close()

    def report(self) -> dict[str, Any]:
        """Return what this process knows now, by server."""
        return {server.name: self._told(server) for server in self._servers}

    async def tell(self) -> None:
        """Report once; who cannot says so once."""
        try:
            await self._board.pin(self._process, self.report())
        except (ValkeyUnavailableError, TimeoutError):
            if not self._silent:
                _log.warning("servers_not_reported")
            self._silent = True
        else:
            self._silent = False

    def _told(self, server: ModelServer) -> dict[str, Any]:
        return {
            **self._gate.standing(server),
            "in_flight": self._load.calls(server),
            "places": server.concurrency,
            **self._recent.told(server.name),
        }

    async def _report(self) -> None:
        while True:
            try:
                await self.tell()
            except Exception:  # noqa: BLE001 - a report that fails must not be the last one
                _log.exception("servers_not_reported")
            await asyncio.sleep(REPORT_SECONDS)
