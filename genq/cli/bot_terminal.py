"""A talk in a terminal: messages change where they stand, and one types below them."""

import codecs
import os
import queue
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from genq.cli.bot_platform import Message
from genq.cli.bot_screen import PRIVATE, ChatScreen
from genq.cli.bot_talk import Talk, explain
from genq.cli.bot_words import Typed, read_line
from genq.errors import GenqError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_FRAME_SECONDS: Final = 0.1
_POLL_SECONDS: Final = 5.0
_END, _ERASE, _CLEAR = "\x04", frozenset("\x08\x7f"), "\x15"
_UP, _DOWN = "\x1b[A", "\x1b[B"


class Line:
    """A line that is being typed, and those before it."""

    def __init__(self) -> None:
        self.text = ""
        self._past: list[str] = []
        self._at = 0

    def type(self, typed: str) -> Iterator[str]:
        """Take what came from the keyboard; yield each line that is complete.

        Raises:
            EOFError: Ctrl-D on an empty line.
        """
        if typed in {_UP, _DOWN}:
            self._recall(-1 if typed == _UP else 1)
            return
        if typed.startswith("\x1b"):
            return
        for character in typed:
            if character in "\r\n":
                yield self._take()
            elif character in _ERASE:
                self.text = self.text[:-1]
            elif character == _CLEAR:
                self.text = ""
            elif character == _END and not self.text:
                raise EOFError
            elif character.isprintable():
                self.text += character

    def _take(self) -> str:
        text, self.text = self.text.strip(), ""
        if text and self._past[-1:] != [text]:
            self._past.append(text)
        self._at = len(self._past)
        return text

    def _recall(self, step: int) -> None:
        self._at = min(max(self._at + step, 0), len(self._past))
        self.text = self._past[self._at] if self._at < len(self._past) else ""


class TerminalTalk:
    """Draws a talk.

    Args:
        talk: It.
        console: A terminal that can move its cursor.
        platform: Whose words these are.
    """

    def __init__(self, talk: Talk, console: "Console", platform: str) -> None:
        self._talk = talk
        self._console = console
        self._screen = ChatScreen(console, platform)
        self._line = Line()
        self._open: dict[tuple[str, str], tuple[Message, bytes | None]] = {}
        self._shown: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
        # Other threads ask the platform; this one alone draws.
        self._news: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._lost = False

    def converse(self) -> bool:
        """Talk until somebody quits; return whether the platform was there all the time.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        from rich.live import Live  # noqa: PLC0415 - only in a terminal

        watcher = threading.Thread(target=self._watch, daemon=True)
        with (
            _keys(sys.stdin.fileno()),
            ThreadPoolExecutor(1) as pool,
            Live(
                get_renderable=self._drawn,
                console=self._console,
                auto_refresh=False,
                transient=True,
            ) as live,
        ):
            watcher.start()
            try:
                while not self._lost and self._turn(pool):
                    live.refresh()
            finally:
                self._stop.set()
        return not self._lost

    def _turn(self, pool: ThreadPoolExecutor) -> bool:
        """Look at the keyboard and the news once; return whether it goes on."""
        try:
            for line in self._line.type(_read(sys.stdin.fileno(), _FRAME_SECONDS)):
                if line and not self._heed(line, pool):
                    return False
        except EOFError:
            return False
        while not self._news.empty():
            self._news.get()()
        return True

    def _heed(self, line: str, pool: ThreadPoolExecutor) -> bool:
        self._print(f"> {line}", "bold magenta")
        try:
            typed = read_line(line)
        except ValueError as error:
            self._print(f"  {explain(error)}", "yellow")
            return True
        if typed is None:
            return False
        pool.submit(self._do, typed)
        return True

    def _do(self, typed: Typed) -> None:
        """Act, in a thread of its own: an answer may take some seconds."""
        try:
            note = self._talk.do(typed)
            shown, style = (f"  {note}  ({PRIVATE})" if note else ""), "dim"
        except (GenqError, LookupError, OSError) as error:
            shown, style = f"  {explain(error)}", "yellow"
        if shown:
            self._news.put(partial(self._print, shown, style))

    def _watch(self) -> None:
        """Fetch what changes, in a thread of its own."""
        while not self._stop.is_set():
            try:
                for message in self._talk.look(_POLL_SECONDS):
                    picture = self._talk.picture_of(message)
                    self._news.put(partial(self._show, message, picture))
            except GenqError as error:
                if not self._stop.is_set():
                    self._news.put(partial(self._lose, explain(error)))
                return

    def _lose(self, told: str) -> None:
        self._print(told, "red")
        self._lost = True

    def _show(self, message: Message, picture: bytes | None) -> None:
        key = message.channel, message.id
        if message.deleted:
            self._open.pop(key, None)
            return
        if message.open:
            self._open[key] = message, picture
            return
        self._open.pop(key, None)
        # One whose buttons alone changed stands above already.
        looks = message.text, tuple(one.id for one in message.pictures)
        if self._shown.get(key) == looks:
            return
        self._shown[key] = looks
        notes = [f"saved {path}" for path in self._talk.save(message)]
        self._console.print(self._screen.message(message, picture, notes))

    def _drawn(self) -> "RenderableType":
        from rich.console import Group  # noqa: PLC0415 - only in a terminal

        shown = [self._screen.message(*one) for one in self._open.values()]
        return Group(*shown, self._screen.prompt(self._line.text))

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text  # noqa: PLC0415 - only in a terminal

        self._console.print(Text(text, style=style))


_DECODER: Final = codecs.getincrementaldecoder("utf-8")(errors="replace")


def _read(terminal: int, seconds: float) -> str:
    """Return what was typed within some time.

    Raises:
        EOFError: The terminal is gone.
    """
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return ""
    data = os.read(terminal, 4096)
    if not data:
        raise EOFError
    return _DECODER.decode(data)


@contextmanager
def _keys(terminal: int) -> Generator[None]:
    """Let each key come at once and without an echo; Ctrl-C still interrupts."""
    before = termios.tcgetattr(terminal)
    # What was typed too early is not lost.
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
