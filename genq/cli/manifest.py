"""`genq manifest`: what a job was asked, who made what of it, how, and at which price."""

from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.ids import require_ids
from genq.cli.screen import print_data, tell
from genq.client import Genq
from genq.files import write_whole

JobId = Annotated[str, typer.Argument(metavar="JOB", help="job_…: one that has ended.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there.")
]
WithManifest = Annotated[
    bool,
    typer.Option("--manifest", help="Write the job's manifest beside what it made."),
]


def manifest(
    job_id: JobId,
    *,
    output: Output = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Print a job's manifest: one JSON document that never changes, unless it is erased.

    It is canonical (RFC 8785): its SHA-256 tells whether it is the same one.
    """
    require_ids([job_id], "job")
    with Genq(api_key, url) as client:
        found = client.jobs.manifest(job_id)
    if output is None:
        print_data(found.decode())
    else:
        tell(f"saved {write_whole(output, found)}")


def save_manifest(client: Genq, job_id: str, folder: Path) -> Path:
    """Write a job's manifest into a folder and return its path."""
    return write_whole(folder / f"{job_id}.manifest.json", client.jobs.manifest(job_id))


def folder_of(output: str | None) -> Path:
    """Return the folder into which outputs go, by what was said of where."""
    target = Path(output or ".")
    whole = target.is_dir() or (output or "").endswith("/")
    return target if whole else target.parent
