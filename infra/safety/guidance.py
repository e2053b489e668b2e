"""How hard a picture follows its negative prompt, and whether it is made of it instead."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

_GUIDANCE: Final = ("cfg", "cfgscale", "guidance", "guidancescale")
"""Ends of names, without signs, of such scales: ``true_cfg_scale``, ``guidanceScale``."""
# As in ``(a word:-1.2)`` and ``a word::-1``.
_WEIGHT_BELOW: Final = re.compile(r":\s*-\s*[.\d]")
_LONGEST_NUMBER: Final = 32


def is_turned(value: object, name: str = "") -> bool:
    """Tell whether a negative prompt is what a picture is made of, whatever it is called.

    A scale below nothing turns it round, and so does a weight in it; a guidance below one
    leaves more of it than of the prompt. At nothing some servers leave it out, and others make
    the picture of it alone: which one this is nobody here knows.
    """
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value).items()
        return any(is_turned(member, str(inner).lower()) for inner, member in members)
    if isinstance(value, list | tuple):
        return any(is_turned(item, name) for item in cast("Sequence[object]", value))
    guides = re.sub(r"[_\-. ]", "", name).endswith(_GUIDANCE)
    if isinstance(value, str):
        if "negative" in name and _WEIGHT_BELOW.search(value) is not None:
            return True
        number = _number(value) if guides or "scale" in name else None
    else:
        number = None if isinstance(value, bool) else value
    return isinstance(number, int | float) and number < (1 if guides else 0)


def _number(text: str) -> float | None:
    """Return the number that a text is: a lenient server takes it for one."""
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        return float(text)
    except ValueError:
        return None
