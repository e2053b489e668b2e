"""The words of `genq tenant`: names and flags, checked before anything is reached."""

import argparse
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from infra.fault_words import in_words
from producer.operator.typed import flag, names_of, rows
from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.tenant_plan import RATES, PlanChange, SafetyLevel, fits_as_name
from schemas.webhook_requests import DAY_SECONDS, LONGEST_GRACE_SECONDS

_NONE: Final = "none"
_ANY: Final = "any"
# Field of PlanChange: what its flag means.
_NUMBERS: Final[Mapping[str, str]] = {
    "weight": "share among the tenants of a lane; 1000 is one ordinary share",
    "max_inflight": "most jobs at once in one lane",
    "max_inflight_total": "most jobs at once over all lanes; none: no such limit",
    **dict.fromkeys(RATES, "of all its jobs together; none: no such limit"),
    "calls_per_minute": "of the API; none: the installation's default",
}
_LISTS: Final[Mapping[str, str]] = {
    "allowed_models": "what its jobs may name, with commas; any: all there are",
    "allowed_kinds": f"of {', '.join(Kind)}; any: all",
    "allowed_lanes": f"of {', '.join(Lane)}; any: all",
    "required_tags": "its jobs run on servers with these, and on no other; any: on all",
}
_TEXTS: Final[Mapping[str, str]] = {
    "plan": "what its plan is called; none: nothing",
    "safety_level": f"{', '.join(SafetyLevel)}",
}
_PLAN: Final = {**_NUMBERS, **_LISTS, **_TEXTS}
_ONE: Final = {
    "show": "one tenant",
    "suspend": "none of its keys works until it is resumed",
    "resume": "its keys work again",
    "secret": "a new secret for its webhooks",
}


def add_tenant_commands(commands: Any) -> None:
    """Add them to the command line."""
    tenants = commands.add_parser("tenant-ls", prog="genq tenant ls", help="tenants")
    tenants.add_argument("prefix", nargs="?", default="", help="those that begin so")
    tenants.add_argument("--limit", type=rows, default=100, help="1 to 1000")
    tenants.add_argument("--after", default="", help="those after this name")
    for name, what in _ONE.items():
        one = commands.add_parser(f"tenant-{name}", prog=f"genq tenant {name}", help=what)
        one.add_argument("name", help="such as acme")
        if name == "secret":
            one.add_argument(
                "--grace", type=_grace, default=DAY_SECONDS, help="seconds; the former signs on"
            )
    change = commands.add_parser("tenant-set", prog="genq tenant set", help="change a plan")
    change.add_argument("name", help="such as acme")
    for field, what in _PLAN.items():
        change.add_argument(flag(field), dest=field, metavar="VALUE", help=what)
    change.add_argument("--create", action="store_true", help="make the tenant if need be")


def read_change(parser: argparse.ArgumentParser, given: argparse.Namespace) -> PlanChange:
    """Return what `genq tenant set` is to change; a mistake ends with code 2."""
    told = {name: value for name in _PLAN if (value := getattr(given, name)) is not None}
    if given.create and not fits_as_name(given.name):
        why = "1 to 128 printable characters without /"
        parser.error(f"NAME: {given.name!r} is no name: {why}")
    if not told and not given.create:
        parser.error(f"nothing to change; give one of {', '.join(map(flag, _PLAN))}")
    wanted = {name: _value(name, text) for name, text in told.items()}
    try:
        return PlanChange.model_validate(wanted)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        parser.error("; ".join(_fault(str(f["loc"][0]), told, f) for f in faults))


def _grace(text: str) -> int:
    seconds = int(text)
    if not 0 <= seconds <= LONGEST_GRACE_SECONDS:
        raise argparse.ArgumentTypeError(f"{text}: 0 to {LONGEST_GRACE_SECONDS} seconds")
    return seconds


def _value(field: str, text: str) -> Any:
    """Return what was typed; what does not fit is left to the plan to refuse."""
    word = text.strip().lower()
    if field in _LISTS:
        return None if word == _ANY else names_of(text)
    if word == _NONE:
        return None
    try:
        return int(text) if field in _NUMBERS else text
    except ValueError:
        return text


def _fault(field: str, told: Mapping[str, str], fault: Mapping[str, Any]) -> str:
    if told[field].strip().lower() == _NONE:
        hint = "give any, for all, or names with commas" if field in _LISTS else ""
        what = "a number" if field in _NUMBERS else f"one of {', '.join(SafetyLevel)}"
        return f"{flag(field)}: {hint or f'every tenant has one; give {what}'}"
    return f"{flag(field)}: {in_words(fault)}, not {told[field]!r}"
