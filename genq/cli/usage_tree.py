"""The commands that tell what was used and made, as the command line has them."""

import typer

from genq.cli import manifest, usage
from genq.cli.groups import add


def add_usage(app: typer.Typer) -> None:
    """Add `genq usage` and `genq manifest`."""
    add(
        app,
        "usage",
        usage.usage,
        "genq usage --by model",
        "genq usage --from 2026-11-01 --to 2026-12-01 --by end_user --csv > november.csv",
        "genq usage --all-tenants --by tenant,server --interval month",
    )
    add(app, "manifest", manifest.manifest, "genq manifest job_01kb… -o kite.json")
