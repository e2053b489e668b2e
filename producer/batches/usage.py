"""What the answers of a batch used, summed in the names of OpenAI's batch object. Pure."""

from collections.abc import Mapping
from typing import Any, Final, cast

_MOST: Final = 2**63 - 1


class UsageSum:
    """A sum of ``usage`` members, whichever endpoint wrote them."""

    def __init__(self) -> None:
        self._told = False
        self._input = self._cached = self._output = self._reasoning = self._total = 0

    def add(self, usage: Mapping[str, Any] | None) -> None:
        """Add what one answer used, if it tells."""
        if not usage:
            return
        self._told = True
        tokens_in = _number(usage, "prompt_tokens", "input_tokens")
        tokens_out = _number(usage, "completion_tokens", "output_tokens")
        self._input += tokens_in
        self._output += tokens_out
        self._cached += _detail(
            usage, "prompt_tokens_details", "input_tokens_details", "cached_tokens"
        )
        self._reasoning += _detail(
            usage, "completion_tokens_details", "output_tokens_details", "reasoning_tokens"
        )
        self._total += _number(usage, "total_tokens") or tokens_in + tokens_out

    def total(self) -> dict[str, Any] | None:
        """Return the sum; ``None``: nothing told what it used."""
        if not self._told:
            return None
        return {
            "input_tokens": _storable(self._input),
            "input_tokens_details": {"cached_tokens": _storable(self._cached)},
            "output_tokens": _storable(self._output),
            "output_tokens_details": {"reasoning_tokens": _storable(self._reasoning)},
            "total_tokens": _storable(self._total),
        }


def _storable(number: int) -> int:
    """Return a number as JSON may have it, whatever a model server counted."""
    return min(number, _MOST)


def _number(usage: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return 0


def _detail(usage: Mapping[str, Any], chat: str, response: str, name: str) -> int:
    details = usage.get(chat) or usage.get(response)
    if not isinstance(details, Mapping):
        return 0
    return _number(cast("Mapping[str, Any]", details), name)
