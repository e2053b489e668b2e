"""A complete genq whose delivery process has something to do, receivers, and a bare loop."""

import asyncio
import base64
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from standardwebhooks import Webhook

from infra.doorbells import DELIVER, Doorbells
from infra.embedded.data_folder import DataFolder
from infra.embedded.run_state import RunState
from infra.postgres.engine import engine_url
from infra.sealing import Sealer, sealer_of
from tests.bench.cpu import CpuMeter
from tests.bench.lines import Child, running
from tests.bench.stack import start_genq
from tests.bench.webhooks.rows import BODY, SECRET, all_taken, owe

HEALTHY: Final = 64
"""Endpoints that answer at once, each with the usual four requests in flight."""
IN_FLIGHT: Final = 4
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.02


@dataclass
class Scene:
    """What is measured, and what measures it."""

    engine: AsyncEngine
    sealer: Sealer
    doorbells: Doorbells
    sink: Child
    bare: Child
    url: str
    meter: CpuMeter
    healthy: list[UUID]

    async def post_bare(self, seconds: float) -> dict[str, float]:
        """Let the bare loop post to the same endpoints over as many connections."""
        order = {
            "url": self.url,
            "connections": HEALTHY * IN_FLIGHT,
            "endpoints": HEALTHY,
            "seconds": seconds,
            "body": BODY,
            "secret": SECRET,
        }
        told = await self.bare.ask(order, seconds + 30)
        await self.arrivals()
        return told

    async def owe(self, endpoints: Sequence[UUID], count: int) -> tuple[UUID, float]:
        """Commit ``count`` events and ring; return one of them, and when it was committed."""
        async with self.engine.begin() as connection:
            event = await owe(connection, endpoints, count)
        committed = time.monotonic()
        await self.doorbells.ring(DELIVER)
        return event, committed

    async def drained(self, endpoints: Sequence[UUID], seconds: float) -> float:
        """Wait until everything is taken and recorded; return when it was.

        Raises:
            RuntimeError: It was not within ``seconds``.
        """
        limit = time.monotonic() + seconds
        while not await all_taken(self.engine, endpoints):
            if time.monotonic() > limit:
                raise RuntimeError(f"after {seconds:.0f} s something was still owed")
            await asyncio.sleep(_LOOK_SECONDS)
        return time.monotonic()

    async def arrivals(self) -> list[tuple[str, float]]:
        """Return event id and moment of all requests since the last call, some verified.

        Raises:
            standardwebhooks.WebhookVerificationError: A signature is wrong.
        """
        told: dict[str, Any] = await self.sink.ask({"all": True}, 30)
        verify_all(told["kept"])
        return [(str(event), float(at)) for event, at in told["arrivals"]]

    async def hanging(self) -> int:
        """Return the requests that are not answered just now."""
        return int((await self.sink.ask({}, 10))["hanging"])


def verify_all(kept: Sequence[dict[str, Any]]) -> None:
    """Verify what the receiver kept, with the standard's own library."""
    verifier = Webhook(SECRET)
    for one in kept:
        verifier.verify(base64.b64decode(one["body"]), one["fields"])


@contextlib.asynccontextmanager
async def running_scene() -> AsyncGenerator[Scene]:
    """Start everything; leave no process and no file behind."""
    folder = Path(tempfile.mkdtemp(prefix="genq-bench-", dir="/tmp"))
    try:
        async with contextlib.AsyncExitStack() as closing:
            yield await _start(folder, closing)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _start(folder: Path, closing: contextlib.AsyncExitStack) -> Scene:
    facts, _ = await start_genq(folder, closing, 0)
    state = RunState.read(DataFolder(folder / "data").state_file)
    if state is None:
        raise RuntimeError("genq up has not written its state")
    told = dict(state.environment)
    sink = await closing.enter_async_context(
        running("sink", ("-m", "tests.bench.webhooks.sink"))
    )
    bare = await closing.enter_async_context(
        running("bare loop", ("-m", "tests.bench.webhooks.bare"))
    )
    engine = create_async_engine(engine_url(told["GENQ_DATABASE_URL"]))
    closing.push_async_callback(engine.dispose)
    valkey = told.get("GENQ_VALKEY_URL") or told["GENQ_BROKER_URL"]
    return Scene(
        engine=engine,
        sealer=sealer_of(told.get("GENQ_SECRETS_KEY"), pepper=told["GENQ_KEY_PEPPER"]),
        doorbells=await closing.enter_async_context(Doorbells(valkey)),
        sink=sink,
        bare=bare,
        url=str((await sink.hear(_START_SECONDS))["url"]),
        meter=CpuMeter(
            {**facts["pids"], "sink": sink.pid, "bare loop": bare.pid, "bench": os.getpid()}
        ),
        healthy=[],
    )
