"""`genq route`: how calls of each model find their server, for who runs genq.

``producer.routing`` does it and judges the values; this passes them on.
"""

from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import DataDir, own_data_dir
from genq.cli.processes import become
from genq.cli.screen import is_quiet

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Such as gpt-image-1.")]
Server = Annotated[str, typer.Argument(metavar="SERVER", help="Its configured name.")]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="A document in YAML or JSON; - is standard input.")
]
Weights = Annotated[
    list[str], typer.Argument(metavar="SERVER=WEIGHT...", help="Such as painter=3.")
]
Share = Annotated[
    str, typer.Argument(metavar="PERCENT", help="Of the model's calls, 0 to 100; 0: no canary.")
]
Back = Annotated[
    int | None,
    typer.Argument(metavar="[VERSION]", min=0, help="The one before; 0: the settings alone."),
]
MadeOf = Annotated[
    int | None,
    typer.Option(
        "--version", metavar="N", min=0, help="Refuse it if another version counts by now."
    ),
]
Note = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="Why, for who reads the history.")
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]


def list_routes(as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """List the routes of all models."""
    _become("ls", [], as_json=as_json, data_dir=data_dir)


def show(model: Model, as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Show a route: what counts for each server."""
    _become("show", ["--", model], as_json=as_json, data_dir=data_dir)


def set_route(
    model: Model,
    file: File,
    *,
    version: MadeOf = None,
    note: Note = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Replace a route by a document, everywhere within two seconds.

    Exit code 8: it is refused; 9: another version counts than --version says.
    """
    told = [] if version is None else [f"--version={version}"]
    _become("set", [*told, *_why(note), "--", model, file], as_json=as_json, data_dir=data_dir)


def weights(
    model: Model,
    weights: Weights,
    note: Note = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Set the weights of servers; they count where the strategy is weighted."""
    told = [*_why(note), "--", model, *weights]
    _become("weights", told, as_json=as_json, data_dir=data_dir)


def canary(
    model: Model,
    server: Server,
    percent: Share,
    *,
    note: Note = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a server exactly this share of the model's calls; the others share the rest."""
    told = [*_why(note), "--", model, server, percent]
    _become("canary", told, as_json=as_json, data_dir=data_dir)


def enable(
    model: Model, server: Server, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Let a server get the model's calls."""
    _become("enable", ["--", model, server], as_json=as_json, data_dir=data_dir)


def disable(
    model: Model, server: Server, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Let a server get no call of the model; what it has goes on."""
    _become("disable", ["--", model, server], as_json=as_json, data_dir=data_dir)


def drain(
    model: Model, server: Server, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Let a server end what it has; `genq route health` tells when it has nothing more."""
    _become("drain", ["--", model, server], as_json=as_json, data_dir=data_dir)


def rollback(
    model: Model,
    version: Back = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Return to the version before, or to another one."""
    told = ["--", model] if version is None else ["--", model, str(version)]
    _become("rollback", told, as_json=as_json, data_dir=data_dir)


def history(
    model: Model, limit: Rows = 50, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """List the versions of a route: what was changed, by whom, and why."""
    told = [f"--limit={limit}", "--", model]
    _become("history", told, as_json=as_json, data_dir=data_dir)


def health(model: Model, as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Show how a model's servers do: breakers, calls in flight, seconds, errors."""
    _become("health", ["--", model], as_json=as_json, data_dir=data_dir)


def _why(note: str | None) -> list[str]:
    return [] if note is None else [f"--note={note}"]


def _become(command: str, told: list[str], *, as_json: bool, data_dir: Path | None) -> None:
    flags = [command]
    if as_json:
        flags.append("--json")
    if is_quiet():
        flags.append("--quiet")
    if data_dir is not None:
        flags.append(f"--data-dir={data_dir}")
    elif (running := own_data_dir()) is not None:
        flags.append(f"--embedded={running}")
    become("producer.routing", [*flags, *told])
