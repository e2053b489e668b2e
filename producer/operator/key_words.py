"""The words of `genq keys`: names and flags, checked before anything is reached."""

import argparse
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from infra.fault_words import in_words
from producer.operator.typed import flag, names_of, rows
from schemas.api_key import KeyRequest, KeyRotation
from schemas.scopes import KeyScope, in_order

_ALL: Final = "all"
_NO_NAME: Final = "made by an operator"

_Body = TypeVar("_Body", bound=BaseModel)


def add_key_commands(commands: Any) -> None:
    """Add them to the command line."""
    listed = commands.add_parser("key-ls", prog="genq keys ls", help="keys of a tenant")
    listed.add_argument("tenant", help="such as acme")
    listed.add_argument("--limit", type=rows, default=100, help="1 to 1000")
    listed.add_argument("--after", default=None, help="those that were made before this one")
    create = commands.add_parser("key-create", prog="genq keys create", help="make a key")
    create.add_argument("tenant", help="such as acme")
    create.add_argument("--name", default=_NO_NAME, help="what it is for")
    create.add_argument("--scopes", help=f"of {', '.join(KeyScope)}, with commas; or all")
    revoke = commands.add_parser("key-revoke", prog="genq keys revoke", help="end a key")
    rotate = commands.add_parser("key-rotate", prog="genq keys rotate", help="replace a key")
    for command in (revoke, rotate):
        command.add_argument("key", help="its id, key_…, or how it begins, gq_…")
    rotate.add_argument("--overlap", help="how long the old one works on; a day")
    for command in (create, rotate):
        command.add_argument("--expires", help="seconds from now, or an instant")


def read_key(parser: argparse.ArgumentParser, given: argparse.Namespace) -> KeyRequest:
    """Return what `genq keys create` is to make; a mistake ends with code 2."""
    scopes = None if given.scopes is None else names_of(given.scopes)
    if scopes == [_ALL]:
        scopes = in_order(KeyScope)
    body = {"name": given.name, "scopes": scopes, "expires_at": _number(given.expires)}
    return _check(parser, KeyRequest, body)


def read_rotation(parser: argparse.ArgumentParser, given: argparse.Namespace) -> KeyRotation:
    """Return how `genq keys rotate` is to do it; a mistake ends with code 2."""
    overlap, expires = _number(given.overlap), _number(given.expires)
    body = {} if overlap is None else {"overlap": overlap}
    return _check(parser, KeyRotation, {**body, "expires_at": expires})


def _number(text: str | None) -> float | str | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text.strip()


def _check(
    parser: argparse.ArgumentParser, shape: type[_Body], body: Mapping[str, Any]
) -> _Body:
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        parser.error("; ".join(_fault(fault) for fault in faults))


def _fault(fault: Mapping[str, Any]) -> str:
    field = str(fault["loc"][0])
    named = "--expires" if field == "expires_at" else flag(field)
    return f"{named}: {in_words(fault)}, not {fault['input']!r}"
