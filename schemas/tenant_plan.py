"""A tenant's plan: its share, and what it may have at once and per minute."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.limits import Rate

ORDINARY_WEIGHT: Final = 1_000
"""The weight of a tenant that gets one share."""

Weight = Annotated[int, Field(ge=1, le=1_000_000)]
Jobs = Annotated[int, Field(ge=1, le=1_000_000)]

_LONGEST_NAME: Final = 128

RATES: Final = ("requests_per_minute", "images_per_minute", "tokens_per_minute")


class PlanChange(BaseModel):
    """What is to be different about a plan: the fields that were given, and no other.

    Attributes:
        weight: Share among the tenants of a lane.
        max_inflight: The most jobs released or running at once in one lane.
        max_inflight_total: The same over all lanes; ``None`` is no limit.
        requests_per_minute: Of all its jobs together, as are the others; ``None`` is no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: Weight = ORDINARY_WEIGHT
    max_inflight: Jobs = 1
    max_inflight_total: Jobs | None = None
    requests_per_minute: Rate | None = None
    images_per_minute: Rate | None = None
    tokens_per_minute: Rate | None = None


def fits_as_name(name: str) -> bool:
    """Tell whether a new tenant may be called so: it must be seen whole in a line of text."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip()
