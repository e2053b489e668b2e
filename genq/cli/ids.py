"""The form of public ids, checked before anything is asked or changed."""

import re
from collections.abc import Sequence

import typer


def require_ids(ids: Sequence[str], prefix: str) -> None:
    """Check that each of ``ids`` can be one: ``prefix``, ``_`` and 26 letters and digits.

    Raises:
        typer.BadParameter: One cannot; it is named.
    """
    for given in ids:
        # 128 bits in Crockford's base32: no i, l, o, u, and the first is 0 to 7.
        if not re.fullmatch(rf"{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}", given):
            raise typer.BadParameter(
                f"{given!r} is no id; one is {prefix}_ and 26 letters and digits.",
                param_hint="ID",
            )
