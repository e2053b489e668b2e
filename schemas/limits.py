"""Limits per time: of a tenant's plan, and of an account at a model server."""

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.shape import Shape

# One a microsecond: PostgreSQL counts no finer.
Rate = Annotated[int, Field(ge=1, le=60_000_000)]


class RateLimits(Shape):
    """What may be used per minute; ``None`` is no limit.

    A minute's allowance may come at once (it is the burst), after that it flows evenly.

    Attributes:
        requests_per_second: Held at call time, over all workers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: Rate | None = None
    images_per_minute: Rate | None = None
    tokens_per_minute: Rate | None = None
    requests_per_second: Rate | None = None
