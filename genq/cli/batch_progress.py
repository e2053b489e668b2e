"""How a batch fares: in words, and in a terminal as one bar that moves."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import BinaryIO, Final

from genq.batch_models import Batch
from genq.cli.screen import is_quiet, moving_console, tell
from genq.models import Eta

Show = Callable[[Batch], object]
# Where no line can move, a batch is told of when so much more of it has ended.
_STEP: Final = 0.1
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def describe_batch(batch: Batch) -> str:
    """Return how far a batch is, in a few words."""
    counts = batch.request_counts
    words = [batch.status.replace("_", " ")]
    if counts.total:
        ended = counts.completed + batch.unsuccessful
        words.append(f"{ended} of {counts.total} lines")
    if batch.unsuccessful:
        words.append(f"{batch.unsuccessful} without success")
    if batch.eta_seconds is not None:
        words.append(f"{span(batch.eta_seconds)} left")
    return ", ".join(words)


def span(eta: Eta) -> str:
    """Return a time of arrival, such as ``2 to 4 min``."""
    low, high = eta.low, eta.low if eta.high is None else eta.high
    seconds, unit = next((one for one in _UNITS if high >= 2 * one[0]), (1, "s"))
    low, high = round(low / seconds), round(high / seconds)
    return f"{low} to {high} {unit}" if low != high else f"{high} {unit}"


@contextmanager
def following(batch_id: str) -> Generator[Show]:
    """Show on stderr how a batch fares.

    Yields:
        What is to hear of every look at it.
    """
    console = None if is_quiet() else moving_console()
    if console is None:
        yield _Remarks(batch_id).show
        return
    from rich.progress import (  # noqa: PLC0415 - only in a terminal
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    words = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), BarColumn(20), words, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{batch_id}  validating", total=None)

        def show(batch: Batch) -> None:
            total = 1.0 if batch.request_counts.total else None
            told = describe_batch(batch)
            progress.update(task, description=told, total=total, completed=batch.progress)

        yield show


class _Remarks:
    """Tells of a batch where no line can move: what changed, and each tenth of it."""

    def __init__(self, batch_id: str) -> None:
        self._batch_id = batch_id
        self._status = ""
        self._progress = 0.0

    def show(self, batch: Batch) -> None:
        """Tell of a batch, if there is news."""
        if batch.status == self._status and batch.progress < self._progress + _STEP:
            return
        self._status, self._progress = batch.status, batch.progress
        tell(f"{self._batch_id}  {describe_batch(batch)}")


@contextmanager
def uploading(source: BinaryIO, size: int) -> Generator[BinaryIO]:
    """Give a file to upload; in a terminal a bar shows how much of it is sent."""
    console = None if is_quiet() else moving_console()
    if console is None:
        yield source
        return
    from rich.progress import (  # noqa: PLC0415 - only in a terminal
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("uploading"), BarColumn(20), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=size)
        yield progress.wrap_file(source, task_id=task)
