"""`genq batch ls`, `get`, `watch`, `cancel`, `retry` and `results`."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.batch_models import Batch, BatchResult
from genq.cli import options
from genq.cli.batch_end import explain_failures, finish
from genq.cli.batch_progress import describe_batch
from genq.cli.examples import one_of
from genq.cli.ids import require_ids
from genq.cli.instants import short
from genq.cli.screen import count_of, print_data, print_json, print_table, tell
from genq.client import Genq
from genq.files import writing_whole

_PAGE: Final = 100
_INCLUDED: Final = ("all", "output", "errors")
_MAKE_ONE: Final = (
    "no batches yet; make one: genq batch submit rows.csv --template 'Translate: {{text}}'"
)

BatchId = Annotated[str, typer.Argument(metavar="ID", help="batch_…")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Go on with batches older than it.")
]
AfterLine = Annotated[
    int, typer.Option("--after", metavar="SEQ", min=0, help="Go on behind this line's seq.")
]
Include = Annotated[
    str, typer.Option("--include", metavar="WHICH", help="all, output or errors.")
]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on until the batch has ended.")
]
ToFile = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Save the lines there.")
]
Window = Annotated[
    str | None,
    typer.Option("--window", metavar="24h|3d", help="Of the new batch; else as before."),
]


def list_batches(
    *,
    limit: Limit = 20,
    after: After = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List batches, newest first."""
    if after is not None:
        require_ids([after], "batch")
    with Genq(api_key, url) as client:
        page = client.batches.list(limit=min(limit + 1, _PAGE), after=after)
        # One more than asked for tells whether there are more.
        found = list(islice(page, limit + 1))
    shown = found[:limit]
    if as_json:
        for batch in shown:
            print_json(batch.raw)
        return
    if not shown:
        tell(_MAKE_ONE)
        return
    headings = ("id", "status", "done", "lines", "failed", "lane", "created", "endpoint")
    print_table(headings, [_row(b) for b in shown], ("endpoint", "created", "lane", "failed"))
    if len(found) > limit:
        tell(f"more: the same with --after {shown[-1].id}")


def get_batch(
    batch_id: BatchId,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show one batch: how far it is, and why lines of it failed."""
    require_ids([batch_id], "batch")
    with Genq(api_key, url) as client:
        batch = client.batches.get(batch_id)
    if as_json:
        print_json(batch.raw)
        return
    _show(batch)


def watch(
    batch_id: BatchId,
    *,
    timeout: options.Timeout = None,
    output: ToFile = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Follow a batch until it ends.

    The exit code is 0 if every line succeeded, else 1. Ctrl-C stops watching, not the batch.
    """
    require_ids([batch_id], "batch")
    with Genq(api_key, url) as client:
        batch = client.batches.get(batch_id)
        finish(client, batch, timeout=timeout, output=output, as_json=as_json)


def cancel(
    batch_id: BatchId,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Cancel a batch; what has ended stays."""
    require_ids([batch_id], "batch")
    with Genq(api_key, url) as client:
        batch = client.batches.cancel(batch_id)
    if as_json:
        print_json(batch.raw)
    else:
        print_data(f"{batch.id}  {batch.status}")


def retry(
    batch_id: BatchId,
    *,
    window: Window = None,
    wait: options.Wait = False,
    timeout: options.Timeout = None,
    output: options.Output = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make a batch of those lines that did not succeed."""
    require_ids([batch_id], "batch")
    with Genq(api_key, url) as client:
        batch = client.batches.retry(batch_id, completion_window=window)
        if wait or output or timeout is not None:
            finish(client, batch, timeout=timeout, output=output, as_json=as_json)
            return
    if as_json:
        print_json(batch.raw)
        return
    print_data(batch.id)
    tell(f"next: genq batch watch {batch.id}")


def results(
    batch_id: BatchId,
    *,
    output: ToFile = None,
    include: Include = "all",
    after: AfterLine = 0,
    follow: Follow = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Print the lines that have ended, at any time, one JSON object a line.

    They come in the order in which they ended; seq is a line's place in it.
    """
    require_ids([batch_id], "batch")
    one_of(include, _INCLUDED, "--include")
    with Genq(api_key, url) as client:
        found = client.batches.results(batch_id, after=after, include=include, follow=follow)
        count, last = _write(found, output)
    tell(
        f"{count_of(count, 'line')}; go on behind them: --after {last}" if count else "no lines"
    )


def _write(found: Iterator[BatchResult], output: str | None) -> tuple[int, int]:
    count = last = 0
    place = writing_whole(Path(output)) if output else nullcontext(sys.stdout.buffer)
    with place as file:
        for result in found:
            told = json.dumps(result.raw, ensure_ascii=False, separators=(",", ":"))
            file.write(told.encode(errors="replace") + b"\n")
            if not output:
                file.flush()
            count, last = count + 1, result.seq
    return count, last


def _row(batch: Batch) -> tuple[str, ...]:
    counts = batch.request_counts
    return (
        batch.id,
        batch.status,
        f"{batch.progress:.0%}",
        str(counts.total),
        str(counts.failed),
        batch.lane,
        short(batch.created_at),
        batch.endpoint,
    )


def _show(batch: Batch) -> None:
    usage = batch.usage or {}
    ended = batch.completed_at or batch.failed_at or batch.expired_at or batch.cancelled_at
    lines = {
        "id": batch.id,
        "status": describe_batch(batch),
        "endpoint": batch.endpoint + (f" by {batch.model}" if batch.model else ""),
        "lane": f"{batch.lane}, priority {batch.priority}",
        "parallel": f"at most {batch.max_parallel} lines" if batch.max_parallel else "",
        "created": short(batch.created_at),
        "expires": "" if ended else short(batch.expires_at),
        "ended": short(ended) if ended else "",
        "input": batch.input_file_id,
        "output": batch.output_file_id or "",
        "errors": batch.error_file_id or "",
        "tokens": f"{usage['total_tokens']}" if usage.get("total_tokens") else "",
        "metadata": ", ".join(f"{name}={value}" for name, value in batch.metadata.items()),
        "retry of": batch.retry_of or "",
    }
    for name, value in lines.items():
        if value:
            print_data(f"{name:<9} {value}")
    for line in explain_failures(batch):
        print_data(f"failed    {line}")
