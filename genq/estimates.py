"""What a job would cost and whether it would be accepted: ``client.estimate(…)``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from genq.calls import Exchange, found_in, sending
from genq.decoding import read_eta
from genq.errors import FieldFault
from genq.job_requests import body_of
from genq.json_fields import Fields
from genq.models import Eta, Json


@dataclass(frozen=True, slots=True)
class Price:
    """A range of money; a budget holds ``high`` back until the job has ended."""

    low: float
    high: float
    currency: str = "usd"


@dataclass(frozen=True, slots=True)
class EstimatedUnits:
    """What a job is reckoned to take."""

    images: int
    tokens: int


@dataclass(frozen=True, slots=True)
class EstimateRefusal:
    """Why a job would be refused: what a submit would answer, in short."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldFault, ...] = ()
    retryable: bool = False
    retry_after_seconds: float | None = None
    budget: Json | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would become of a job; nothing was written, nothing is held back.

    Attributes:
        verdict: ``admitted``; ``downgraded``, to ``lane``; ``parked``, until ``parked_until``;
            ``refused``, with ``refusal``.
        price: ``None`` for models without a price.
        eta_seconds: ``None`` where nobody knows.
    """

    verdict: str
    kind: str
    lane: str
    model: str | None = None
    refusal: EstimateRefusal | None = None
    parked_until: datetime | None = None
    price: Price | None = None
    units: EstimatedUnits | None = None
    ahead_in_lane: int | None = None
    eta_seconds: Eta | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def admitted(self) -> bool:
        """Whether the job would be accepted, be it later or in a slower lane."""
        return self.refusal is None


def estimate_job(request: Mapping[str, object]) -> Exchange[Estimate]:
    """Ask what a submit of the same request would lead to."""
    call = sending("POST", "/v1/estimate", body_of(request), "the job")
    return read_estimate(found_in((yield replace(call, repeatable=True))))


def read_estimate(found: object) -> Estimate:
    """Return the estimate in a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every estimate has is missing or mistyped.
    """
    fields = Fields(found, "estimate")
    refusal, price, units = (fields.part(name) for name in ("refusal", "price", "units"))
    return Estimate(
        verdict=fields.text("verdict"),
        kind=fields.text("kind"),
        lane=fields.text("lane"),
        model=fields.maybe_text("model"),
        refusal=_refusal(refusal) if refusal else None,
        parked_until=fields.maybe_moment("parked_until"),
        price=_price(price) if price else None,
        units=_units(units) if units else None,
        ahead_in_lane=fields.maybe_number("ahead_in_lane"),
        eta_seconds=read_eta(fields.part("eta_seconds")),
        raw=fields.found,
    )


def _refusal(fields: Fields) -> EstimateRefusal:
    budget = fields.part("budget")
    return EstimateRefusal(
        status=fields.number("status"),
        code=fields.text("code"),
        detail=fields.maybe_text("detail") or "",
        errors=fields.faults("errors"),
        retryable=fields.found.get("retryable") is True,
        retry_after_seconds=fields.maybe_float("retry_after_seconds"),
        budget=budget.found if budget else None,
    )


def _price(fields: Fields) -> Price:
    low, high = fields.maybe_float("low") or 0.0, fields.maybe_float("high")
    return Price(low, low if high is None else high, fields.maybe_text("currency") or "usd")


def _units(fields: Fields) -> EstimatedUnits:
    return EstimatedUnits(
        fields.maybe_number("images") or 0, fields.maybe_number("tokens") or 0
    )
