"""The end of a batch: waited for, told, and its answers saved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer

from genq.batch_models import Batch
from genq.cli.batch_progress import following
from genq.cli.exit_codes import ExitCode
from genq.cli.screen import complain, count_of, print_data, print_json, tell
from genq.client import Genq

_SHOWN: Final = 10


def finish(
    client: Genq, batch: Batch, *, timeout: float | None, output: str | None, as_json: bool
) -> None:
    """Wait for a batch, save what it made, and tell what became of it.

    Raises:
        typer.Exit: It failed, or some of its lines did not succeed: exit code 1.
        WaitTimeoutError: ``timeout`` seconds have passed; it goes on.
    """
    try:
        with following(batch.id) as show:
            ended = client.batches.wait(batch.id, timeout=timeout, on_change=show)
    except KeyboardInterrupt:
        tell(
            f"{batch.id} goes on without you; again: genq batch watch {batch.id}; what has "
            f"ended: genq batch results {batch.id}"
        )
        raise
    saved = _save(client, ended, Path(output)) if output else []
    if as_json:
        print_json({**ended.raw, "saved": [str(path) for path in saved]})
    else:
        for path in saved:
            print_data(str(path))
        _conclude(ended, named=bool(output))
    if ended.status != "completed" or ended.unsuccessful:
        raise typer.Exit(ExitCode.FAILED)


def explain_failures(batch: Batch) -> Iterator[str]:
    """Yield why the file was refused, or why lines failed, in a few lines."""
    for error in batch.errors[:_SHOWN]:
        place = f"line {error.line}: " if error.line is not None else ""
        yield f"{place}{error.message} ({error.code})"
    if len(batch.errors) > _SHOWN:
        yield f"… and {len(batch.errors) - _SHOWN} more"
    looked_at = batch.errors_looked_at or 0
    least = "at least " if looked_at < batch.unsuccessful else ""
    for group in batch.line_errors[:_SHOWN]:
        sample = f"such as {group.sample_custom_id} (line {group.sample_line})"
        count = count_of(group.count, "line")
        yield f"{least}{count}: {group.code}, {sample}: {group.message}"


def _conclude(batch: Batch, *, named: bool) -> None:
    counts = batch.request_counts
    if batch.status == "failed" and batch.in_progress_at is None:
        complain(f"{batch.id}  failed: the file was refused")
    else:
        told = f"{counts.completed} of {count_of(counts.total, 'line')} succeeded"
        tell(f"{batch.id}  {batch.status}: {told}")
    for line in explain_failures(batch):
        complain(f"  {line}")
    if batch.unsuccessful and batch.status != "failed":
        tell(f"next: genq batch retry {batch.id}")
    elif not named and counts.completed:
        tell(f"next: genq batch results {batch.id} -o results.jsonl")


def _save(client: Genq, batch: Batch, path: Path) -> list[Path]:
    """Save the answers at ``path``, and what failed beside it."""
    saved: list[Path] = []
    if batch.output_file_id:
        saved.append(client.files.download(batch.output_file_id, path))
    if batch.error_file_id:
        beside = path.with_name(f"{path.stem}.errors{path.suffix}")
        saved.append(client.files.download(batch.error_file_id, beside))
    return saved
