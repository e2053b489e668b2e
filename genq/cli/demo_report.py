"""What `genq demo` tells at its end: each step of each job with its measured time."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from genq.cli.receiver import Received
from genq.models import Job

_WIDTH: Final = 79
_INDENT: Final = " " * 11
_TEXT_CHARACTERS: Final = 240
_NEXT: Final = (
    ("genq up", "the same, to stay"),
    ('genq submit "a lighthouse at dawn" -o lighthouse.png', "in another terminal"),
    ('genq submit "name three winds" --kind chat --wait', "words instead of images"),
    ("genq webhook listen", "see webhooks arrive"),
    ("genq --help", "all commands"),
)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds until the servers were ready, and until all of it had ended."""

    servers: float
    all: float


@dataclass(frozen=True, slots=True)
class Story:
    """One job of the demonstration.

    Attributes:
        job: As last seen.
        sent_at: When the submit was sent, on the monotonic clock.
        accepted: Seconds until the submit was answered.
        files: What was saved.
        receipt: Its webhook, once received.
    """

    job: Job
    sent_at: float
    accepted: float
    files: tuple[Path, ...] = ()
    receipt: Received | None = None

    def started(self) -> float:
        """Return the seconds from the submit to the worker's start."""
        return self._created() + self._after_creation(self.job.started_at)

    def finished(self) -> float:
        """Return the seconds from the submit to the stored result."""
        return self._created() + self._after_creation(self.job.finished_at)

    def announced(self) -> float:
        """Return the seconds from the submit to the verified webhook."""
        return self.receipt.at - self.sent_at if self.receipt else 0.0

    def _created(self) -> float:
        # The row is written shortly before the answer comes, and announced after its end.
        latest = self.announced() - self._after_creation(self.job.finished_at)
        return max(0.0, min(self.accepted, latest))

    def _after_creation(self, moment: datetime | None) -> float:
        return ((moment or self.job.created_at) - self.job.created_at).total_seconds()


def report_lines(stories: Sequence[Story], times: Times, kept: Path | None) -> list[str]:
    """Return the summary as lines of text that fit one screen."""
    lines = ["", "What happened (seconds since each submit)", ""]
    for story in stories:
        lines += [*_timeline(story), ""]
    files = [path for story in stories for path in story.files]
    lines += [f"The images: {', '.join(path.name for path in files)} in {files[0].parent}/"]
    lines += [
        f"All of it took {times.all:.1f} s, {times.servers:.1f} s of them to start the servers."
    ]
    if kept:
        lines += [f"The data is kept: genq up --data-dir {kept}"]
    lines += ["", "Try next"]
    width = max(len(command) for command, _ in _NEXT)
    return lines + [f"  {command.ljust(width)}  {purpose}" for command, purpose in _NEXT]


def as_object(stories: Sequence[Story], times: Times, kept: Path | None) -> dict[str, object]:
    """Return the summary as `--json` prints it; times in seconds."""
    return {
        "jobs": [_story_object(story) for story in stories],
        "files": [str(path) for story in stories for path in story.files],
        "servers_ready": round(times.servers, 3),
        "seconds": round(times.all, 3),
        "data_dir": str(kept) if kept else None,
    }


def _timeline(story: Story) -> list[str]:
    job = story.job
    event = story.receipt.text("type") if story.receipt else "no event"
    steps = [
        (story.accepted, "accepted: committed to PostgreSQL before the answer"),
        (story.started(), f"started: released to lane {job.lane}, taken by a worker"),
        (story.finished(), f"finished: {_made(story)}"),
        (story.announced(), f"announced: {event} received, signature verified"),
    ]
    title = f"{job.kind} {job.id}, model {job.model}"
    return [title, *(f"  {at:7.3f}  {what}" for at, what in steps), *_words(job)]


def _made(story: Story) -> str:
    output = story.job.output
    if not story.files or output is None:
        return "the model answered, the text is stored"
    size = sum(artifact.bytes for artifact in output.artifacts) / 1_000_000
    first = output.artifacts[0]
    shape = f"{first.width}x{first.height}" if first.width else first.content_type
    return f"drawn, {len(story.files)} images of {shape} stored ({size:.1f} MB)"


def _words(job: Job) -> list[str]:
    text = job.output.text if job.output else None
    if not text:
        return []
    quoted = f'"{textwrap.shorten(text, _TEXT_CHARACTERS, placeholder=" …")}"'
    return textwrap.wrap(quoted, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _story_object(story: Story) -> dict[str, object]:
    return {
        "id": story.job.id,
        "kind": story.job.kind,
        "status": story.job.status,
        "event": story.receipt.text("id") if story.receipt else None,
        "accepted": round(story.accepted, 4),
        "started": round(story.started(), 4),
        "finished": round(story.finished(), 4),
        "announced": round(story.announced(), 4),
    }
