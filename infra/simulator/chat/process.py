"""``python -P -m infra.simulator.chat``: chat platforms that are none, for one who develops.

Standard output carries one line when it is ready: ``{"url": …, "platform": …, "settings": …}``;
the settings are those with which genq speaks with them. It listens on 127.0.0.1 alone.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

import aiohttp
import orjson

from infra.simulator.chat.discord_schema import MissingLibraryError, schema_faults
from infra.simulator.chat.platforms import NAMES, ChatPlatforms
from infra.simulator.chat.play import Play

IDENTITY: Final = "chat platforms of genq's simulator: no message leaves this machine"
_CANNOT: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    told = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(told))
    except (OSError, MissingLibraryError) as error:
        sys.stderr.write(f"the chat platforms cannot start: {error}\n")
        return _CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("infra.simulator.chat", description=f"The {IDENTITY}.")
    parser.add_argument("--port", type=int, default=0, help="port; 0 for any free one")
    parser.add_argument("--api", help="the bot's server, http://host:port; or PUT /play/api")
    parser.add_argument(
        "--platform",
        choices=NAMES,
        action="append",
        help="whose settings are told; the first is what /play means; all unless given",
    )
    return parser


async def _run(told: argparse.Namespace) -> int:
    names: list[str] = told.platform or list(NAMES)
    # Says at once what is not installed.
    schema_faults("POST", "/channels/{channel_id}/messages", {})
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    platforms = ChatPlatforms()
    async with aiohttp.ClientSession() as session:
        play = Play(platforms, session, names[0])
        if told.api:
            play.connect(told.api)
        async with platforms.serve(port=told.port, more=play.routes()) as url:
            ready = {"url": url, "platform": names[0], "settings": platforms.settings(*names)}
            sys.stdout.buffer.write(orjson.dumps(ready) + b"\n")
            sys.stdout.buffer.flush()
            await stop.wait()
    return 0
