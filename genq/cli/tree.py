"""`genq tree`: what a job was made of, and what was made of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.ids import require_ids
from genq.cli.instants import short
from genq.cli.screen import print_data, print_json, tell
from genq.client import Genq
from genq.tree_models import TreeJob

JobId = Annotated[str, typer.Argument(metavar="JOB", help="job_…: any job of the tree.")]


def tree(
    job_id: JobId,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show the tree that a job belongs to; > marks the job itself."""
    require_ids([job_id], "job")
    with Genq(api_key, url) as client:
        found = list(client.jobs.tree(job_id))
    if as_json:
        for one in found:
            print_json(one.raw)
        return
    for line in lines_of(found, job_id):
        print_data(line)
    if len(found) == 1:
        tell(f"nothing was made of it yet; next: genq act {job_id} vary 1")


def lines_of(jobs: Sequence[TreeJob], marked: str) -> Iterator[str]:
    """Yield the lines of a tree.

    Args:
        jobs: All of them, the root first.
        marked: The job that is marked.
    """
    there = {job.id for job in jobs}
    children: dict[str, list[TreeJob]] = {}
    for job in jobs[1:]:
        # A parent that retention took, or of another tree: the root stands in for it.
        parent = next((one for one in job.parents if one in there), jobs[0].id)
        children.setdefault(parent, []).append(job)
    if jobs:
        yield from _branches(jobs[0], children, marked)


def _branches(
    root: TreeJob, children: Mapping[str, Sequence[TreeJob]], marked: str
) -> Iterator[str]:
    # Without recursion: of a thousand actions each may hang on the one before.
    waiting = [(root, "", "")]
    while waiting:
        job, head, rest = waiting.pop()
        yield f"{'> ' if job.id == marked else '  '}{head}{_told(job)}"
        below = children.get(job.id, ())
        for place, one in reversed(list(enumerate(below))):
            last = place == len(below) - 1
            ends = ("└─ ", "   ") if last else ("├─ ", "│  ")
            waiting.append((one, rest + ends[0], rest + ends[1]))


def _told(job: TreeJob) -> str:
    words = [job.action or "", *_details(job), job.id]
    if job.status is None:
        words.append("no longer stored")
    else:
        words += [job.status, job.model or ""]
        words += [short(job.created_at)] if job.created_at else []
    if job.erased and job.status is not None:
        words.append("erased")
    return "  ".join(word for word in words if word)


def _details(job: TreeJob) -> list[str]:
    picture = [] if job.index is None else [f"picture {job.index + 1}"]
    told = {name: value for name, value in job.detail.items() if value is not None}
    return [*picture, *(f"{name} {value}" for name, value in told.items())]
