"""What an attempt's call of a model gave and took: what usage counts, and charges follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

# Millions of them together fit into 64 bits.
MOST_TOLD: Final = 2**40
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


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

    def numbers(self) -> list[int]:
        """Return the numbers in the order in which PostgreSQL reads them.

        Images, pixels, tokens (input, cached, output, reasoning), worth, milliseconds.
        """
        found = (
            self.images,
            self.pixels,
            self.input_tokens,
            self.cached_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.worth,
            self.milliseconds,
        )
        # Servers tell what they like; a column holds less.
        return [max(0, min(one, MOST_TOLD)) for one in found]


NO_WORK: Final = Work()
"""Of an attempt that no model answered."""


def charged_in(result: Mapping[str, Any]) -> int | None:
    """Return what a result says that its job was charged, in millionths of a dollar."""
    return cost_in(result).get("actual")


def cost_in(result: Mapping[str, Any]) -> Mapping[str, int]:
    """Return what a result says of its job's cost: ``estimated``, ``actual``."""
    facts: Mapping[str, Any] = result.get("facts") or _NOTHING
    return facts.get("cost") or _NOTHING
