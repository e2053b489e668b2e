"""The tenant that a key belongs to and its API keys, as the SDK hands them out."""

from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key. Times are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        prefix: Its first characters; the rest is kept nowhere.
        scopes: What it may do, such as ``jobs:read``.
        status: ``active``, ``expired`` or ``revoked``.
        last_used_at: Exact to about a minute.
        replaced_by: The key that was made in its place.
        key: The key itself, in the answer that made it and never again.
    """

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    status: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: str | None = None
    key: str | None = field(default=None, repr=False)
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant and its limits; ``None`` is no limit of its own.

    Attributes:
        weight: Its share among the tenants of a lane; 1000 is an ordinary one.
        max_inflight: Jobs at once in one lane; ``max_inflight_total`` over all lanes.
        calls_per_minute: Of this API.
        in_flight: Jobs that run now, or are about to.
        key: The API key that asked.
    """

    name: str
    weight: int
    max_inflight: int
    created_at: datetime
    plan: str | None = None
    max_inflight_total: int | None = None
    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    tokens_per_minute: int | None = None
    calls_per_minute: int | None = None
    allowed_models: tuple[str, ...] | None = None
    allowed_kinds: tuple[str, ...] | None = None
    allowed_lanes: tuple[str, ...] | None = None
    safety_level: str = ""
    required_tags: tuple[str, ...] | None = None
    in_flight: int = 0
    paused_at: datetime | None = None
    suspended_at: datetime | None = None
    key: ApiKey | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_key(found: object) -> ApiKey:
    """Return the key in a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every key has is missing or of another type.
    """
    fields = Fields(found, "API key")
    return ApiKey(
        id=fields.text("id"),
        name=fields.text("name"),
        prefix=fields.text("prefix"),
        scopes=fields.texts("scopes"),
        status=fields.text("status"),
        created_at=fields.moment("created_at"),
        expires_at=fields.maybe_moment("expires_at"),
        last_used_at=fields.maybe_moment("last_used_at"),
        revoked_at=fields.maybe_moment("revoked_at"),
        replaced_by=fields.maybe_text("replaced_by"),
        key=fields.maybe_text("key"),
        raw=fields.found,
    )


def read_keys(found: object) -> tuple[tuple[ApiKey, ...], str | None]:
    """Return one page of keys and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    return tuple(read_key(part.found) for part in fields.parts("data")), fields.maybe_text(
        "next"
    )


def read_tenant(found: object) -> Tenant:
    """Return the tenant in a decoded answer; errors are those of ``read_key``."""
    fields = Fields(found, "tenant")
    key = fields.part("key")
    return Tenant(
        name=fields.text("name"),
        weight=fields.number("weight"),
        max_inflight=fields.number("max_inflight"),
        created_at=fields.moment("created_at"),
        plan=fields.maybe_text("plan"),
        max_inflight_total=fields.maybe_number("max_inflight_total"),
        requests_per_minute=fields.maybe_number("requests_per_minute"),
        images_per_minute=fields.maybe_number("images_per_minute"),
        tokens_per_minute=fields.maybe_number("tokens_per_minute"),
        calls_per_minute=fields.maybe_number("calls_per_minute"),
        allowed_models=fields.maybe_texts("allowed_models"),
        allowed_kinds=fields.maybe_texts("allowed_kinds"),
        allowed_lanes=fields.maybe_texts("allowed_lanes"),
        safety_level=fields.maybe_text("safety_level") or "",
        required_tags=fields.maybe_texts("required_tags"),
        in_flight=fields.maybe_number("in_flight") or 0,
        paused_at=fields.maybe_moment("paused_at"),
        suspended_at=fields.maybe_moment("suspended_at"),
        key=read_key(key.found) if key else None,
        raw=fields.found,
    )
