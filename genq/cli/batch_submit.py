"""`genq batch submit`: a table or a file of requests, checked, uploaded, queued."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from genq.batch_exchanges import BatchOptions
from genq.batch_models import BATCH_ENDPOINTS, Batch
from genq.cli import options
from genq.cli.batch_end import finish
from genq.cli.batch_progress import uploading
from genq.cli.batch_requests import SHORT_NAMES, Ready, Wishes, ready
from genq.cli.batch_template import read_template
from genq.cli.examples import one_of
from genq.cli.screen import count_of, print_data, print_json, tell
from genq.cli.submit import read_metadata
from genq.client import Genq
from genq.errors import GenqError
from genq.models import LANES

_WINDOW: Final = re.compile(r"[1-9][0-9]{0,3}[hd]")

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help=".jsonl: OpenAI's lines, or bodies with --endpoint; .csv, .tsv with --template.",
        exists=True,
        dir_okay=False,
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="PATH",
        help="Such as /v1/chat/completions, or chat, images, embeddings, responses.",
    ),
]
TemplateText = Annotated[
    str | None,
    typer.Option(
        "--template", metavar="TEXT", help="The prompt of each row: '… {{column}} …'; or @file."
    ),
]
System = Annotated[
    str | None, typer.Option("--system", metavar="TEXT", help="Goes before each prompt.")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="Of every request, such as temperature=0; may be repeated.",
    ),
]
IdColumn = Annotated[
    str,
    typer.Option("--id-column", metavar="NAME", help="Whose values name the answers."),
]
Window = Annotated[
    str,
    typer.Option("--window", metavar="24h|3d", help="What has not ended by then expires."),
]
MaxParallel = Annotated[
    int | None,
    typer.Option("--max-parallel", metavar="COUNT", min=1, help="Lines at once, at most."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the file; upload nothing.")]


def submit(
    file: File,
    *,
    endpoint: Endpoint = None,
    template: TemplateText = None,
    system: System = None,
    model: options.Model = None,
    size: options.Size = None,
    param: Parameters = None,
    id_column: IdColumn = "custom_id",
    window: Window = "24h",
    lane: options.Lane = None,
    priority: options.Priority = None,
    max_parallel: MaxParallel = None,
    webhook: options.WebhookUrl = None,
    metadata: options.Metadata = None,
    dry_run: DryRun = False,
    wait: options.Wait = False,
    timeout: options.Timeout = None,
    output: options.Output = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Queue a file of requests; --wait for the answers.

    The whole file is checked first: if a line is wrong, nothing is sent. Prints the id. With
    -o FILE the answers are saved there, and what failed beside it. Ctrl-C leaves it running.
    """
    wishes = _wishes(endpoint, template, system, id_column, _parameters(model, size, param))
    asked = _options(window, lane, priority, max_parallel, webhook, metadata)
    with ready(file, wishes) as checked:
        if dry_run:
            tell(f"{count_of(checked.count, 'line')} for {checked.endpoint}; nothing was sent")
            return print_data(checked.first)
        with Genq(api_key, url) as client:
            batch = _make(client, file, checked, asked)
            if not (wait or output or timeout is not None):
                return _announce(batch, checked.count, as_json=as_json)
            return finish(client, batch, timeout=timeout, output=output, as_json=as_json)


def _make(client: Genq, file: Path, checked: Ready, asked: BatchOptions) -> Batch:
    name = f"{file.stem}.jsonl"
    with uploading(checked.source, checked.size) as source:
        stored = client.files.create(source, purpose="batch", filename=name)
    try:
        return client.batches.create(stored.id, checked.endpoint, **asked)
    except GenqError:
        # Nobody else knows of it.
        client.files.delete(stored.id)
        raise


def _announce(batch: Batch, count: int, *, as_json: bool) -> None:
    if as_json:
        print_json(batch.raw)
        return
    print_data(batch.id)
    tell(f"{count_of(count, 'line')} on lane {batch.lane}; next: genq batch watch {batch.id}")


def _wishes(
    endpoint: str | None,
    template: str | None,
    system: str | None,
    id_column: str,
    parameters: Mapping[str, object],
) -> Wishes:
    return Wishes(
        endpoint=_endpoint(endpoint),
        template=None if template is None else read_template(template),
        system=system,
        parameters=parameters,
        id_column=id_column,
    )


def _endpoint(written: str | None) -> str | None:
    if written is None or written in SHORT_NAMES:
        return SHORT_NAMES[written] if written else None
    known = (*BATCH_ENDPOINTS, *SHORT_NAMES)
    return one_of(written if written.startswith("/") else written.lower(), known, "--endpoint")


def _parameters(
    model: str | None, size: str | None, pairs: Sequence[str] | None
) -> Mapping[str, object]:
    said: dict[str, object] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE.", param_hint="--param")
        try:
            said[name] = json.loads(value)
        except ValueError:
            said[name] = value
    given = {"model": model, "size": size}
    return said | {name: value for name, value in given.items() if value is not None}


def _options(  # noqa: PLR0917 - one flag each, in the order of --help
    window: str,
    lane: str | None,
    priority: int | None,
    max_parallel: int | None,
    webhook: str | None,
    metadata: Sequence[str] | None,
) -> BatchOptions:
    if not _WINDOW.fullmatch(window):
        raise typer.BadParameter(
            f"{window!r} is no hours or days, such as 24h or 3d.", param_hint="--window"
        )
    given: dict[str, Any] = {
        "completion_window": window,
        "lane": one_of(lane, LANES, "--lane"),
        "priority": priority,
        "max_parallel": max_parallel,
        "webhook": webhook,
        "metadata": read_metadata(metadata or ()),
    }
    said: Any = {name: value for name, value in given.items() if value is not None}
    return said
