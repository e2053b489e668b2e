"""`genq jobs watch`: a job's way, live, until its end."""

from typing import Annotated

import typer

from genq.cli import options
from genq.cli.ids import require_ids
from genq.cli.instants import short
from genq.cli.progress import describe_event, moving
from genq.cli.screen import print_data, print_json, tell
from genq.client import Genq
from genq.event_models import JobEvent
from genq.models import Job

JobId = Annotated[str, typer.Argument(metavar="ID", help="job_…")]


def watch(
    job_id: JobId,
    *,
    timeout: options.Timeout = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Follow a job until it ends: its place in the queue, its progress, its end.

    In a terminal one line moves; elsewhere each event is a line, with --json an object. The
    exit code tells how the job ended. Ctrl-C stops watching, not the job.
    """
    require_ids([job_id], "job")
    with Genq(api_key, url) as client:
        try:
            ended = _follow(client, job_id, timeout, as_json=as_json)
        except KeyboardInterrupt:
            tell(f"{job_id} goes on without you; again: genq jobs watch {job_id}")
            raise
    if not as_json:
        print_data(f"{ended.id}  {ended.status}")
    ended.require_success()
    tell(f"next: genq jobs get {ended.id} -o PATH")


def _follow(client: Genq, job_id: str, timeout: float | None, *, as_json: bool) -> Job:
    if as_json:
        return client.jobs.wait(
            job_id, timeout=timeout, on_progress=lambda event: print_json(_facts(event))
        )
    with moving(job_id) as show:
        return client.jobs.wait(job_id, timeout=timeout, on_progress=show or _tell)


def _facts(event: JobEvent) -> object:
    """Return the event as the server sent it, or what a look at the job told."""
    if event.raw:
        return event.raw
    job = event.job.raw if event.job else None
    return {"type": event.type, "job_id": event.job_id, "job": job}


def _tell(event: JobEvent) -> None:
    if not event.is_last:
        at = f"{short(event.at)}  " if event.at else ""
        print_data(f"{event.job_id}  {at}{describe_event(event)}")
