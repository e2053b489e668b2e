"""`genq config check` and `show`: the service's settings, and whether they work."""

from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import own_data_dir
from genq.cli.processes import become

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Those of the `genq up` that runs there."),
]
DiffDefault = Annotated[
    bool, typer.Option("--diff-default", help="Only those that differ from their defaults.")
]


def check(as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Tell where each setting comes from, and try all that they name.

    Database, broker, Valkey, object store and model servers are asked; the public URL, the
    networks that webhooks may reach, the pepper and the rights of files with secrets are
    judged. It changes nothing but one small probe object. Exit code 8: something is wrong.
    """
    _look("check", [], as_json=as_json, data_dir=data_dir)


def show(
    diff_default: DiffDefault = False,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Print every setting with its source; secrets are masked."""
    flags = ["--diff-default"] if diff_default else []
    _look("show", flags, as_json=as_json, data_dir=data_dir)


def _look(command: str, flags: list[str], *, as_json: bool, data_dir: Path | None) -> None:
    told = [command, *flags]
    if as_json:
        told.append("--json")
    if data_dir is not None:
        told += ["--data-dir", str(data_dir)]
    elif (running := own_data_dir()) is not None:
        told += ["--embedded", str(running)]
    become("producer.config", told)
