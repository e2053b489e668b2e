"""What a job would cost, when it would start, and whether it would be accepted."""

from typing import Any, Literal

from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.position import EtaView
from schemas.shape import Shape


class PriceRange(Shape):
    """In dollars. ``high`` is what a budget would hold back until the job has ended."""

    low: float
    high: float
    currency: Literal["usd"] = "usd"


class UnitsView(Shape):
    """What the job is reckoned to take."""

    images: int
    tokens: int


class RefusalView(Shape):
    """Why the job would be refused: what ``POST /v1/jobs`` would answer, in short."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]]
    retryable: bool
    retry_after_seconds: int | None
    budget: dict[str, Any] | None = None


class EstimateView(Shape):
    """The answer of ``POST /v1/estimate``. Nothing was written, nothing is held back.

    ``verdict``: ``admitted``; ``downgraded``, to the lane that is told; ``parked``, until
    ``parked_until``; ``refused``, with ``refusal``, and the rest is null if the request is not
    acceptable at all. ``price`` is null for models without a price, ``eta_seconds`` where
    nobody knows.
    """

    object: Literal["estimate"]
    verdict: Literal["admitted", "downgraded", "parked", "refused"]
    refusal: RefusalView | None
    parked_until: str | None
    kind: Kind
    model: str | None
    lane: Lane
    price: PriceRange | None
    units: UnitsView | None
    ahead_in_lane: int | None
    eta_seconds: EtaView | None
