"""`genq jobs ls` and `genq jobs get`."""

from itertools import islice
from typing import Annotated, Final

import typer

from genq.cli import filters, options
from genq.cli.ids import require_ids
from genq.cli.instants import read_past, short
from genq.cli.manifest import WithManifest, folder_of, save_manifest
from genq.cli.screen import describe, print_data, print_json, print_table, tell
from genq.cli.submit import finish, read_metadata, show_result
from genq.client import Genq
from genq.models import KINDS, LANES, STATUSES, Job, QueuePlace
from genq.safety_models import Safety

_PAGE: Final = 100
_MAKE_ONE: Final = 'no jobs yet; make one: genq submit "a red kite over the sea"'

Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Go on with jobs older than this.")
]
Status = Annotated[
    str | None,
    typer.Option("--status", metavar="STATUS", help="Such as queued, or failed,blocked."),
]
OfKind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Such as image, chat or embedding.")
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="job_…")]


def list_jobs(
    *,
    status: Status = None,
    lane: filters.SomeLanes = None,
    kind: OfKind = None,
    model: filters.OfModel = None,
    tag: filters.Tags = None,
    metadata: options.Metadata = None,
    end_user: options.EndUser = None,
    error_code: filters.ErrorCode = None,
    attempts_min: filters.AttemptsMin = None,
    created_after: filters.CreatedAfter = None,
    created_before: filters.CreatedBefore = None,
    limit: Limit = 20,
    after: After = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List jobs, newest first: those that fit all that is given.

    Instants are such as 2026-12-01T08:00Z, or how long ago: 90s, 15m, 2h, 7d.
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
        attempts_min=attempts_min,
        created_after=read_past(created_after, "--created-after"),
        created_before=read_past(created_before, "--created-before"),
    )
    with Genq(api_key, url) as client:
        page = client.jobs.list(limit=min(limit + 1, _PAGE), after=after, **wanted)
        # One more than asked for tells whether there are more.
        found = list(islice(page, limit + 1))
    _show_list(found, limit, filtered=bool(wanted), as_json=as_json)


def get_job(
    job_id: JobId,
    *,
    wait: options.Wait = False,
    timeout: options.Timeout = None,
    output: options.Output = None,
    grid: options.Grid = False,
    manifest: WithManifest = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show one job; --wait for what it makes."""
    require_ids([job_id], "job")
    with Genq(api_key, url) as client:
        job = client.jobs.get(job_id)
        if wait or timeout is not None:
            finish(client, job, timeout=timeout, output=output, as_json=as_json, grid=grid)
        elif grid and not job.done:
            finish(client, job, timeout=None, output=output, as_json=as_json, grid=True)
        elif output or grid:
            show_result(client, job, output=output, as_json=as_json, grid=grid)
        elif as_json:
            print_json(job.raw)
        else:
            _show(job)
        if manifest:
            tell(f"saved {save_manifest(client, job_id, folder_of(output))}")


def _show_list(found: list[Job], limit: int, *, filtered: bool, as_json: bool) -> None:
    shown = found[:limit]
    if as_json:
        for job in shown:
            print_json(job.raw)
        return
    if not shown:
        tell("no such jobs" if filtered else _MAKE_ONE)
        return
    headings = ("id", "status", "kind", "lane", "created", "model")
    print_table(headings, [_row(j) for j in shown], ("model", "created", "kind", "lane"))
    if len(found) > limit:
        tell(f"more: the same with --after {shown[-1].id}")


def _row(job: Job) -> tuple[str, ...]:
    return (job.id, job.status, job.kind, job.lane, short(job.created_at), job.model)


def _show(job: Job) -> None:
    lines = {
        "id": job.id,
        "status": describe(job),
        "kind": f"{job.kind} by {job.model}",
        "lane": f"{job.lane}, priority {job.priority}",
        "created": short(job.created_at),
        "run at": short(job.run_at) if job.run_at else "",
        "deadline": short(job.deadline) if job.deadline else "",
        "queue": _place(job.queue) if job.queue and job.status == "queued" else "",
        "started": short(job.started_at) if job.started_at else "",
        "finished": short(job.finished_at) if job.finished_at else "",
        "attempts": str(job.attempts) if job.attempts else "",
        "cost": f"${job.cost.actual:.6f}".rstrip("0").rstrip(".") if job.cost else "",
        "error": f"{job.error.code}: {job.error.message}" if job.error else "",
        "safety": _verdict(job.safety) if job.safety else "",
        "appeal": (job.safety.appeal_url or "") if job.safety else "",
        "metadata": ", ".join(f"{name}={value}" for name, value in job.metadata.items()),
        "tags": ", ".join(job.tags),
        "retry of": job.retry_of or "",
        "made by": _lineage(job),
        "seed": str(job.output.seed) if job.output and job.output.seed is not None else "",
    }
    for name, value in lines.items():
        if value:
            print_data(f"{name:<9} {value}")
    if job.output:
        for artifact in job.output.artifacts:
            print_data(f"artifact  {artifact.index}  {artifact.content_type}  {artifact.url}")
        if job.output.text is not None:
            print_data(f"text      {job.output.text}")


def _lineage(job: Job) -> str:
    if job.lineage is None:
        return ""
    return f"{job.lineage.action} of {', '.join(job.lineage.parents)}"


def _verdict(safety: Safety) -> str:
    why = ", ".join(f"{reason.category} {reason.score:g}" for reason in safety.reasons)
    return f"{safety.verdict} of the {safety.stage}: {why or 'no reason'}"


def _place(queue: QueuePlace) -> str:
    words: list[str] = []
    about = "about " if queue.estimated else ""
    if queue.position is not None:
        words.append(f"{about}number {queue.position} in its lane")
    if queue.eta_seconds is not None:
        low, high = queue.eta_seconds.low, queue.eta_seconds.high
        span = f"{low:g} s or more" if high is None else f"{low:g} to {high:g} s"
        words.append(f"starts in {span}")
    if queue.waiting_until is not None:
        words.append(f"waits until {short(queue.waiting_until)}")
    return ", ".join(words)
