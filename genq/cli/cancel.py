"""`genq jobs cancel`: jobs by their ids, or all that have something in common."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.ids import require_ids
from genq.cli.screen import confirm, count_of, print_data, print_json, tell
from genq.cli.submit import read_metadata
from genq.cli.tally import Tally
from genq.client import Genq
from genq.models import KINDS, LANES, CancelReport, Job

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="job_…")]
OfKind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Such as image, chat or embedding.")
]
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
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
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
    waits = wait or timeout is not None
    _check_choice(job_ids or [], chosen=chosen, dry_run=dry_run, waits=waits)
    with Genq(api_key, url) as client:
        if job_ids:
            _cancel_each(client, job_ids, timeout if waits else 0, as_json=as_json)
        else:
            wanted: dict[str, Any] = {
                "lane": lane,
                "kind": kind,
                "model": model,
                "batch_id": batch,
                "status": status,
                "end_user": end_user,
                "metadata": labels,
                "every": every,
            }
            _ask(client, wanted, yes=yes or dry_run)
            _tell(client.jobs.cancel_matching(**wanted, dry_run=dry_run), as_json=as_json)


def _ask(client: Genq, wanted: dict[str, Any], *, yes: bool) -> None:
    if not yes:
        found = client.jobs.cancel_matching(**wanted, dry_run=True).matched
        confirm(f"Cancel {count_of(found, 'job')}?", yes=not found)


def _check(lane: str | None, kind: str | None, status: str | None) -> None:
    one_of(lane, LANES, "--lane")
    one_of(kind, KINDS, "--kind")
    one_of(status, ("queued", "running"), "--status")


def _check_choice(job_ids: list[str], *, chosen: bool, dry_run: bool, waits: bool) -> None:
    if bool(job_ids) == chosen or (job_ids and dry_run):
        raise typer.BadParameter("name jobs by id, or choose them by flags (--all for every)")
    if chosen and waits:
        raise typer.BadParameter(
            "only jobs named by id are waited for; drop it, or name them.", param_hint="--wait"
        )
    require_ids(job_ids, "job")


def _cancel_each(
    client: Genq, job_ids: list[str], patience: float | None, *, as_json: bool
) -> None:
    tally = Tally()
    running: list[str] = []

    def close(job: Job) -> None:
        tally.add(job.status if job.done else "being stopped")
        if as_json:
            print_json(job.raw)
        else:
            print_data(f"{job.id}  {job.status if job.done else 'cancelling'}")

    def cancel_one(job_id: str) -> None:
        job = client.jobs.cancel(job_id)
        if job.done or patience == 0:
            close(job)
        else:
            running.append(job_id)

    # Twice the same id is once; all are told to stop before one is waited for.
    chosen = list(dict.fromkeys(job_ids))
    alone = len(chosen) == 1
    try:
        for job_id in chosen:
            tally.attempt(partial(cancel_one, job_id), alone=alone)
        for job_id in running:
            close(client.jobs.wait(job_id, timeout=patience))
    finally:
        if not alone and str(tally):
            tell(str(tally))
    if tally.code:
        raise typer.Exit(tally.code)


def _tell(report: CancelReport, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
        return
    would = "would be " if report.dry_run else ""
    line = f"{report.cancelled} {would}cancelled"
    if report.cancelling:
        line += f" at once, {report.cancelling} {would or 'being '}stopped"
    print_data(line)
