"""The flags of `genq dead`: which dead letters are meant, and what is changed about them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

import typer

from genq.cli.examples import one_of
from genq.cli.instants import read_past
from genq.models import KINDS, LANES

Code = Annotated[str | None, typer.Option("--code", metavar="CODE", help="Died of this error.")]
OfModel = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Of this model.")]
OfKind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Such as image, chat or embedding.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="Died since: 30m, 2h, 7d or 2026-12-01T08:00Z."
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Go on with jobs older than this.")
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="job_…")]
JobIds = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="job_…")]
Everything = Annotated[bool, typer.Option("--all", help="Every dead letter.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be sent.")]
NewInput = Annotated[
    str | None,
    typer.Option("--input", metavar="JSON", help='Change parameters: {"size": null, "n": 1}.'),
]
NewModel = Annotated[
    str | None, typer.Option("--to-model", metavar="NAME", help="Run it on another model.")
]
NewLane = Annotated[
    str | None, typer.Option("--to-lane", metavar="LANE", help="Send it on another lane.")
]
NewPriority = Annotated[
    int | None, typer.Option("--to-priority", metavar="0-9", min=0, max=9, help="0 first.")
]
NewWebhook = Annotated[
    str | None,
    typer.Option("--to-webhook", metavar="URL", help="Tell this URL; none tells nobody."),
]


def filter_of(
    code: str | None, model: str | None, kind: str | None, lane: str | None, since: str | None
) -> dict[str, Any]:
    """Return the filter that the flags mean.

    Raises:
        typer.BadParameter: A value is not known, or not a time.
    """
    one_of(kind, KINDS, "--kind")
    one_of(lane, LANES, "--lane")
    told = {
        "code": code,
        "model": model,
        "kind": kind,
        "lane": lane,
        "since": read_past(since, "--since"),
    }
    return {name: value for name, value in told.items() if value is not None}


def edits_of(
    new_input: str | None,
    model: str | None,
    lane: str | None,
    priority: int | None,
    webhook: str | None,
) -> dict[str, object]:
    """Return the edits that the flags mean; the webhook ``none`` tells nobody.

    Raises:
        typer.BadParameter: The input is no JSON object.
    """
    edits: dict[str, object] = {"model": model, "lane": lane, "priority": priority}
    edits = {name: value for name, value in edits.items() if value is not None}
    if new_input is not None:
        edits["input"] = _object(new_input)
    if webhook is not None:
        edits["webhook"] = None if webhook == "none" else {"url": webhook}
    return edits


def _object(text: str) -> Mapping[str, object]:
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}.", param_hint="--input") from None
    if not isinstance(found, dict):
        raise typer.BadParameter('an object is needed: {"n": 1}.', param_hint="--input")
    return cast("Mapping[str, object]", found)
