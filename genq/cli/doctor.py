"""`genq doctor`: look at an installation and say what is wrong with it, and what to do."""

from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import own_data_dir
from genq.cli.processes import become

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Look at the `genq up` that runs there."),
]
Hours = Annotated[
    float, typer.Option("--hours", min=0.01, help="How old the jobs to audit may be.")
]


def doctor(
    hours: Hours = 1.0, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Look for what is wrong, and say what to do.

    Settings, database, partitions, clocks, broker, Valkey, object store, processes, workers,
    what waits, what is owed, what is paused; and every promise of the queue, for the jobs of
    the last hours. It changes nothing but one small probe object. Exit code 1: errors.
    """
    told = ["--hours", str(hours)]
    if as_json:
        told.append("--json")
    if data_dir is not None:
        told += ["--data-dir", str(data_dir)]
    elif (running := own_data_dir()) is not None:
        told += ["--embedded", str(running)]
    become("producer.doctor", told)
