"""What is genq's own of a registered endpoint: the member ``genq`` of its bodies."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from schemas.job_request import MAX_METADATA_KEYS
from schemas.shape import Shape
from schemas.webhook_auth import EndpointAuth
from schemas.webhook_headers import MOST_HEADERS, fault_of_header
from schemas.webhooks import (
    CHANNEL_PATTERN,
    DEFAULT_IN_FLIGHT,
    DEFAULT_TIMEOUT_SECONDS,
    LONGEST_TIMEOUT_SECONDS,
    MAX_CHANNELS_OF_ENDPOINT,
    MOST_IN_FLIGHT,
)

_MAX_FILTERS: Final = 10
_MAX_STEPS: Final = 20
_DAY_SECONDS: Final = 86_400
# A delivery lives no longer: see infra/postgres/delivery.py.
_LONGEST_SCHEDULE_SECONDS: Final = 76 * 3_600


def _some(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("must have an item; leave it out, or say null, for the default")
    return tuple(dict.fromkeys(items))


def _pairs(pairs: dict[str, str]) -> dict[str, str]:
    if any("\x00" in text for pair in pairs.items() for text in pair):
        raise ValueError("must not contain the character U+0000")
    return pairs


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if fault := fault_of_header(name, value):
            raise ValueError(fault)
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header is named twice, in different cases")
    return headers


def _within_life(steps: tuple[int, ...]) -> tuple[int, ...]:
    if sum(steps) > _LONGEST_SCHEDULE_SECONDS:
        raise ValueError(
            f"the steps add up to {sum(steps)} s, but a delivery is given up after "
            f"{_LONGEST_SCHEDULE_SECONDS} s (76 h)"
        )
    return steps


def _shown(default: float) -> dict[str, Any]:
    """Tell a default that is kept elsewhere, as null asks for it too."""
    return {"default": default}


# Said by hand that there must be some: pydantic would count what is left of a list with faults.
Channels = Annotated[
    tuple[Annotated[str, Field(pattern=f"^{CHANNEL_PATTERN}$")], ...],
    Field(max_length=MAX_CHANNELS_OF_ENDPOINT, json_schema_extra={"minItems": 1}),
    AfterValidator(_some),
]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Value = Annotated[str, Field(max_length=512)]
Filter = Annotated[
    dict[_Name, _Value],
    Field(min_length=1, max_length=_MAX_FILTERS),
    AfterValidator(_pairs),
]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], _Value],
    Field(max_length=MAX_METADATA_KEYS),
    AfterValidator(_pairs),
]
Headers = Annotated[dict[str, str], Field(max_length=MOST_HEADERS), AfterValidator(_headers)]
Steps = Annotated[
    tuple[Annotated[int, Field(ge=1, le=_DAY_SECONDS, strict=True)], ...],
    Field(max_length=_MAX_STEPS),
    AfterValidator(_within_life),
]
Versions = Annotated[
    tuple[Literal["v1", "v1a"], ...],
    Field(max_length=2, json_schema_extra={"minItems": 1, "default": ["v1"]}),
    AfterValidator(_some),
]
InFlight = Annotated[
    int,
    Field(ge=1, le=MOST_IN_FLIGHT, strict=True, json_schema_extra=_shown(DEFAULT_IN_FLIGHT)),
]
Seconds = Annotated[
    float,
    Field(ge=1, le=LONGEST_TIMEOUT_SECONDS, json_schema_extra=_shown(DEFAULT_TIMEOUT_SECONDS)),
]


class EndpointOptions(Shape):
    """What is genq's own of an endpoint. In a change, null means the default again.

    Attributes:
        channels: Only events of jobs with one of these channels.
        filter: Only events of jobs whose metadata has all of this.
        payload: ``thin`` (default) tells ids, status and links; ``full`` outputs too, as long
            as the event stays within 20 kB.
        ordering: ``job`` (default): the events of one job in their order; ``fifo``: one at a
            time; ``none``.
        signatures: ``v1`` (default): HMAC-SHA256; ``v1a``: Ed25519.
        max_in_flight: Requests at once.
        throttle_rate: Requests a second; absent: no such limit.
        timeout_s: One whole attempt, in seconds.
        retry_schedule: Seconds between attempts, instead of the standard ones; none: one
            attempt.
        headers: Sent with every request; their values are never shown again.
        auth: How requests prove who sends them, beside the signature.
        metadata: Yours to use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: Channels | None = None
    filter: Filter | None = None
    payload: Literal["thin", "full"] | None = None
    ordering: Literal["none", "job", "fifo"] | None = None
    signatures: Versions | None = None
    max_in_flight: InFlight | None = None
    throttle_rate: Annotated[float, Field(ge=0.01, le=10_000)] | None = None
    timeout_s: Seconds | None = None
    retry_schedule: Steps | None = None
    headers: Headers | None = Field(default=None, repr=False)
    auth: EndpointAuth | None = None
    metadata: Metadata | None = None
