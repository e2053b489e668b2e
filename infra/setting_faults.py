"""Wrong settings, told by the name of the variable that an operator has to change."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import SettingsError as UnparsedError

from infra.fault_words import in_words

PREFIX: Final = "GENQ_"


def variable(field: str) -> str:
    """Return the variable of a field of ``Settings``."""
    return PREFIX + field.upper()


def suggest(name: str, known: Collection[str]) -> str:
    """Say that a setting is unknown, and which one may have been meant."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"unknown setting {name}" + (f"; did you mean {close[0]}?" if close else "")


def explain_unparsed(error: UnparsedError) -> str:
    """Say which variable's value is no JSON."""
    # pydantic-settings names the field in its message only.
    field = re.search(r'field "(\w+)"', str(error))
    name = variable(field[1]) if field else "a setting"
    return f'{name}: not valid JSON; lists and tables are JSON, such as ["turbo", "fast"]'


def explain(error: ValidationError) -> str:
    """Name every variable that is missing or wrong, a line each, without its value."""
    faults = error.errors(include_input=False, include_url=False)
    return "\n".join(dict.fromkeys(_line(fault) for fault in faults))


def _line(fault: Mapping[str, Any]) -> str:
    # Which of several kinds of value it could not be is pydantic's affair: "…[ip_v4_network…]".
    place = [str(part) for part in fault["loc"] if "[" not in str(part)]
    if not place:
        # A rule about several of them begins with their names.
        said = in_words(fault)
        field, colon, why = said.partition(": ")
        named = colon and field.isidentifier()
        return f"{variable(field)}: {why}" if named else f"settings: {said}"
    name = variable(place[0])
    if fault["type"] == "missing" and len(place) == 1:
        return f"{name}: is not set (to run everything on this machine: genq up)"
    inner = f" ({'.'.join(place)})" if len(place) > 1 else ""
    return f"{name}{inner}: {in_words(fault)}"
