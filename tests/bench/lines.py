"""Child processes of the bench: started apart, asked and answering in lines of JSON."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from infra.settings import PREFIX

_LONGEST_LINE: Final = 256 * 1024 * 1024
_END_SECONDS: Final = 30.0


class Child:
    """A process that the bench has started."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.pid = process.pid
        self.process = process

    async def hear(self, seconds: float) -> Any:
        """Return the next line that it says.

        Raises:
            RuntimeError: It ended, or said nothing for so long.
        """
        if self.process.stdout is None:
            raise RuntimeError(f"{self.name} has no output")
        try:
            async with asyncio.timeout(seconds):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise RuntimeError(f"{self.name} said nothing for {seconds:.0f} s") from None
        if not line:
            code = await self.process.wait()
            raise RuntimeError(f"{self.name} ended too early, exit code {code}")
        return orjson.loads(line)

    async def ask(self, question: Mapping[str, Any], seconds: float) -> Any:
        """Say a line and return the answer."""
        if self.process.stdin is None:
            raise RuntimeError(f"{self.name} does not listen")
        self.process.stdin.write(orjson.dumps(question) + b"\n")
        await self.process.stdin.drain()
        return await self.hear(seconds)


@contextlib.asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    errors: Path | None = None,
) -> AsyncGenerator[Child]:
    """Start a process in a session of its own; stop it, by force if need be, at the end.

    Args:
        name: How messages call it.
        command: Arguments behind ``python -P``.
        environment: Added to this process's, which loses its ``GENQ_`` variables.
        errors: Where its standard error goes; to this one's if not given.
    """
    with contextlib.ExitStack() as files:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=files.enter_context(errors.open("wb")) if errors else None,
            env={**_environment(), **(environment or {})},
            limit=_LONGEST_LINE,
            # A Ctrl-C is for the bench, which stops its children in order.
            start_new_session=True,
        )
    try:
        yield Child(name, process)
    finally:
        await asyncio.shield(asyncio.create_task(_end(process)))


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                # Reads on, so that a full pipe holds nobody up.
                await process.communicate()
                break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def questions() -> AsyncIterator[Any]:
    """Yield the lines that a child is asked, until its parent is gone."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield orjson.loads(line)


def say(line: bytes) -> None:
    """Answer with one line."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}  # noqa: TID251 - the environment of a child
