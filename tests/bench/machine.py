"""What the numbers were measured on."""

import asyncio
import os
import platform
import sys
from pathlib import Path

import psutil

from infra.clock import SystemClock

_ROOT = Path(__file__).parents[2]


async def describe_machine() -> dict[str, str]:
    """Return the machine, the moment, the commit and the command, as people read them."""
    memory = psutil.virtual_memory().total / 2**30
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": f"{SystemClock().now():%Y-%m-%d %H:%M:%S} UTC",
        "commit": await _commit(),
        "command": " ".join(["python -P -m", _module(), *sys.argv[1:]]),
        "load before": load,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


async def _commit() -> str:
    commit = await _git("rev-parse", "--short=12", "HEAD")
    changed = await _git("status", "--porcelain")
    return (commit or "none") + (" and changes that are not committed" if changed else "")


async def _git(*arguments: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", "-C", str(_ROOT), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    output, _ = await process.communicate()
    return output.decode().strip()


def _module() -> str:
    """Return what ``python -m`` was given."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return "tests.bench" if spec is None else spec.name.removesuffix(".__main__")
