"""`genq hash-lists`: fingerprints of what is not to be made or taken."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.screen import confirm, count_of, print_data, print_json, print_table, tell
from genq.client import Genq
from genq.errors import ConfigurationError

_ACTIONS: Final = ("flag", "review", "block")
_AT_ONCE: Final = 10_000
_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")

ListName = Annotated[str, typer.Argument(metavar="NAME", help="Of the list.")]
Everybody = Annotated[
    bool,
    typer.Option("--everybody", help="The installation's, for all tenants; for operators."),
]
Category = Annotated[
    str | None, typer.Option("--category", metavar="NAME", help="What its entries are.")
]
ListAction = Annotated[
    str | None,
    typer.Option("--action", metavar="ACTION", help="What follows: flag, review or block."),
]
Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE…",
        help="Lines such as phash256:HEX NOTE, or pictures to be known again.",
    ),
]
Remove = Annotated[bool, typer.Option("--remove", help="Take the lines off the list.")]


def list_lists(
    *,
    everybody: Everybody = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List block lists by name."""
    with Genq(api_key, url) as client:
        found = client.hash_lists.list(everybody=everybody)
    if as_json:
        for one in found:
            print_json(one.raw)
        return
    if not found:
        tell("no block lists; make one: genq hash-lists create logos --category brand")
        return
    rows = [(one.name, one.category, one.action, str(one.entries)) for one in found]
    print_table(("name", "category", "action", "entries"), rows, ("category", "name"))


def create(
    name: ListName,
    *,
    category: Category = None,
    action: ListAction = None,
    everybody: Everybody = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make an empty list, and say what follows when something is on it."""
    one_of(action, _ACTIONS, "--action")
    with Genq(api_key, url) as client:
        made = client.hash_lists.create(
            name, category=category, action=action, everybody=everybody
        )
    if as_json:
        print_json(made.raw)
        return
    print_data(made.name)
    tell(f"what is on it leads to {made.action}; fill it: genq hash-lists import {name} FILE")


def import_files(
    name: ListName,
    files: Files,
    *,
    remove: Remove = False,
    everybody: Everybody = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Put entries on a list: lines of hashes, or pictures."""
    added = removed = known = 0
    with Genq(api_key, url) as client:
        lists = client.hash_lists
        for file in files:
            data = file.read_bytes()
            if data.startswith(_PICTURES):
                if remove:
                    raise ConfigurationError(f"{file}: give its line, as export prints it")
                done = [lists.add_picture(name, data, everybody=everybody)]
            else:
                change = lists.remove if remove else lists.add
                done = [change(name, some, everybody=everybody) for some in _lines(file, data)]
            added += sum(one.added for one in done)
            removed += sum(one.removed for one in done)
            known += sum(one.known for one in done)
    if as_json:
        print_json({"name": name, "added": added, "removed": removed, "known": known})
        return
    changed = f"{count_of(removed, 'entry')} removed" if remove else f"{added} added"
    tell(f"{name}: {changed}, {known} changed nothing")


def export(
    name: ListName,
    *,
    everybody: Everybody = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Print a list's entries as the lines that import takes."""
    with Genq(api_key, url) as client:
        for line in client.hash_lists.export(name, everybody=everybody):
            print_json(line) if as_json else print_data(line)


def remove_list(
    name: ListName,
    *,
    everybody: Everybody = False,
    yes: options.Yes = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Delete a list and all that is on it."""
    confirm(f"Delete the block list {name} and all that is on it?", yes=yes)
    with Genq(api_key, url) as client:
        client.hash_lists.delete(name, everybody=everybody)
    tell(f"{name} is gone; it counts nowhere within three seconds")


def _lines(file: Path, data: bytes) -> Iterator[Sequence[str]]:
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: neither lines of text nor a picture") from None
    told = [line for line in lines if line.strip() and not line.startswith("#")]
    for start in range(0, len(told), _AT_ONCE):
        yield told[start : start + _AT_ONCE]
