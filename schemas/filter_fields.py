"""The fields that filters of several lists share."""

from typing import Annotated, Final

from pydantic import Field

from schemas.ids import InvalidIdError, Prefix, parse_id

# PostgreSQL's text and jsonb cannot hold U+0000.
NO_NUL: Final = r"^[^\x00]*$"
Word = Annotated[str, Field(min_length=1, max_length=128, pattern=NO_NUL)]


def readable(prefix: Prefix, value: str | None) -> str | None:
    """Return ``value`` if it is nothing, or an id of this kind.

    Raises:
        ValueError: It is something else; pydantic makes a fault of it, with its place.
    """
    if value is not None:
        try:
            parse_id(prefix, value)
        except InvalidIdError as error:
            raise ValueError(f"must be an id, {prefix}_…: {error}") from None
    return value
