"""A talk with a bot on a played platform: what is said, what comes, and when all is done."""

import mimetypes
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genq.cli.bot_platform import BOT, Message, PlatformFailedError, PlayedPlatform
from genq.cli.bot_screen import picture_path
from genq.cli.bot_words import Typed, button_of
from genq.client import Genq
from genq.errors import GenqError

_LOOK_SECONDS: Final = 0.25
_WHOLE_SECONDS: Final = 120.0
_ANSWER_SECONDS: Final = 20.0
_ACTION: Final = re.compile(r"g1:[a-z]:[0-9]{1,2}:([0-9a-z]{26})")
_WITH_PICTURES: Final = ("/describe", "/blend")

Key = tuple[str, str]
Show = Callable[[Sequence[Message]], None]


@dataclass(frozen=True, slots=True)
class _Before:
    """What there was before something was said."""

    messages: frozenset[Key]
    jobs: frozenset[str]
    change: int
    at: float


class Talk:
    """One person's talk with the bot.

    Args:
        platform: Where.
        client: Of the same installation; it tells which jobs have ended.
        output: Takes the pictures.
        files: Pictures can be sent there, whose names stand after ``/describe``, ``/blend``.
    """

    def __init__(
        self, platform: PlayedPlatform, client: Genq, output: Path, *, files: bool = False
    ) -> None:
        self._platform: Final = platform
        self._files: Final = files
        self._client: Final = client
        self._output: Final = output
        self._messages: dict[Key, Message] = {}
        self._change = 0
        self._saved: dict[str, Path] = {}

    @property
    def messages(self) -> list[Message]:
        """The bot's messages that are there, the oldest first."""
        return [one for one in self._messages.values() if not one.deleted]

    @property
    def pictures(self) -> int:
        """How many pictures were saved."""
        return len(self._saved)

    def look(self, wait: float) -> list[Message]:
        """Return what has changed since the last look; waits so many seconds for it."""
        self._change, changed = self._platform.changes(self._change, wait)
        for one in changed:
            self._messages[one.channel, one.id] = one
        return changed

    def do(self, typed: Typed) -> str | None:
        """Say it, or press it; return what only a passing note tells, if one does.

        Raises:
            LookupError: There is no such button.
            GenqError: The platform refuses it, or a file cannot be read.
        """
        if typed.press:
            return self._platform.press(*button_of(self.messages, typed.text))
        words, pictures = self._with_pictures(typed.text)
        return self._platform.say(words, pictures)

    def do_and_wait(self, typed: Typed, show: Show) -> str | None:
        """Do it and show what comes of it until it is done; return the passing note.

        Raises:
            LookupError: There is no such button.
            GenqError: The platform refuses it, or it was not done in time.
        """
        before = self._now()
        note = self.do(typed)
        while typed.waits and not self._is_done(before, heard=note is not None):
            waited = time.monotonic() - before.at
            heard = note is not None or self._change > before.change
            if waited > (_WHOLE_SECONDS if heard else _ANSWER_SECONDS):
                raise PlatformFailedError(f"{typed.text}: not done after {waited:.0f} s")
            show(self.look(_LOOK_SECONDS))
        show(self.look(0))
        return note

    def finish(self, show: Show) -> None:
        """Show what comes until nothing is under way; at most two minutes."""
        before = _Before(frozenset(), frozenset(), -1, time.monotonic())
        while time.monotonic() - before.at < _WHOLE_SECONDS:
            if not any(one.open for one in self.messages):
                return
            show(self.look(_LOOK_SECONDS))

    def picture_of(self, message: Message) -> bytes | None:
        """Return the first picture of a message."""
        return self._platform.picture(message.pictures[0].id) if message.pictures else None

    def save(self, message: Message) -> list[Path]:
        """Save the pictures of a finished message that are not saved yet."""
        made: list[Path] = []
        for picture in message.pictures:
            if message.open or picture.id in self._saved:
                continue
            self._output.mkdir(parents=True, exist_ok=True)
            path = picture_path(self._output, len(self._saved) + 1, picture)
            path.write_bytes(self._platform.picture(picture.id))
            self._saved[picture.id] = path
            made.append(path)
        return made

    def _with_pictures(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Return the words without the names of files, which are uploaded."""
        name, *words = text.split()
        files = [word for word in words if name in _WITH_PICTURES and Path(word).is_file()]
        if files and not self._files:
            raise PlatformFailedError(f"{files[0]}: send it with --platform telegram")
        pictures = tuple(self._upload(Path(word)) for word in files)
        if not pictures:
            return text, ()
        return " ".join([name, *(word for word in words if word not in files)]), pictures

    def _upload(self, path: Path) -> str:
        media_type, _ = mimetypes.guess_type(path.name)
        if media_type is None or not media_type.startswith("image/"):
            raise PlatformFailedError(f"{path}: its name is not that of a picture")
        return self._platform.upload(path, media_type)

    def _now(self) -> _Before:
        jobs = frozenset(job.id for job in self._client.jobs.list(limit=50).data)
        return _Before(frozenset(self._messages), jobs, self._change, time.monotonic())

    def _is_done(self, before: _Before, *, heard: bool) -> bool:
        if not heard and self._change <= before.change:
            return False
        jobs = self._client.jobs.list(limit=50).data
        new = [job for job in jobs if job.id not in before.jobs]
        if not all(job.done for job in new):
            return False
        fresh = [m for key, m in self._messages.items() if key not in before.messages]
        if sum(not one.private for one in fresh) < len(new):
            return False
        # What an earlier line began may go on; what has ended must be seen to have ended.
        going_on = {job.id for job in jobs if not job.done}
        return not any(one.open and _job_of(one) not in going_on for one in self.messages)


def _job_of(message: Message) -> str:
    found = (_ACTION.fullmatch(one.id or "") for one in message.buttons)
    return next((f"job_{one[1]}" for one in found if one), BOT)


def explain(error: Exception) -> str:
    """Return what went wrong, for a person."""
    return error.message if isinstance(error, GenqError) else str(error.args[0])
