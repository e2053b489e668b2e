"""`genq submit`: one job from the command line, and its result on disk."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.flags_help import looks_flagged
from genq.cli.instants import read_instant
from genq.cli.kind_input import kind_input, read_pictures
from genq.cli.progress import moving
from genq.cli.saving import save_grid, save_outputs, spoken_format
from genq.cli.screen import describe, print_data, print_json, tell
from genq.client import Genq
from genq.job_requests import Webhook
from genq.models import LANES, Job

Prompt = Annotated[
    str, typer.Argument(metavar="PROMPT", help="What to make; - reads it from stdin.")
]


def submit(
    prompt: Prompt,
    *,
    kind: options.Kind = "image",
    model: options.Model = None,
    images: options.Images = None,
    edited: options.Edited = None,
    mask: options.Mask = None,
    size: options.Size = None,
    seed: options.Seed = None,
    voice: options.Voice = None,
    lane: options.Lane = None,
    priority: options.Priority = None,
    webhook: options.WebhookUrl = None,
    webhook_events: options.WebhookEvents = None,
    channel: options.Channels = None,
    metadata: options.Metadata = None,
    tag: options.Tags = None,
    end_user: options.EndUser = None,
    run_at: options.RunAt = None,
    start_timeout: options.StartTimeout = None,
    deadline: options.Deadline = None,
    unique_key: options.UniqueKey = None,
    wait: options.Wait = False,
    timeout: options.Timeout = None,
    output: options.Output = None,
    grid: options.Grid = False,
    prompt_flags: options.PromptFlags = None,
    flags_help: options.FlagsHelp = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Queue a job; --wait for what it makes.

    Prints the id. With --wait, images are saved and their paths printed; a chat's answer is
    printed. -o, --grid and --timeout imply --wait. The prompt of a picture may end in flags,
    such as "a red kite --ar 16:9"; see --flags-help.
    """
    del flags_help
    _queue(locals())


def _queue(typed: Mapping[str, Any]) -> None:
    """Queue what was typed, by the names of the parameters of ``submit``."""
    shown = read_pictures(typed["edited"])
    parameters = {name: typed[name] for name in ("size", "seed", "voice")}
    parameters |= {"n": typed["images"], "images": shown}
    if typed["kind"] == "speech":
        parameters["response_format"] = spoken_format(typed["output"])
    asked = _asked(typed["kind"], typed["prompt"], parameters)
    cut_out = read_pictures([typed["mask"]] if typed["mask"] else None, "--mask")
    placing = ("lane", "priority", "run_at", "start_timeout", "deadline", "unique_key")
    ending = {name: typed[name] for name in ("timeout", "output", "as_json", "grid")}
    with Genq(typed["api_key"], typed["url"]) as client:
        job = client.jobs.create(
            **asked,
            images=shown,
            mask=cut_out[0] if cut_out else None,
            prompt_flags=_flagged(asked, typed["prompt_flags"]) or None,
            model=typed["model"],
            webhook=_webhook(typed["webhook"], typed["webhook_events"]),
            **_words(*(typed[name] for name in ("channel", "tag", "metadata", "end_user"))),
            **_placing(*(typed[name] for name in placing)),
        )
        if typed["wait"] or typed["output"] or typed["grid"] or typed["timeout"] is not None:
            finish(client, job, **ending)
        else:
            _announce(job, as_json=typed["as_json"])


def _flagged(asked: "_Asked", told: bool | None) -> bool:
    prompt = asked["input"].get("prompt")
    if told is None:
        return isinstance(prompt, str) and looks_flagged(asked["kind"], prompt)
    return told


def _announce(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(job.raw)
        return
    print_data(job.id)
    tell(f"{job.status} on lane {job.lane}; next: genq jobs get {job.id} --wait")


def finish(
    client: Genq,
    job: Job,
    *,
    timeout: float | None,
    output: str | None,
    as_json: bool,
    grid: bool = False,
) -> None:
    """Wait for the job, save and print what it made.

    Raises:
        JobFailedError: It ended without a result.
        WaitTimeoutError: ``timeout`` seconds have passed.
    """
    try:
        with moving(job.id) as show:
            # Where no line can move, only changes of state are worth one.
            ended = client.jobs.wait(
                job.id,
                timeout=timeout,
                on_progress=show,
                on_change=None if show else _tell_state,
            )
    except KeyboardInterrupt:
        tell(f"{job.id} goes on without you; later: genq jobs get {job.id} --wait")
        raise
    show_result(client, ended, output=output, as_json=as_json, grid=grid)


def _tell_state(job: Job) -> None:
    tell(f"{job.id}  {describe(job)}")


def show_result(
    client: Genq, job: Job, *, output: str | None, as_json: bool, grid: bool = False
) -> None:
    """Save and print what a job that has ended made; ``grid``: on one sheet.

    Raises:
        JobFailedError: It ended without a result.
    """
    save = save_grid if grid else save_outputs
    if as_json:
        saved = save(client, job, output) if (output or grid) and job.succeeded else []
        print_json({**job.raw, "saved": [str(path) for path in saved]})
        job.require_success()
        return
    made = job.require_success()
    for path in save(client, job, output):
        print_data(str(path))
    if made.text is not None and not output:
        for text in made.texts or (made.text,):
            print_data(text)
    if made.embeddings and not output:
        vectors = made.vectors
        print_data(f"{len(vectors)} x {len(vectors[0])} numbers")
        tell("-o FILE writes them as JSON")


def _placing(  # noqa: PLR0917 - one flag each, in the order of --help
    lane: str | None,
    priority: int | None,
    run_at: str | None,
    start_timeout: float | None,
    deadline: str | None,
    unique: str | None,
) -> Any:
    return {
        "lane": one_of(lane, LANES, "--lane"),
        "priority": priority,
        "run_at": read_instant(run_at, "--run-at"),
        "start_timeout": start_timeout,
        "unique": unique,
        "deadline": read_instant(deadline, "--deadline"),
    }


def _words(
    channels: Sequence[str] | None,
    tags: Sequence[str] | None,
    metadata: Sequence[str] | None,
    end_user: str | None,
) -> Any:
    said = read_metadata(metadata or ())
    return {"channels": channels, "tags": tags, "metadata": said, "end_user": end_user}


def _webhook(url: str | None, events: str | None) -> Webhook | None:
    if events is None or not url:
        if events is not None:
            raise typer.BadParameter("it goes with --webhook.", param_hint="--webhook-events")
        return url
    return {"url": url, "events": [word.strip() for word in events.split(",")]}


class _Asked(TypedDict):
    kind: str
    input: Mapping[str, Any]


def _asked(kind: str, prompt: str, parameters: Mapping[str, object]) -> _Asked:
    # Whoever names a picture wants it edited.
    wanted = "image_edit" if parameters["images"] and kind == "image" else kind
    text = sys.stdin.read().strip() if prompt == "-" else prompt
    if not text.strip():
        raise typer.BadParameter("it is empty; say what to make.", param_hint="PROMPT")
    given = {name: value for name, value in parameters.items() if value is not None}
    made = kind_input(wanted, text, given)
    # They are sent beside it.
    made.pop("images", None)
    return {"kind": wanted, "input": made}


def read_metadata(pairs: Sequence[str]) -> Mapping[str, str] | None:
    """Return what ``--metadata KEY=VALUE`` said, or ``None`` if it was not there.

    Raises:
        typer.BadParameter: A pair lacks its ``=``.
    """
    words: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint="--metadata")
        words[name] = value
    return words or None
