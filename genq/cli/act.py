"""`genq act`: make something new of a job's pictures."""

from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.ids import require_ids
from genq.cli.screen import print_data, print_json, tell
from genq.cli.submit import finish
from genq.client import Genq
from genq.derived_jobs import ActionOptions
from genq.errors import ApiError
from genq.models import LANES, Job

ACTIONS: Final = (
    "upscale", "vary", "reroll", "remix", "blend", "describe", "zoom", "pan", "replay",
)  # fmt: skip
_OF_NO_PICTURE: Final = frozenset({"reroll", "remix", "replay"})

JobId = Annotated[str, typer.Argument(metavar="JOB", help="job_…, of pictures.")]
Action = Annotated[str, typer.Argument(metavar="ACTION", help=", ".join(ACTIONS) + ".")]
Number = Annotated[
    int | None,
    typer.Argument(
        metavar="[PICTURE]",
        min=1,
        help="Which picture, as on the grid: 1 is the first. Not needed if there is one.",
    ),
]
Prompt = Annotated[
    str | None, typer.Option("--prompt", metavar="TEXT", help="What to show, for remix.")
]
Strong = Annotated[bool, typer.Option("--strong", help="Of vary: change much, not little.")]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="PICTURE", help="Of blend: job_…/0 or file-…; repeatable."),
]
Direction = Annotated[
    str | None,
    typer.Option("--direction", metavar="SIDE", help="Of pan: left, right, up, down."),
]
Factor = Annotated[
    float | None,
    typer.Option("--factor", metavar="TIMES", help="Of upscale 2 or 4, of zoom 1.5 or 2."),
]


def act(
    job_id: JobId,
    action: Action,
    number: Number = None,
    *,
    prompt: Prompt = None,
    strong: Strong = False,
    others: With = None,
    direction: Direction = None,
    factor: Factor = None,
    seed: options.Seed = None,
    images: options.Images = None,
    model: options.Model = None,
    lane: options.Lane = None,
    wait: options.Wait = False,
    timeout: options.Timeout = None,
    output: options.Output = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make something new of a job's pictures; --wait for it.

    Pictures are counted from 1, as the grid's labels are: 1 is artifact 0.
    """
    require_ids([job_id], "job")
    told: ActionOptions = {
        "index": _index(action, number),
        "prompt": prompt,
        "strength": "strong" if strong else None,
        "images": others,
        "direction": direction,
        "factor": factor,
        **_of_any(seed, images, model, lane),
    }
    with Genq(api_key, url) as client:
        job = _asked(client, job_id, action, told)
        if wait or output or timeout is not None:
            finish(client, job, timeout=timeout, output=output, as_json=as_json)
        else:
            _announce(job, action, as_json=as_json)


def _asked(client: Genq, job_id: str, action: str, told: ActionOptions) -> Job:
    try:
        return client.jobs.act(job_id, action, **told)
    except ApiError as error:
        if any(fault.pointer == "/index" for fault in error.errors):
            # The server speaks of indexes, which begin at 0.
            tell(f"counted from 1 here: genq act {job_id} {action} 1")
        raise


def _index(action: str, number: int | None) -> int | None:
    one_of(action, ACTIONS, "ACTION")
    if number is not None and action in _OF_NO_PICTURE:
        raise typer.BadParameter(
            f"{action} is of the whole job, not of one picture.", param_hint="PICTURE"
        )
    return None if number is None else number - 1


def _of_any(
    seed: int | None, images: int | None, model: str | None, lane: str | None
) -> ActionOptions:
    lane = one_of(lane, LANES, "--lane")
    return {"seed": seed, "n": images, "model": model, "lane": lane}


def _announce(job: Job, action: str, *, as_json: bool) -> None:
    if as_json:
        print_json(job.raw)
        return
    print_data(job.id)
    tell(f"{action} is {job.status} on lane {job.lane}; next: genq jobs get {job.id} --wait")
