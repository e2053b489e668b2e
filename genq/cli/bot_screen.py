"""How messages of a played chat look in a terminal, and in a pipe."""

import html
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from genq.cli import bot_words
from genq.cli.bot_platform import Message, Picture

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

PRIVATE: Final = "only you see this"
_BAR: Final = 30
_WIDE, _SMALL = 44, 24
_UPPER_HALF: Final = "\u2580"
_SLUG: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 40
_COMMAND, _ROOM = "/imagine a red kite --ar 16:9", "  "


def moment(at: int) -> str:
    """Say when a time is: ``in 12 s``."""
    now = datetime.now(UTC)  # noqa: TID251 - the command line imports no clock of ours
    seconds = at - round(now.timestamp())
    if seconds <= 0:
        return "any moment"
    return f"in {seconds} s" if seconds < 120 else f"in {seconds // 60} min"  # noqa: PLR2004 - two minutes


def lines_of(platform: str, message: Message) -> list[str]:
    """Return a message in plain lines: its words, and what can be pressed."""
    words = bot_words.in_words(platform, message.text, moment).strip() or "…"
    lines = words.splitlines()
    if message.pending:
        lines = ["thinking …"]
    if message.private:
        lines[0] = f"{lines[0]}  ({PRIVATE})"
    lines += [f"{label}: {url}" for label, url in bot_words.links_of(message)]
    keys = "  ".join(f"[{number}] {label}" for number, label in bot_words.keys_of(message))
    return [*lines, keys] if keys else lines


def picture_path(folder: Path, number: int, picture: Picture) -> Path:
    """Return a name for a picture that no file has yet: ``kites/1-a-red-kite.jpg``."""
    _, _, words = picture.alt.partition(": ")
    slug = _SLUG.sub("-", html.unescape(words).lower())[:_LONGEST].strip("-") or "picture"
    suffix = Path(picture.name).suffix or ".png"
    while (path := folder / f"{number}-{slug}{suffix}").exists():
        number += 1
    return path


class ChatScreen:
    """Draws messages with rich.

    Args:
        console: A terminal.
        platform: Whose words they are.
    """

    def __init__(self, console: "Console", platform: str) -> None:
        self._console: Final = console
        self._platform: Final = platform
        self._drawn: dict[tuple[str, int], Text] = {}

    def message(
        self, message: Message, picture: bytes | None = None, notes: Sequence[str] = ()
    ) -> "RenderableType":
        """Return a message as it looks now.

        Args:
            message: It.
            picture: What it shows, as a file's bytes.
            notes: Of ours, under it.
        """
        from rich.console import Group  # noqa: PLC0415 - only in a terminal
        from rich.padding import Padding  # noqa: PLC0415 - only in a terminal
        from rich.text import Text  # noqa: PLC0415 - only in a terminal

        quiet = "dim" if message.private else ""
        lines = lines_of(self._platform, message)
        keys = lines.pop() if bot_words.keys_of(message) else None
        parts: list[RenderableType] = [Text(lines[0], style=f"bold {quiet}".strip())]
        parts += [Text(line, style=quiet) for line in lines[1:]]
        percent = bot_words.percent_of(lines[0]) if message.open else None
        percent = percent if percent is not None or len(lines) == 1 else self._second(lines)
        if message.open and percent is not None:
            parts.append(self._bar(percent))
        if picture is not None:
            parts.append(self._picture(message, picture))
        if keys is not None:
            parts.append(Text(keys, style="cyan"))
        parts += [Text(note, style="green", overflow="fold") for note in notes]
        return Padding(Group(*parts), (0, 0, 0, 2))

    def prompt(self, typed: str) -> "RenderableType":
        """Return the line that is typed into."""
        from rich.text import Text  # noqa: PLC0415 - only in a terminal

        line = Text("> ", style="bold magenta", no_wrap=True, overflow="crop")
        if not typed:
            line.append(" ", style="reverse")
            return line.append(f" {_COMMAND}", style="dim")
        # Its end is what one looks at.
        room = max(8, self._console.width - 4)
        return line.append(typed[-room:], style="not bold").append(" ", style="reverse")

    def _second(self, lines: Sequence[str]) -> int | None:
        return bot_words.percent_of(lines[1])

    def _bar(self, percent: int) -> "RenderableType":
        from rich.text import Text  # noqa: PLC0415 - only in a terminal

        done = round(_BAR * percent / 100)
        bar = Text("━" * done, style="green").append("━" * (_BAR - done), style="bright_black")
        return bar.append(f" {percent}%", style="default")

    def _picture(self, message: Message, picture: bytes) -> "RenderableType":
        from rich.text import Text  # noqa: PLC0415 - only in a terminal

        width = min(_SMALL if message.open else _WIDE, self._console.width - 4)
        key = (message.pictures[0].id, width)
        if key not in self._drawn:
            colours = self._console.color_system not in {None, "standard"}
            self._drawn[key] = half_blocks(picture, width) if colours else Text()
        return self._drawn[key]


def half_blocks(picture: bytes, width: int) -> "Text":
    """Draw a picture with half blocks, two points above each other in a cell.

    Args:
        picture: A file's bytes.
        width: Cells in a row.
    """
    from rich.text import Text  # noqa: PLC0415 - only in a terminal

    drawn = Text(no_wrap=True)
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - the SDK lives without
    except ImportError:
        return drawn
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            high = max(2, round(width * opened.height / opened.width / 2) * 2)
            small = opened.convert("RGB").resize((width, high))
    except (OSError, UnidentifiedImageError):
        return drawn
    points = small.tobytes()
    for top in range(0, high, 2):
        if top:
            drawn.append("\n")
        for column in range(width):
            upper, lower = (_colour(points, width, column, row) for row in (top, top + 1))
            drawn.append(_UPPER_HALF, style=f"{upper} on {lower}")
    return drawn


def _colour(points: bytes, width: int, column: int, row: int) -> str:
    at = 3 * (row * width + column)
    return f"#{points[at : at + 3].hex()}"
