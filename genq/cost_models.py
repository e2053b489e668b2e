"""What a job used and what it cost, as typed values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobUsage:
    """What a job's model call took; ``None`` where its server did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    images: int | None = None


@dataclass(frozen=True, slots=True)
class JobCost:
    """What a job was reckoned to cost, and what it is charged."""

    actual: float
    estimated: float | None = None
    currency: str = "usd"
