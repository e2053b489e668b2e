"""What a model server calls flags of prompts that OpenAI's API has no parameter for. Pure."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, cast

from pydantic import BeforeValidator

from schemas.flag_rules import MAPPED
from schemas.parameters import Size

MAPPABLE: Final = MAPPED | {"quality", "style"}
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def _pairs(given: object) -> object:
    """Return a table as pairs: what servers are known by must not change."""
    if not isinstance(given, Mapping):
        return given
    told = cast("Mapping[object, object]", given)
    for flag, parameter in told.items():
        if flag not in MAPPABLE:
            known = ", ".join(sorted(MAPPABLE))
            raise ValueError(f"flags: {str(flag)[:32]!r} is none that is mapped: {known}")
        if not isinstance(parameter, str) or not _PARAMETER.fullmatch(parameter):
            raise ValueError(f"flags: {flag}: must be the name of a parameter")
    return tuple(told.items())


FlagMap = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)]
"""Flags, each with the member of ``extra_body`` that takes its value."""
Sizes = tuple[Size, ...]
"""The sizes that a model makes, such as ``1024x1024``."""
