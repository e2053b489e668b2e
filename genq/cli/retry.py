"""`genq jobs retry`: try ended jobs again, by their ids or by what they have in common."""

from functools import partial
from typing import Annotated, Any

import typer

from genq.cli import filters, options
from genq.cli.ids import require_ids
from genq.cli.instants import read_past
from genq.cli.screen import confirm, count_of, print_data, print_json, tell
from genq.cli.submit import read_metadata
from genq.cli.tally import Tally
from genq.client import Genq
from genq.models import KINDS, LANES, STATUSES

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="job_…")]
Status = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="Such as failed,expired.")
]
OfKind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Such as image, chat or embedding.")
]
Now = Annotated[
    bool,
    typer.Option("--now", help="Of a job that waits to be tried again: have it tried now."),
]
Every = Annotated[bool, typer.Option("--all", help="Every job of yours without success.")]


def retry(
    job_ids: Ids = None,
    *,
    now: Now = False,
    status: Status = None,
    lane: filters.SomeLanes = None,
    kind: OfKind = None,
    model: filters.OfModel = None,
    tag: filters.Tags = None,
    metadata: options.Metadata = None,
    end_user: options.EndUser = None,
    error_code: filters.ErrorCode = None,
    created_after: filters.CreatedAfter = None,
    created_before: filters.CreatedBefore = None,
    every: Every = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Try jobs again that ended without success: by id, or all that fit the flags.

    Each is done again by one new job, however often this is run; its id is printed.
    """
    wanted = filters.filter_of(
        status=filters.some_of(status, STATUSES, "--status"),
        lane=filters.some_of(lane, LANES, "--lane"),
        kind=filters.some_of(kind, KINDS, "--kind"),
        model=model,
        tag=tag,
        metadata=read_metadata(metadata or []),
        end_user=end_user,
        error_code=error_code,
        created_after=read_past(created_after, "--created-after"),
        created_before=read_past(created_before, "--created-before"),
    )
    _check_choice(job_ids or [], chosen=every or bool(wanted), alone=now or dry_run, now=now)
    with Genq(api_key, url) as client:
        if job_ids:
            _each(client, job_ids, now=now, as_json=as_json)
        else:
            _all(client, {**wanted, "every": every}, dry_run=dry_run, yes=yes, as_json=as_json)


def _check_choice(job_ids: list[str], *, chosen: bool, alone: bool, now: bool) -> None:
    if bool(job_ids) == chosen or (job_ids and alone and not now) or (chosen and now):
        raise typer.BadParameter("name jobs by id, or choose them by flags (--all for every)")
    require_ids(job_ids, "job")


def _each(client: Genq, job_ids: list[str], *, now: bool, as_json: bool) -> None:
    tally = Tally()
    # Twice the same id is once.
    chosen = list(dict.fromkeys(job_ids))

    def retry_one(job_id: str) -> None:
        job = client.jobs.retry(job_id, new_attempt=now)
        tally.add("tried now" if now else "tried again")
        if as_json:
            print_json(job.raw)
        else:
            print_data(job.id if now else f"{job_id} -> {job.id}")

    try:
        for job_id in chosen:
            tally.attempt(partial(retry_one, job_id), alone=len(chosen) == 1)
    finally:
        if len(chosen) > 1 and str(tally):
            tell(str(tally))
    if tally.code:
        raise typer.Exit(tally.code)


def _all(
    client: Genq, wanted: dict[str, Any], *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    if not (dry_run or yes):
        found = client.jobs.retry_matching(**wanted, dry_run=True).matched
        confirm(f"Try {count_of(found, 'job')} again, as new jobs?", yes=not found)
    report = client.jobs.retry_matching(**wanted, dry_run=dry_run)
    if as_json:
        told = ("matched", "matched_is_exact", "changed", "skipped", "sample", "dry_run")
        print_json({name: getattr(report, name) for name in told})
        return
    if dry_run:
        print_data(f"dry run: {count_of(report.matched, 'job')} would be tried again")
    else:
        print_data(f"{count_of(report.changed, 'job')} of {report.matched} tried again")
