"""What a job used and what it cost, as its view tells."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from schemas.job_states import JobState
from schemas.shape import Shape
from schemas.work import cost_in

_MONEY: Final = 1_000_000


class UsageView(Shape):
    """What the job's model call took, as far as its server told."""

    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    images: int | None


class CostView(Shape):
    """In dollars, with six decimals at the most.

    ``estimated`` is what a budget held back, and ``POST /v1/estimate`` told as ``price.high``;
    ``actual`` what the job is charged, at the price of the server that answered. A job that
    did not succeed costs nothing, and has none.
    """

    currency: Literal["usd"]
    estimated: float | None
    actual: float


def usage_view(made: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON form of ``UsageView``; ``None``: nothing was told."""
    usage: Mapping[str, int] | None = made.get("usage")
    return {name: usage.get(name) for name in UsageView.model_fields} if usage else None


def cost_view(
    made: Mapping[str, Any], spent: int | None, state: JobState
) -> dict[str, Any] | None:
    """Return the JSON form of ``CostView``; ``None``: no price, or it did not succeed.

    Args:
        made: What is kept with the job's result.
        spent: What the job was charged, in millionths of a dollar.
        state: How it stands.
    """
    told = cost_in(made)
    actual = told.get("actual") if spent is None else spent
    if actual is None or state is not JobState.SUCCEEDED:
        return None
    estimated = told.get("estimated")
    return {
        "currency": "usd",
        "estimated": None if estimated is None else estimated / _MONEY,
        "actual": actual / _MONEY,
    }
