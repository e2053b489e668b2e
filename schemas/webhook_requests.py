"""Bodies of calls about registered endpoints: OpenAI's fields, and genq's own in ``genq``."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from schemas.events import (
    SUBSCRIBABLE_FAMILIES,
    SUBSCRIBABLE_TYPES,
    TERMINAL_TYPES,
    EventType,
    is_subscribable,
)
from schemas.shape import Shape
from schemas.webhook_options import EndpointOptions
from schemas.webhook_target import MAX_URL_BYTES

DAY_SECONDS: Final = 86_400
LONGEST_GRACE_SECONDS: Final = 7 * DAY_SECONDS
LONGEST_PORTAL_SECONDS: Final = 7 * DAY_SECONDS

_HOUR_SECONDS: Final = 3_600
_MAX_TYPES: Final = 64
_SHOWN: Final = 3


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be printable characters, without spaces around them")
    return text


def _known(types: tuple[str, ...]) -> tuple[str, ...]:
    if not types:
        raise ValueError("must have an item; to hear of nothing for a while, disable it")
    if unknown := [one for one in types if not is_subscribable(one)]:
        known = ", ".join((*SUBSCRIBABLE_TYPES, *SUBSCRIBABLE_FAMILIES))
        shown = ", ".join(repr(one) for one in unknown[:_SHOWN])
        raise ValueError(f"nothing is ever sent of type {shown}; known: {known}")
    return tuple(dict.fromkeys(types))


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL_BYTES)]
# Said by hand that there must be some: pydantic would count what is left of a list with faults.
EventTypes = Annotated[
    tuple[Annotated[str, Field(max_length=64)], ...],
    Field(max_length=_MAX_TYPES, json_schema_extra={"minItems": 1}),
    AfterValidator(_known),
]
Grace = Annotated[int, Field(ge=0, le=LONGEST_GRACE_SECONDS, strict=True)]


class EndpointRequest(Shape):
    """The body of ``POST /v1/webhook_endpoints``.

    ``event_types`` are exact, or a family such as ``job.*``; if absent, the ends of jobs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    url: Url
    event_types: EventTypes = tuple(one.value for one in TERMINAL_TYPES)
    genq: EndpointOptions = EndpointOptions()


class EndpointChange(Shape):
    """The body of ``POST /v1/webhook_endpoints/{id}``: what is absent or null stays.

    Inside ``genq``, what is absent stays, and null means the default again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = None
    url: Url | None = None
    event_types: EventTypes | None = None
    genq: EndpointOptions | None = None


class RotationOptions(Shape):
    """For how long the former secrets sign on, in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace_seconds: Grace = DAY_SECONDS


class SecretRotation(Shape):
    """The body of ``…/rotate_secret``; it may be absent.

    As OpenAI has it, former secrets end at once unless something else is asked for; with
    ``genq`` they sign on for ``grace_seconds``, a day unless told otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_old_secret_active_for_24_hours: bool | None = None
    genq: RotationOptions | None = None

    @model_validator(mode="after")
    def _one_wish(self) -> Self:
        if self.keep_old_secret_active_for_24_hours is not None and self.genq is not None:
            raise ValueError(
                "give keep_old_secret_active_for_24_hours or genq.grace_seconds, not both"
            )
        return self

    @property
    def grace(self) -> int:
        """For how long the former secrets sign on, in seconds."""
        if self.genq is not None:
            return self.genq.grace_seconds
        return DAY_SECONDS if self.keep_old_secret_active_for_24_hours else 0


class TenantSecretRotation(Shape):
    """For how long a tenant's former secrets sign on, in seconds; the body may be absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace_seconds: Grace = DAY_SECONDS


class EndpointTest(Shape):
    """The body of ``…/test``: which event to send a sample of; it may be absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_type: Annotated[str, Field(max_length=64)] = EventType.ENDPOINT_TEST.value


class EndpointDisabling(Shape):
    """The body of ``…/disable``; it may be absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)] = (
        "by its owner"
    )


class PortalLinkRequest(Shape):
    """The body of ``…/portal_link``; it may be absent. ``expires_in`` is in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expires_in: Annotated[int, Field(ge=1, le=LONGEST_PORTAL_SECONDS, strict=True)] = (
        _HOUR_SECONDS
    )
