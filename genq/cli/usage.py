"""`genq usage`: what was used, and what it cost."""

import sys
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.screen import print_json, print_table, tell
from genq.client import Genq
from genq.usage import Usage, UsageCounts, UsageLine

_INTERVALS: Final = ("hour", "day", "month", "total")

Since = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="DAY", help="Such as 2026-11-01, or an instant; else this month."
    ),
]
Until = Annotated[
    str | None, typer.Option("--to", metavar="DAY", help="Up to its begin; else up to now.")
]
Interval = Annotated[
    str, typer.Option("--interval", metavar="SPAN", help="hour, day, month or total.")
]
By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="A,B",
        help="model, asked_model, kind, lane, end_user, batch, cached; operators: server, "
        "tenant.",
    ),
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print a table for spreadsheets.")]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="NAME", help="Whose, for operators; else the key's own."),
]
Everybody = Annotated[bool, typer.Option("--all-tenants", help="Everybody's, for operators.")]


def usage(
    *,
    since: Since = None,
    until: Until = None,
    interval: Interval = "day",
    by: By = None,
    as_csv: AsCsv = False,
    tenant: Tenant = None,
    everybody: Everybody = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show what was used and what it cost, up to the last job that ended.

    Times are of UTC and count by whole hours. A job that did not succeed costs nothing. A job
    may have several tags, which cannot be told apart here.
    """
    if interval not in _INTERVALS:
        raise typer.BadParameter(
            f"{interval!r} is none of {', '.join(_INTERVALS)}.", param_hint="--interval"
        )
    groups = [name.strip() for name in (by or "").split(",") if name.strip()]
    with Genq(api_key, url) as client:
        if as_csv:
            table = client.usage_table(
                since, until, interval=interval, by=groups, tenant=tenant, everybody=everybody
            )
            sys.stdout.buffer.write(table)
            sys.stdout.flush()
            return
        found = client.usage(
            since, until, interval=interval, by=groups, tenant=tenant, everybody=everybody
        )
    if as_json:
        for row in found.rows:
            print_json(row.raw)
        return
    _show(found, groups, interval)


def _show(found: Usage, groups: list[str], interval: str) -> None:
    if not found.rows:
        tell(f"nothing was used from {found.since:%d %b %Y %H:%M}Z on")
        return
    times = [] if interval == "total" else ["start"]
    headings = [*times, *groups, "jobs", "images", "tokens in", "tokens out", "cost"]
    rows = [_cells(row, groups, interval) for row in found.rows]
    keys = len(times) + len(groups)
    if keys:
        rows.append(["all", *[""] * (keys - 1), *_numbers(found.totals)])
    print_table(headings, rows, ("tokens in", "tokens out", "images"))


def _cells(row: UsageLine, groups: list[str], interval: str) -> list[str]:
    shown = [str(row.groups.get(name) or "-") for name in groups]
    if row.start is None:
        return [*shown, *_numbers(row.counts)]
    form = {"hour": "%Y-%m-%d %H:00", "month": "%Y-%m"}.get(interval, "%Y-%m-%d")
    return [row.start.strftime(form), *shown, *_numbers(row.counts)]


def _numbers(counts: UsageCounts) -> list[str]:
    return [
        str(counts.jobs),
        str(counts.images),
        str(counts.input_tokens),
        str(counts.output_tokens),
        f"${counts.cost:.6f}".rstrip("0").rstrip("."),
    ]
