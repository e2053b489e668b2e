"""`genq appeal` and `genq report`: what those can do who are judged, and their users."""

from typing import Annotated

import typer

from genq.cli import options
from genq.cli.ids import require_ids
from genq.cli.screen import print_data, print_json, tell
from genq.client import Genq

JobId = Annotated[str, typer.Argument(metavar="JOB", help="job_…")]
Text = Annotated[
    str | None,
    typer.Option("--text", metavar="TEXT", help="Why it was wrong; else: how it stands."),
]
Category = Annotated[
    str, typer.Option("--category", metavar="NAME", help="Such as hate, privacy, copyright.")
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What they say.")]
Reporter = Annotated[
    str | None,
    typer.Option("--reporter", metavar="NAME", help="Your name for them; a pseudonym is kept."),
]


def appeal(
    job_id: JobId,
    *,
    text: Text = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Appeal a blocked job, once and within fourteen days; or see how its appeal stands."""
    require_ids([job_id], "job")
    with Genq(api_key, url) as client:
        if text is None:
            found = client.appeals.get(job_id)
        else:
            found = client.appeals.create(job_id, text)
    if as_json:
        print_json(found.raw)
        return
    again = f", done over as {found.requeued_as}" if found.requeued_as else ""
    print_data(f"{found.id}: {found.state}{again}")
    if found.state == "open":
        tell(f"next: genq appeal {job_id} tells how it stands")


def report(
    job_id: JobId,
    *,
    category: Category,
    note: Note = None,
    reporter: Reporter = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Say what is wrong with a result; people look at it."""
    require_ids([job_id], "job")
    with Genq(api_key, url) as client:
        found = client.reviews.report(job_id, category, note=note, reporter=reporter)
    if as_json:
        print_json(found.raw)
    else:
        print_data(f"{found.id}: people look at it in {found.review}")
