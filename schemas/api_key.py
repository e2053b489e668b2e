"""API keys as callers ask for them and as they see them; the key itself is shown once."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
)

from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.scopes import KeyScope, in_order
from schemas.shape import Shape
from schemas.when import When

LONGEST_OVERLAP: Final = timedelta(days=365)
DEFAULT_OVERLAP: Final = timedelta(days=1)

_NO_OVERLAP: Final = "must be seconds, or an ISO 8601 duration such as PT24H; at most a year"
_ISO_DURATION: Final = re.compile(r"P(?=[\dT])[\dDWHMSTP.]*[DWHMS]", re.ASCII)
_DURATION: Final = TypeAdapter(timedelta)


class KeyStatus(StrEnum):
    """Whether a key works."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be printable characters, without spaces around them")
    return text


def _some(scopes: tuple[KeyScope, ...]) -> tuple[KeyScope, ...]:
    if not scopes:
        raise ValueError("must name a scope; leave it out for all that the caller may")
    return tuple(dict.fromkeys(scopes))


def _overlap(value: Any) -> timedelta:
    wrong = isinstance(value, bool) or not isinstance(value, int | float | str | timedelta)
    if wrong or (isinstance(value, str) and not _ISO_DURATION.fullmatch(value)):
        raise ValueError(_NO_OVERLAP)
    try:
        overlap = _DURATION.validate_python(value)
    except ValueError:
        raise ValueError(_NO_OVERLAP) from None
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValueError(_NO_OVERLAP)
    return overlap


KeyName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Scopes = Annotated[
    tuple[KeyScope, ...],
    # Said by hand: pydantic would count what is left of a list with an unknown name in it.
    AfterValidator(_some),
    Field(json_schema_extra={"minItems": 1}),
]
Overlap = Annotated[
    timedelta,
    PlainValidator(_overlap),
    WithJsonSchema(
        {
            "oneOf": [
                {
                    "type": "number",
                    "minimum": 0,
                    "maximum": LONGEST_OVERLAP.total_seconds(),
                },
                {"type": "string", "format": "duration"},
            ],
            "default": DEFAULT_OVERLAP.total_seconds(),
        }
    ),
]
"""Seconds, or an ISO 8601 duration."""


class KeyRequest(Shape):
    """The body of ``POST /v1/keys``.

    Attributes:
        name: What it is for, for people.
        scopes: What it may do; if absent, what the key of the call may do, except ``admin``.
        expires_at: An instant, or seconds from now; if absent, never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: KeyName
    scopes: Scopes | None = None
    expires_at: When | None = None


class KeyRotation(Shape):
    """The body of ``POST /v1/keys/{key_id}/rotate``; it may be absent.

    Attributes:
        overlap: How long the old key works on: seconds, or an ISO 8601 duration.
        expires_at: Of the new key; if absent, it lives as long as the old one was to live.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap: Overlap = DEFAULT_OVERLAP
    expires_at: When | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored; the text of it is nowhere.

    Attributes:
        prefix: Its first characters.
        replaced_by: The key that was made in its place.
    """

    id: UUID
    tenant_id: int
    name: str
    prefix: str
    scopes: frozenset[KeyScope]
    status: KeyStatus
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: UUID | None = None


class KeyView(Shape):
    """A key in answers; ``last_used_at`` is exact to about a minute."""

    id: str
    object: Literal["api_key"]
    name: str
    prefix: str
    scopes: list[KeyScope]
    status: KeyStatus
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    replaced_by: str | None


class NewKeyView(KeyView):
    """A key that was just made: the only answer that ever holds the key itself."""

    key: str


class KeyPage(Shape):
    """One page of keys, newest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[KeyView]
    has_more: bool
    next: str | None


def key_view(key: ApiKey) -> dict[str, Any]:
    """Return the JSON form of ``key``: exactly the fields of ``KeyView``."""
    return {
        "id": format_id("key", key.id),
        "object": "api_key",
        "name": key.name,
        "prefix": key.prefix,
        "scopes": in_order(key.scopes),
        "status": key.status.value,
        "created_at": iso_ms(key.created_at),
        "expires_at": _instant(key.expires_at),
        "last_used_at": _instant(key.last_used_at),
        "revoked_at": _instant(key.revoked_at),
        "replaced_by": format_id("key", key.replaced_by) if key.replaced_by else None,
    }


def _instant(at: datetime | None) -> str | None:
    return iso_ms(at) if at else None
