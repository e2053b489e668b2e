"""How a job fares, event by event: in words, and in a terminal as one moving line."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from genq.cli.instants import short
from genq.cli.screen import is_quiet, moving_console
from genq.event_models import JobEvent
from genq.models import Eta

Show = Callable[[JobEvent], object]

_WORDS: Final = {"started": "running", "progress": "running"}


def describe_event(event: JobEvent) -> str:
    """Return what happened in a few words."""
    if event.job is not None and event.job.done:
        error = f": {event.job.error.code}" if event.job.error else ""
        return f"{event.job.status}{error}"
    if event.type in {"queued", "position"}:
        return "queued" + "".join(f", {words}" for words in _place(event))
    if event.type == "retrying":
        when = f" at {short(event.run_at)}" if event.run_at else ""
        why = event.error or event.reason
        return f"tried again{when}" + (f" after {why}" if why else "")
    words = [_WORDS.get(event.type, event.type)]
    if event.attempt is not None and event.attempt > 1:
        words.append(f"attempt {event.attempt}")
    if event.step is not None and event.steps is not None:
        words.append(f"step {event.step} of {event.steps}")
    elif event.fraction is not None:
        words.append(f"{event.fraction:.0%}")
    if event.characters is not None:
        words.append(f"{event.characters} characters")
    if event.message:
        words.append(event.message)
    return ", ".join(words)


@contextmanager
def moving(job_id: str) -> Generator[Show | None]:
    """Show on stderr how a job fares: place, time of arrival, progress.

    Yields:
        What is to hear of its events; ``None`` where no line can move.
    """
    console = None if is_quiet() else moving_console()
    if console is None:
        yield None
        return
    from rich.progress import (  # noqa: PLC0415 - only in a terminal
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column  # noqa: PLC0415 - only in a terminal

    words = TextColumn(
        "{task.description}",
        markup=False,
        table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
    )
    columns = (SpinnerColumn(), words, BarColumn(12), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task(f"{job_id}  queued", total=None)

        def show(event: JobEvent) -> None:
            told = f"{job_id}  {describe_event(event)}"
            fraction = event.fraction
            if fraction is None:
                progress.update(task, description=told, total=None)
            else:
                progress.update(task, description=told, total=1.0, completed=fraction)

        yield show


def _place(event: JobEvent) -> list[str]:
    words: list[str] = []
    if event.position is not None:
        about = "about " if event.estimated else ""
        words.append(f"{about}number {event.position} in its lane")
    if event.eta_seconds is not None:
        words.append(f"starts in {span(event.eta_seconds)}")
    if event.waiting_on and event.waiting_on != "lane":
        words.append(f"waits for {event.waiting_on.replace('_', ' ')}")
    return words


def span(eta: Eta) -> str:
    """Return a time of arrival, such as ``5 to 10 s``."""
    if eta.high is None:
        return f"{eta.low:g} s or more"
    return f"{eta.low:g} to {eta.high:g} s" if eta.low != eta.high else f"{eta.low:g} s"
