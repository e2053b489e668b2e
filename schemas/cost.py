"""What a job is reckoned to take before it runs, and what it took: the currency of fairness.

A job's cost is counted in thousandths of an ordinary job, which is one image of one megapixel.
Those numbers need only be right relative to each other: they decide how a tenant's share is
spent. What a job costs in money is reckoned from its images, tokens and characters and its
model's price.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from schemas.generation import Kind, Usage
from schemas.model_catalog import Price

ORDINARY: Final = 1000
_MEGAPIXEL: Final = 1024 * 1024
# A thousand tokens take about as long as a quarter of an ordinary image.
_PER_TOKEN: Final = ORDINARY // 4 / 1000
# To read is cheaper than to write, by as much as servers bill the one below the other and more.
_PER_READ_TOKEN: Final = _PER_TOKEN / 20
_READ: Final = ("messages", "prompt", "suffix", "instructions", "input")
# English text has about four characters a token; an answer of unstated length counts as this.
_CHARACTERS_PER_TOKEN: Final = 4
_USUAL_ANSWER: Final = 512
# To speak for a minute takes about as long as an ordinary image, and about so many characters.
_PER_SPOKEN: Final = ORDINARY / 1000
_CHEAPEST: Final = 50
_DEAREST: Final = 1_000_000
_MOST_TOKENS: Final = 10**9
_MONEY: Final = 1_000_000
_MOST_MONEY: Final = 10**12


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job takes: thousandths of an ordinary job, images, tokens."""

    units: int = ORDINARY
    images: int = 0
    tokens: int = 0


ORDINARY_COST: Final = Cost()
# Of a job that was given what an earlier one made.
NEXT_TO_NOTHING: Final = Cost(_CHEAPEST)


def estimate(kind: Kind, parameters: Mapping[str, Any]) -> Cost:
    """Return what a job with these parameters will probably take."""
    if kind.pictures:
        images = int(parameters.get("n") or 1)
        return Cost(_clamp(images * ORDINARY * _megapixels(parameters.get("size"))), images)
    asked = asked_tokens(parameters)
    if kind is Kind.EMBEDDING:
        tokens = min(_MOST_TOKENS, asked)
        return Cost(_clamp(tokens * _PER_READ_TOKEN), tokens=tokens)
    if kind is Kind.SPEECH:
        # No server tells in how many tokens it spoke.
        return Cost(_clamp(_spoken(parameters) * _PER_SPOKEN), tokens=asked)
    tokens = min(_MOST_TOKENS, asked + _answers(parameters) * _longest_answer(parameters))
    return Cost(_clamp(tokens * _PER_TOKEN), tokens=tokens)


def asked_tokens(parameters: Mapping[str, Any]) -> int:
    """Return how many tokens a model reads before it says anything."""
    read = (parameters.get(name) for name in _READ)
    return sum(map(_quarters, read)) // _CHARACTERS_PER_TOKEN + 1


def money(
    prices: Sequence[Price], parameters: Mapping[str, Any], *, images: int, tokens: int
) -> int:
    """Return what so much costs at the dearest of ``prices``, in millionths of a dollar.

    Rounded up: a budget must not be spent in parts too small to count.
    """
    size, spoken = _megapixels(parameters.get("size")), _spoken(parameters)
    dearest = max(
        (
            images * (price.per_image + price.per_megapixel * size)
            + tokens * price.per_million_tokens / 1_000_000
            + spoken * price.per_million_characters / 1_000_000
            for price in prices
        ),
        default=0.0,
    )
    return min(_MOST_MONEY, math.ceil(round(dearest * _MONEY, 6)))


def worth(
    price: Price | None,
    parameters: Mapping[str, Any],
    *,
    took: Cost,
    usage: Usage,
    pixels: int = 0,
) -> int:
    """Return what one answered call costs at its server's price, in millionths of a dollar.

    Args:
        price: The server's, of the model that answered; without one the call is free.
        parameters: What was asked for: its size counts if nothing is known of what came.
        took: What the call took, as far as it is known.
        usage: What the server told: all tokens of pictures are in here alone.
        pixels: Of the pictures that came.
    """
    if price is None:
        return 0
    told = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    images, tokens = took.images, told or took.tokens
    if not pixels:
        return money([price], parameters, images=images, tokens=tokens)
    dollars = (
        images * price.per_image
        + pixels / _MEGAPIXEL * price.per_megapixel
        + tokens * price.per_million_tokens / 1_000_000
    )
    return min(_MOST_MONEY, math.ceil(round(dollars * _MONEY, 6)))


def actual(estimated: Cost, usage: Usage) -> Cost:
    """Return what a job took as far as its model server told; else the estimate stands."""
    if usage.images is not None and estimated.images:
        each = estimated.units / estimated.images
        return Cost(_clamp(each * usage.images), usage.images, estimated.tokens)
    if estimated.tokens and (usage.input_tokens is not None or usage.output_tokens is not None):
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        each = _PER_TOKEN if usage.output_tokens else _PER_READ_TOKEN
        return Cost(_clamp(tokens * each), estimated.images, tokens)
    return estimated


def _answers(parameters: Mapping[str, Any]) -> int:
    """Return how many texts a model writes; of legacy completions, for all prompts."""
    prompts = parameters.get("prompt")
    each = max(int(parameters.get("n") or 1), int(parameters.get("best_of") or 1))
    return each * (len(cast("list[object]", prompts)) if isinstance(prompts, list) else 1)


def _spoken(parameters: Mapping[str, Any]) -> int:
    """Return how many characters a voice is to speak: only speech has a voice."""
    return len(str(parameters.get("input", ""))) if "voice" in parameters else 0


def _longest_answer(parameters: Mapping[str, Any]) -> int:
    given = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
    return int(given or _USUAL_ANSWER)


def _megapixels(size: object) -> float:
    found = re.fullmatch(r"(\d+)x(\d+)", size) if isinstance(size, str) else None
    return int(found[1]) * int(found[2]) / _MEGAPIXEL if found else 1.0


def _quarters(value: object) -> int:
    """Return how much is to be read, wherever it stands, in characters of text."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return sum(_quarters(member) for member in members.values())
    if isinstance(value, list):
        items = cast("list[object]", value)
        if items and type(items[0]) is int:
            # Already tokens.
            return len(items) * _CHARACTERS_PER_TOKEN
        return sum(_quarters(member) for member in items)
    return 0


def _clamp(units: float) -> int:
    return max(_CHEAPEST, min(_DEAREST, round(units)))
