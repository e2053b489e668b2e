"""The API as a process of its own."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from infra.settings import Settings

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


@asynccontextmanager
async def started(
    *arguments: str, env: dict[str, str], folder: Path
) -> AsyncGenerator[Process]:
    """The process; killed at the end, if it is still there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "producer.api", *arguments),
        env=env,
        cwd=folder,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def url_of(process: Process) -> str:
    """Wait until the process listens; return where."""
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for line in process.stdout:
            told = json.loads(line)
            if told["event"] == "api_listening":
                return told["url"]
    raise AssertionError("it ended before it listened")


async def ended(process: Process) -> tuple[int, str, str]:
    """Return the exit code and what was written since, to both streams."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        written, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, written.decode(), errors.decode()
