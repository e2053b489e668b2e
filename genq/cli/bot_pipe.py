"""A talk in plain lines: each line is said, and what comes of it is printed, then the next."""

from collections.abc import Iterable, Sequence

from genq.cli.bot_platform import Message
from genq.cli.bot_screen import PRIVATE, lines_of
from genq.cli.bot_talk import Talk, explain
from genq.cli.bot_words import read_line
from genq.cli.screen import complain, print_data
from genq.errors import GenqError


class PlainTalk:
    """Prints a talk.

    Args:
        talk: It.
        platform: Whose words these are.
    """

    def __init__(self, talk: Talk, platform: str) -> None:
        self._talk = talk
        self._platform = platform
        self._shown: dict[tuple[str, str], list[str]] = {}

    def converse(self, lines: Iterable[str]) -> bool:
        """Say the lines until they end, or one says so; return whether all could be done."""
        good = True
        for line in lines:
            if not line.strip():
                continue
            print_data(f"> {line.strip()}")
            try:
                typed = read_line(line)
                if typed is None:
                    return good
                note = self._talk.do_and_wait(typed, self.show)
            except (GenqError, LookupError, ValueError) as error:
                complain(f"  {explain(error)}")
                good = False
                continue
            if note:
                print_data(f"  {note}  ({PRIVATE})")
        self._talk.finish(self.show)
        return good

    def show(self, changed: Sequence[Message]) -> None:
        """Print messages, unless they look as they did."""
        for message in changed:
            key = message.channel, message.id
            # A platform without edits takes a message away and posts another.
            if message.deleted:
                continue
            lines = lines_of(self._platform, message)
            if self._shown.get(key) != lines:
                self._shown[key] = lines
                for line in lines:
                    print_data(f"  {line}")
            for path in self._talk.save(message):
                print_data(f"  saved {path}")
