"""`genq audit`: who did what to tenants, keys and lanes, and whether all of it is there."""

from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import own_data_dir
from genq.cli.processes import become

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Of the `genq up` that runs there."),
]
TenantName = Annotated[
    str | None,
    typer.Option("--tenant", help="Whose; without it the installation's: lanes, models."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]


def list_entries(
    tenant: TenantName = None,
    limit: Limit = 50,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what was done, newest first: keys, plans, budgets, pauses, many jobs at once."""
    told = ["ls", "--limit", str(limit)]
    if tenant is not None:
        told += ["--tenant", tenant]
    _become(told, as_json=as_json, data_dir=data_dir)


def verify(as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Read the whole audit log and its anchors; exit code 1: it is not what was written."""
    _become(["verify"], as_json=as_json, data_dir=data_dir)


def _become(told: list[str], *, as_json: bool, data_dir: Path | None) -> None:
    if as_json:
        told.append("--json")
    if data_dir is not None:
        told += ["--data-dir", str(data_dir)]
    elif (running := own_data_dir()) is not None:
        told += ["--embedded", str(running)]
    become("producer.audit", told)
