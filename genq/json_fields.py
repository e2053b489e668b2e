"""Reads the fields of a server's JSON objects; what is missing or mistyped is named."""

from datetime import datetime
from typing import cast

from genq.errors import FieldFault, UnexpectedAnswerError
from genq.models import Json


class Fields:
    """Reads one JSON object; a missing or mistyped field is named.

    Args:
        found: What was decoded.
        what: What it should be, for messages.

    Raises:
        UnexpectedAnswerError: Not an object, or (of what must be there) no such field.
    """

    def __init__(self, found: object, what: str) -> None:
        if not isinstance(found, dict):
            raise UnexpectedAnswerError(f"{what}: expected an object; is this genq's URL?")
        self.found = cast("Json", found)
        self.what = what

    def text(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.maybe_text(name)
        if value is None:
            raise self._lacks(name)
        return value

    def maybe_text(self, name: str) -> str | None:
        """Return a text, or ``None``."""
        value = self.found.get(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> int:
        """Return an integer that must be there."""
        value = self.maybe_number(name)
        if value is None:
            raise self._lacks(name)
        return value

    def maybe_number(self, name: str) -> int | None:
        """Return an integer, or ``None``."""
        value = self.found.get(name)
        return value if isinstance(value, int) else None

    def maybe_float(self, name: str) -> float | None:
        """Return a number, or ``None``."""
        value = self.found.get(name)
        return float(value) if isinstance(value, int | float) else None

    def moment(self, name: str) -> datetime:
        """Return an instant that must be there."""
        value = self.maybe_moment(name)
        if value is None:
            raise self._lacks(name)
        return value

    def maybe_moment(self, name: str) -> datetime | None:
        """Return an instant, or ``None``."""
        value = self.maybe_text(name)
        try:
            return datetime.fromisoformat(value) if value else None
        except ValueError:
            raise UnexpectedAnswerError(f"{self.what}: {name} is not a time") from None

    def part(self, name: str) -> "Fields | None":
        """Return an object inside this one, or ``None``."""
        value = self.found.get(name)
        return None if value is None else Fields(value, f"{self.what}.{name}")

    def mapping(self, name: str) -> Json:
        """Return an object inside this one as it came; empty if it is not there."""
        part = self.part(name)
        return part.found if part else {}

    def parts(self, name: str) -> "list[Fields]":
        """Return the objects of a list."""
        value = self.found.get(name)
        items = cast("list[object]", value) if isinstance(value, list) else []
        return [Fields(item, f"{self.what}.{name}[{n}]") for n, item in enumerate(items)]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list."""
        value = self.found.get(name)
        items = cast("list[object]", value) if isinstance(value, list) else []
        return tuple(item for item in items if isinstance(item, str))

    def maybe_texts(self, name: str) -> tuple[str, ...] | None:
        """Return the texts of a list, or ``None``."""
        return self.texts(name) if isinstance(self.found.get(name), list) else None

    def faults(self, name: str) -> tuple[FieldFault, ...]:
        """Return the faults of a list: where in a request, and what."""
        return tuple(
            FieldFault(
                part.maybe_text("pointer") or "/",
                part.maybe_text("message") or part.maybe_text("detail") or "is not valid",
            )
            for part in self.parts(name)
        )

    def _lacks(self, name: str) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(f"{self.what} lacks {name}; is this genq's URL?")
