"""`genq top`: frames on a terminal until q is pressed, or as JSON lines."""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections import deque
from collections.abc import AsyncGenerator, Generator
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.overview import Written
from infra.settings import Settings
from producer.operator.overview import Frame, Pace, frame_facts, look, pace_between
from producer.operator.overview_screen import draw
from producer.operator.screen import Screen
from schemas.errors import DatabaseUnavailableError

_WINDOW_SECONDS: Final = 10.0
_LEAVE: Final = frozenset("qQ\x1b\x04")

Seen = tuple[Frame, Pace | None]


class Watch:
    """Looks again and again, and knows how fast things move between two looks."""

    def __init__(self, engine: AsyncEngine, settings: Settings, clock: Clock) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._looks: deque[Written] = deque()

    async def look(self) -> Seen:
        """Return what is seen now, and the pace since the last look.

        Raises:
            DatabaseUnavailableError: PostgreSQL went away.
        """
        async with transaction(self._engine) as connection:
            frame = await look(connection, self._settings, self._clock.now())
        looks = self._looks
        # PostgreSQL's counts arrive a second late and in lumps, so a mean over some is told.
        while len(looks) > 1 and frame.written.at - looks[1].at >= _WINDOW_SECONDS:
            looks.popleft()
        pace = pace_between(looks[0], frame.written) if looks else None
        if looks and pace is None:
            looks.clear()
        looks.append(frame.written)
        return frame, pace


async def top(watch: Watch, screen: Screen, *, every: float, once: bool) -> None:
    """Show frames until the person leaves.

    Args:
        watch: What is looked at.
        screen: Prints JSON if it is for a program.
        every: Seconds between two frames.
        once: Stop after the first.

    Raises:
        DatabaseUnavailableError: PostgreSQL was away from the beginning.
    """
    console = Console(highlight=False)
    seen = await watch.look()
    if screen.as_json:
        screen.say("", frame_facts(*seen))
        while not once:
            await asyncio.sleep(every)
            screen.say("", frame_facts(*await watch.look()))
    elif once or not console.is_terminal or not console.is_interactive:
        console.print(draw(*seen, ""))
    else:
        await _live(watch, console, seen, every)


async def _live(watch: Watch, console: Console, seen: Seen, every: float) -> None:
    note = f"every {every:g} s, q quits"
    with (
        _keys() as keys,
        Live(draw(*seen, note), console=console, screen=True, auto_refresh=False) as live,
    ):
        async for _ in _ticks(keys, every):
            try:
                seen = await watch.look()
                shown = note
            except DatabaseUnavailableError as error:
                # What was seen last stays, so that nobody takes silence for peace.
                shown = f"{error.message}; trying again"
            live.update(draw(*seen, shown), refresh=True)
    console.print(Text("what was seen last:"), draw(*seen, ""), sep="\n")


async def _ticks(keys: "asyncio.Queue[str]", every: float) -> AsyncGenerator[None]:
    """Yield every so often, until a key is pressed that leaves."""
    loop = asyncio.get_running_loop()
    due = loop.time() + every
    while True:
        try:
            async with asyncio.timeout_at(due):
                if await keys.get() in _LEAVE:
                    return
        except TimeoutError:
            yield
            due = loop.time() + every


@contextlib.contextmanager
def _keys() -> Generator["asyncio.Queue[str]"]:
    """Hear single keys from the terminal; it is put back as it was at the end."""
    keys: asyncio.Queue[str] = asyncio.Queue()
    if not sys.stdin.isatty():
        yield keys
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def hear() -> None:
        # An empty read tells that the terminal is gone.
        for key in os.read(descriptor, 64).decode(errors="replace") or "q":
            keys.put_nowait(key)

    try:
        # What was typed before counts too.
        tty.setcbreak(descriptor, termios.TCSANOW)
        loop.add_reader(descriptor, hear)
        yield keys
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
