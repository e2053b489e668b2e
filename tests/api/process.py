"""The API as a process of its own."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.settings import Settings
from tests.fixtures.warm_python import WarmProcess, start_warm

MODELS: Final = """[{"name": "painter", "base_url": "http://painter.invalid/v1",
"models": [{"name": "test-image", "kind": "image"}]}]"""
_ROOT: Final = Path(__file__).parents[2]
_PATIENCE_SECONDS: Final = 30


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables of a process that works with these settings, on any port."""
    return {
        "PYTHONPATH": str(_ROOT),
        "GENQ_DATABASE_URL": settings.database_url.get_secret_value(),
        "GENQ_BROKER_URL": settings.broker_url.get_secret_value(),
        "GENQ_OBJECT_STORE": settings.object_store,
        "GENQ_KEY_PEPPER": settings.key_pepper.get_secret_value(),
        "GENQ_MODEL_SERVERS": MODELS,
        "GENQ_API_PORT": "0",
    }


@dataclass
class Process:
    """What runs, and what it writes."""

    running: WarmProcess
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        self.running.send_signal(number)

    def terminate(self) -> None:
        """SIGTERM it."""
        self.running.terminate()


@asynccontextmanager
async def started(
    *arguments: str, env: dict[str, str], folder: Path
) -> AsyncGenerator[Process]:
    """The process; killed at the end, if it is still there."""
    async with AsyncExitStack() as stack:
        (stdout, out), (stderr, err) = [await _pipe(stack) for _ in range(2)]
        command = ["-m", "producer.api", *arguments]
        running = start_warm(command, env, (0, out, err), folder)
        for its_own in (out, err):
            os.close(its_own)
        try:
            yield Process(running, stdout, stderr)
        finally:
            with suppress(ProcessLookupError):
                running.kill()
            await running.wait()


async def _pipe(stack: AsyncExitStack) -> tuple[asyncio.StreamReader, int]:
    """Return where to read, until the stack closes, and the descriptor that is written to."""
    readable, writable = os.pipe()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(readable, "rb", buffering=0)
    )
    stack.callback(transport.close)
    return reader, writable


async def url_of(process: Process) -> str:
    """Wait until the process listens; return where."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for line in process.stdout:
            told = json.loads(line)
            if told["event"] == "api_listening":
                return told["url"]
    raise AssertionError("it ended before it listened")


async def ended(process: Process) -> tuple[int, str, str]:
    """Return the exit code and what was written since, to both streams."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        # Neither may fill up while the other is read.
        written, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
        code = await process.running.wait()
    return code, written.decode(), errors.decode()
