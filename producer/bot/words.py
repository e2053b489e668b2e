"""The words of `genq bot`: commands and flags, checked before anything is reached."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from infra.fault_words import in_words
from producer.chat.binding_desk import Bound
from producer.operator.command_parser import CommandParser
from producer.operator.typed import flag, names_of, rows
from schemas.chat import Platform
from schemas.chat_binding import ChatBinding, ChatRules
from schemas.chat_binding_views import ids_fault
from schemas.ids import InvalidIdError, parse_id

_COMMANDS: Final = {
    "bindings": "which tenant is served where, newest first",
    "bind": "bind a place or a person to a tenant, or change a binding",
    "unbind": "serve a place or a person no more",
    "resume": "let a stopped bot, or a paused binding, go on",
}
# By flag, the field of the rules, and the word that takes away what was said.
_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "lanes": ("lanes", "any"),
    "press": ("press_by", "default"),
    "channels": ("channels", "any"),
    "not_in": ("channels_denied", "none"),
    "max_jobs": ("max_jobs", "none"),
}
_LISTS: Final = frozenset({"lanes", "channels", "not_in"})
_HELP: Final = {
    "lanes": "with commas, the first being the usual one; any: as the plan says",
    "press": "owner, anyone; default: as the settings say",
    "channels": "ids with commas, the only ones; any: all",
    "not_in": "ids of channels with commas, in which not; none: in all",
    "max_jobs": "unfinished jobs of one person; none: as the settings say",
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; a mistake ends with code 2.

    ``bound`` is what is meant, if something is named; ``said`` the rules that are named.
    """
    parser = CommandParser(prog="genq bot", description="bots and their bindings")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, prog=f"genq bot {name}", help=what)
        command.add_argument("--json", action="store_true", help="JSON, one object a line")
        command.add_argument("--quiet", action="store_true", help="no remarks")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
        _add_own(name, command)
    given = parser.parse_args(arguments)
    command = commands.choices[given.command]
    if given.command != "bindings":
        given.bound = _bound(command, given)
    if given.command == "bind":
        given.said = _said(command, given)
    return given


def changed(
    said: Mapping[str, Any], tenant: str | None, before: ChatBinding | None
) -> ChatRules:
    """Return the rules of a binding after a change: what is not named stays as it was.

    Args:
        said: What is named.
        tenant: To whom it will be bound; of another tenant's rules none stays.
        before: The binding that was there.
    """
    kept: dict[str, Any] = {}
    if before is not None and tenant in {None, before.tenant}:
        kept = before.rules.model_dump(mode="json")
    return ChatRules.model_validate({**kept, **said})


def _add_own(name: str, command: argparse.ArgumentParser) -> None:
    if name == "bindings":
        command.add_argument("--platform", choices=list(Platform), help="only there")
        command.add_argument("--tenant", help="only to this one")
        command.add_argument("--limit", type=rows, default=100, help="how many")
        command.add_argument("--after", type=_cursor, help="an id: older ones")
        return
    command.add_argument("platform", choices=list(Platform), help="of the bot")
    command.add_argument("--place", default="", help="a server, a workspace, a chat")
    command.add_argument("--user", default="", help="one person")
    if name == "bind":
        command.add_argument("--tenant", help="whose jobs they are")
        command.add_argument("--model", action="append", default=[], help="COMMAND=MODEL")
        for said, what in _HELP.items():
            command.add_argument(flag(said), dest=said, metavar="VALUE", help=what)


def _bound(command: argparse.ArgumentParser, given: argparse.Namespace) -> Bound | None:
    platform = Platform(given.platform)
    if given.command == "resume" and not given.place and not given.user:
        return None
    fault = ids_fault(platform, given.place, given.user)
    if fault is not None:
        command.error(fault)
    return Bound(platform, given.place, given.user)


def _said(command: argparse.ArgumentParser, given: argparse.Namespace) -> dict[str, Any]:
    """Return the rules that are named, by field."""
    said: dict[str, Any] = {}
    for name, (field, nothing) in _RULES.items():
        typed: str | None = getattr(given, name)
        if typed is not None:
            said[field] = _value(name, typed, nothing)
    if given.model:
        pairs = [one.partition("=") for one in given.model]
        said["models"] = {name.strip().lstrip("/"): model.strip() for name, _, model in pairs}
    try:
        ChatRules.model_validate(said)
    except ValidationError as error:
        flags = {field: flag(name) for name, (field, _) in _RULES.items()}
        # One fault a flag: the others follow from it.
        faults = {str(f["loc"][0]): f for f in reversed(error.errors(include_url=False))}
        command.error(
            "; ".join(
                f"{flags.get(field, '--model')}: {in_words(fault)}"
                for field, fault in reversed(faults.items())
            )
        )
    return said


def _value(name: str, typed: str, nothing: str) -> Any:
    """Return what was typed; what does not fit is left to the rules to refuse."""
    if typed.strip().lower() == nothing:
        return () if name == "not_in" else None
    if name in _LISTS:
        return names_of(typed)
    if name == "max_jobs" and typed.isascii() and typed.isdecimal():
        return int(typed)
    return typed


def _cursor(text: str) -> Any:
    try:
        return parse_id("chb", text)
    except InvalidIdError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
