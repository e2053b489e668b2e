"""Values as operators type them, for several commands."""

import argparse
from typing import Final

_MOST_LISTED: Final = 1_000


def flag(field: str) -> str:
    """Return the flag that sets a field."""
    return f"--{field.replace('_', '-')}"


def names_of(text: str) -> list[str]:
    """Return the names in a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def between(text: str, least: int, most: int, what: str) -> int:
    """Return a whole number; ``what`` says which are possible.

    Raises:
        argparse.ArgumentTypeError: It is another one, or none.
    """
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r}: {what}")
    return int(text)


def rows(text: str) -> int:
    """Return how many rows are wanted."""
    wanted = int(text)
    if not 1 <= wanted <= _MOST_LISTED:
        raise argparse.ArgumentTypeError(f"{text}: 1 to {_MOST_LISTED}")
    return wanted
