"""A flame graph of one process under load, if py-spy is installed."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from tests.bench.stack import Stack


@contextlib.asynccontextmanager
async def profiled(name: str | None, stack: Stack, seconds: float) -> AsyncGenerator[None]:
    """Watch a process with py-spy while the body runs; ``None``: watch nothing.

    Raises:
        RuntimeError: There is no such process, or no py-spy.
    """
    if name is None:
        yield
        return
    pids = stack.facts["pids"]
    program = shutil.which("py-spy")
    if name not in pids or program is None:
        raise RuntimeError(
            f"--profile {name}: py-spy must be on the PATH (pip install py-spy), and "
            f"the process one of {', '.join(sorted(pids))}"
        )
    drawing = Path(tempfile.gettempdir()) / f"genq-bench-{name}.svg"
    process = await asyncio.create_subprocess_exec(
        *(program, "record", "--pid", str(pids[name]), "--output", str(drawing)),
        *("--duration", str(int(seconds)), "--rate", "200", "--nonblocking"),
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
        await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
