"""`genq schedules`: make recurring jobs, look at them, pause and trigger them."""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.kind_input import kind_input
from genq.cli.schedule_names import Named, id_of
from genq.cli.screen import confirm, print_data, print_json, print_table, tell
from genq.client import Genq
from genq.models import LANES
from genq.schedule_models import Schedule, ScheduleRun

_CATCH_UP: Final = ("once", "skip")
_RUNS: Final = 10

Name = Annotated[str, typer.Argument(metavar="NAME", help="Unique among your schedules.")]
Cron = Annotated[
    str, typer.Argument(metavar="CRON", help='Such as "30 2 * * *", or @hourly, @daily…')
]
NewCron = Annotated[str | None, typer.Option("--cron", metavar="CRON", help="When it is due.")]
NewName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Another name.")]
Prompt = Annotated[
    str | None, typer.Argument(metavar="PROMPT", help="What to make each time; or --file.")
]
RequestFile = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="The job as JSON, as POST /v1/jobs takes it."),
]
Zone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Such as Europe/Berlin; else UTC."),
]
CatchUp = Annotated[
    str | None,
    typer.Option(
        "--catch-up", metavar="HOW", help="Of missed times: once (the latest) or skip."
    ),
]
Paused = Annotated[bool, typer.Option("--paused", help="Do not start yet.")]


def create(
    name: Name,
    cron: Cron,
    prompt: Prompt = None,
    *,
    file: RequestFile = None,
    kind: options.Kind = "image",
    model: options.Model = None,
    lane: options.Lane = None,
    timezone: Zone = None,
    catch_up: CatchUp = None,
    paused: Paused = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make a schedule; each time of it is one job."""
    one_of(catch_up, _CATCH_UP, "--catch-up")
    one_of(lane, LANES, "--lane")
    request = _request(prompt, file, kind=kind, model=model, lane=lane)
    with Genq(api_key, url) as client:
        made = client.schedules.create(
            name,
            cron,
            request,
            timezone=timezone,
            catch_up=catch_up,
            paused=paused or None,
        )
    if as_json:
        print_json(made.raw)
        return
    print_data(made.id)
    tell(_when(made))


def list_schedules(
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List schedules by name."""
    with Genq(api_key, url) as client:
        found = list(client.schedules.list())
    if as_json:
        for schedule in found:
            print_json(schedule.raw)
        return
    if not found:
        tell('no schedules; make one: genq schedules create nightly "30 2 * * *" "a red kite"')
        return
    headings = ("id", "name", "cron", "timezone", "next", "error")
    spare = ("timezone", "error", "cron", "name", "next")
    print_table(headings, [_row(schedule) for schedule in found], spare)


def show(
    named: Named,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show one schedule and its latest runs."""
    with Genq(api_key, url) as client:
        schedule_id = id_of(client, named)
        schedule = client.schedules.get(schedule_id)
        if as_json:
            print_json(schedule.raw)
            return
        runs = list(islice(client.schedules.runs(schedule_id), _RUNS))
    lines = {
        "id": schedule.id,
        "name": schedule.name,
        "cron": f"{schedule.cron} ({schedule.timezone})",
        "catch up": schedule.catch_up,
        "next": _next(schedule),
        "error": schedule.error or "",
        "request": json.dumps(schedule.request, ensure_ascii=False),
    }
    for name, value in lines.items():
        if value:
            print_data(f"{name:<9} {value}")
    for run in runs:
        print_data(f"run       {_run(run)}")


def update(
    named: Named,
    *,
    name: NewName = None,
    cron: NewCron = None,
    timezone: Zone = None,
    catch_up: CatchUp = None,
    file: RequestFile = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Change what is given; a new expression counts from now."""
    one_of(catch_up, _CATCH_UP, "--catch-up")
    request = _read(file) if file else None
    with Genq(api_key, url) as client:
        schedule = client.schedules.update(
            id_of(client, named),
            name=name,
            cron=cron,
            timezone=timezone,
            catch_up=catch_up,
            request=request,
        )
    _tell(schedule, as_json=as_json)


def pause(
    named: Named,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Let its times pass without jobs."""
    with Genq(api_key, url) as client:
        _tell(client.schedules.pause(id_of(client, named)), as_json=as_json)


def resume(
    named: Named,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Let it go on with its next time from now."""
    with Genq(api_key, url) as client:
        _tell(client.schedules.resume(id_of(client, named)), as_json=as_json)


def trigger(
    named: Named,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Submit its job now; its own times stay as they are."""
    with Genq(api_key, url) as client:
        job = client.schedules.trigger(id_of(client, named))
    if as_json:
        print_json(job.raw)
        return
    print_data(job.id)
    tell(f"{job.status} on lane {job.lane}; next: genq jobs get {job.id} --wait")


def delete(
    named: Named,
    *,
    yes: options.Yes = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Delete a schedule; the jobs that it made stay."""
    with Genq(api_key, url) as client:
        schedule_id = id_of(client, named)
        confirm(f"Delete the schedule {named}? The jobs that it made stay.", yes=yes)
        client.schedules.delete(schedule_id)
    tell(f"{named} is gone; the jobs that it made stay")


def _request(
    prompt: str | None, file: Path | None, *, kind: str, model: str | None, lane: str | None
) -> Mapping[str, object]:
    if (prompt is None) == (file is None):
        raise typer.BadParameter("give either a PROMPT or --file.", param_hint="PROMPT")
    if file is not None:
        return _read(file)
    asked = kind_input(kind, prompt or "")
    given: dict[str, object] = {"kind": kind, "input": asked, "model": model, "lane": lane}
    return {name: value for name, value in given.items() if value is not None}


def _read(file: Path) -> Mapping[str, object]:
    try:
        found: object = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or str(error)
        raise typer.BadParameter(f"{file}: {why}.", param_hint="--file") from None
    except ValueError as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}", param_hint="--file") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{file} holds no JSON object.", param_hint="--file")
    return cast("Mapping[str, object]", found)


def _tell(schedule: Schedule, *, as_json: bool) -> None:
    if as_json:
        print_json(schedule.raw)
    else:
        print_data(f"{schedule.id}  {_when(schedule)}")


def _when(schedule: Schedule) -> str:
    if schedule.paused:
        return f"{schedule.name} is paused; next: genq schedules resume {schedule.name}"
    return f"{schedule.name} is due next {_next(schedule)}"


def _next(schedule: Schedule) -> str:
    if schedule.paused:
        return "paused"
    return schedule.next_at.strftime("%d %b %Y %H:%M:%SZ") if schedule.next_at else "never"


def _row(schedule: Schedule) -> tuple[str, ...]:
    return (
        schedule.id,
        schedule.name,
        schedule.cron,
        schedule.timezone,
        _next(schedule),
        schedule.error or "",
    )


def _run(run: ScheduleRun) -> str:
    return f"{run.slot.strftime('%d %b %Y %H:%M:%SZ')}  {run.job_id or run.error or ''}"
