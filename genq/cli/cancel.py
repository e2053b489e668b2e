"""`genq jobs cancel`: jobs by their ids, or all that have something in common."""

from dataclasses import asdict
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.screen import print_data, print_json, tell
from genq.cli.submit import read_metadata
from genq.client import Genq
from genq.models import KINDS, LANES, CancelReport

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="job_…")]
OfKind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="image or chat.")]
OfModel = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Those that it is to make.")
]
OfBatch = Annotated[
    str | None, typer.Option("--batch", metavar="ID", help="Those of one batch, batch_….")
]
InStatus = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="queued or running.")
]
Every = Annotated[bool, typer.Option("--all", help="Every job of yours that has not ended.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count them.")]


def cancel(
    job_ids: Ids = None,
    *,
    lane: options.Lane = None,
    kind: OfKind = None,
    model: OfModel = None,
    batch: OfBatch = None,
    status: InStatus = None,
    end_user: options.EndUser = None,
    metadata: options.Metadata = None,
    every: Every = False,
    dry_run: DryRun = False,
    wait: options.Wait = False,
    timeout: options.Timeout = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Cancel jobs: by id, or all that fit the flags. A job that runs ends a moment later."""
    _check(lane, kind, status)
    labels = read_metadata(metadata or [])
    chosen = every or any([lane, kind, model, batch, status, end_user, labels])
    if bool(job_ids) == chosen or (job_ids and dry_run):
        raise typer.BadParameter("name jobs by id, or choose them by flags (--all for every)")
    with Genq(api_key, url) as client:
        for job_id in job_ids or ():
            _cancel_one(client, job_id, wait=wait, timeout=timeout, as_json=as_json)
        if chosen:
            report = client.jobs.cancel_matching(
                lane=lane,
                kind=kind,
                model=model,
                batch_id=batch,
                status=status,
                end_user=end_user,
                metadata=labels,
                every=every,
                dry_run=dry_run,
            )
            _tell(report, as_json=as_json)


def _check(lane: str | None, kind: str | None, status: str | None) -> None:
    one_of(lane, LANES, "--lane")
    one_of(kind, KINDS, "--kind")
    one_of(status, ("queued", "running"), "--status")


def _cancel_one(
    client: Genq, job_id: str, *, wait: bool, timeout: float | None, as_json: bool
) -> None:
    job = client.jobs.cancel(job_id)
    if not job.done and (wait or timeout is not None):
        job = client.jobs.wait(job_id, timeout=timeout)
    if as_json:
        print_json(job.raw)
    else:
        print_data(f"{job.id}  {job.status if job.done else 'cancelling'}")


def _tell(report: CancelReport, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
        return
    would = "would be" if report.dry_run else "are being"
    print_data(f"{report.cancelled} {'would be ' if report.dry_run else ''}cancelled")
    if report.cancelling:
        tell(f"{report.cancelling} more run and {would} stopped")
