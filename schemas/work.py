"""What an attempt's call of a model gave and took: what usage counts, and charges follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_MOST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Work:
    """One call of a model that was answered, or an earlier job's output that stood in for it.

    Attributes:
        model: The model that answered.
        server: Where.
        pixels: Of all pictures that came.
        cached: An earlier job made it: no model was called.
        milliseconds: How long the call took.
        worth: What the call cost at the price of its server, in millionths of a dollar.
        charged: What the job is charged if it succeeds; ``None``: no price is configured.
    """

    model: str = ""
    server: str = ""
    images: int = 0
    pixels: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    milliseconds: int = 0
    worth: int = 0
    charged: int | None = None
    cached: bool = False

    def numbers(self) -> str:
        """Return the numbers as PostgreSQL writes an array of them.

        Images, pixels, tokens (input, cached, output, reasoning), charged, worth,
        milliseconds, cached.
        """
        found = (
            self.images,
            self.pixels,
            self.input_tokens,
            self.cached_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.charged,
            self.worth,
            self.milliseconds,
            int(self.cached),
        )
        told = ("NULL" if one is None else str(min(max(one, 0), _MOST)) for one in found)
        return "{" + ",".join(told) + "}"


NO_WORK: Final = Work()
"""Of an attempt that no model answered."""


def charged_in(result: Mapping[str, Any]) -> int | None:
    """Return what a result says that its job was charged, in millionths of a dollar."""
    cost: Mapping[str, Any] = (result.get("facts") or {}).get("cost") or {}
    return cost.get("actual")
