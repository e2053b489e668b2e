"""`genq demo`: everything once, from submit to verified webhook, on this machine, offline."""

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.demo_report import Story, Times, as_object, report_lines
from genq.cli.processes import python_command, require_extras, up_arguments
from genq.cli.receiver import Received, Receiver
from genq.cli.saving import save_outputs
from genq.cli.screen import Steps, describe, print_json, print_lines
from genq.cli.stack import Stack, StackFailedError
from genq.client import Genq
from genq.errors import GenqError
from genq.models import Job

JOB_SECONDS: Final = 60
WEBHOOK_SECONDS: Final = 30
_SIGNALLED: Final = 128
_PROMPT: Final = "a red kite over the sea"
_QUESTION: Final = "Describe a red kite over the sea in one sentence."
_REQUESTS: Final[Mapping[str, Mapping[str, object]]] = {
    "image": {"prompt": _PROMPT, "n": 4, "size": "1024x1024", "seed": 7},
    "chat": {"messages": [{"role": "user", "content": _QUESTION}]},
}

OutputFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Where the PNGs go.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the servers' data and logs.")]


class DemoFailedError(GenqError):
    """A part of the demonstration did not do what it promises."""


@dataclass
class Inbox:
    """The webhooks that arrived, by the job they are about."""

    received: dict[str, Received] = field(default_factory=dict[str, Received])
    refused: list[str] = field(default_factory=list[str])
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, receipt: Received) -> None:
        """Take a receipt from the receiver."""
        with self._changed:
            if receipt.verified:
                self.received.setdefault(str(receipt.job().get("id")), receipt)
            else:
                self.refused.append(receipt.reason)
            self._changed.notify_all()

    def wait_for(self, job_id: str) -> Received:
        """Return the job's webhook.

        Raises:
            DemoFailedError: It did not come, or its signature is wrong.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: job_id in self.received or self.refused, WEBHOOK_SECONDS
            )
        if self.refused:
            raise DemoFailedError(f"a webhook was refused: {self.refused[0]}")
        if job_id not in self.received:
            raise DemoFailedError(f"no webhook for {job_id} after {WEBHOOK_SECONDS} s")
        return self.received[job_id]


def run(
    output: OutputFolder = Path("demo-output"),
    keep: Keep = False,
    as_json: options.AsJson = False,
) -> None:
    """Watch two jobs go through all of it, offline.

    Starts everything in a fresh folder, makes four images and one text, receives and verifies
    the webhooks, saves the PNGs, tells what happened and how long it took, stops everything.
    """
    require_extras("infra.embedded")
    begun = time.monotonic()
    output.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="genq-demo-"))
    data = folder / "data"
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        stories, ready = _perform(folder, data, output)
    except (KeyboardInterrupt, typer.Exit):
        _clean_up(folder, keep=keep)
        raise
    # After a failure the folder stays: its logs tell why.
    _clean_up(folder, keep=keep)
    times = Times(servers=ready - begun, all=time.monotonic() - begun)
    kept = data if keep else None
    if as_json:
        print_json(as_object(stories, times, kept))
    else:
        print_lines(report_lines(stories, times, kept))


def _perform(folder: Path, data: Path, output: Path) -> tuple[list[Story], float]:
    """Return the jobs' stories and when, on the monotonic clock, the servers were ready."""
    profile = folder / "profile.toml"
    arguments = [*up_arguments(data, profile, as_json=True), "--port", "0"]
    stack = Stack(folder, python_command("infra.embedded", arguments), profile)
    begun = time.monotonic()
    try:
        with Steps() as steps, stack:
            ready = time.monotonic()
            steps.done(f"servers are up at {stack.ready.url}", ready - begun)
            stories = _play(stack, steps, output)
            steps.doing("stopping the servers")
    except StackFailedError:
        raise
    except GenqError as error:
        raise stack.failure(str(error)) from error
    return stories, ready


def _leave(number: int, frame: object) -> None:
    # Like Ctrl-C: without it the servers would go on without anybody to stop them.
    del frame
    raise typer.Exit(_SIGNALLED + number)


def _clean_up(folder: Path, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


def _play(stack: Stack, steps: Steps, output: Path) -> list[Story]:
    inbox = Inbox()
    ready = stack.ready
    with (
        Receiver(ready.webhook_secret, inbox.put) as receiver,
        Genq(ready.api_key, ready.url) as client,
        ThreadPoolExecutor(len(_REQUESTS)) as pool,
    ):
        steps.doing("submitting one image job and one chat job")
        submitted = [_submit(client, kind, receiver.url, steps) for kind in _REQUESTS]

        def follow(story: Story) -> Story:
            return _follow(client, story, steps, inbox, output)

        return list(pool.map(follow, submitted))


def _submit(client: Genq, kind: str, webhook: str, steps: Steps) -> Story:
    sent_at = time.monotonic()
    job = client.jobs.create(
        kind=kind, input=_REQUESTS[kind], webhook=webhook, metadata={"from": "genq demo"}
    )
    accepted = time.monotonic() - sent_at
    steps.done(f"{kind} job {job.id} accepted", accepted)
    return Story(job=job, sent_at=sent_at, accepted=accepted)


def _follow(client: Genq, story: Story, steps: Steps, inbox: Inbox, output: Path) -> Story:
    def show(job: Job) -> None:
        if not job.done:
            steps.doing(f"{job.kind} job {describe(job)}")

    job = client.jobs.wait(story.job.id, timeout=JOB_SECONDS, on_change=show)
    made = job.require_success()
    steps.done(f"{job.kind} job {job.status}", time.monotonic() - story.sent_at)
    files = save_outputs(client, job, str(output / "kite.png")) if made.artifacts else []
    receipt = inbox.wait_for(job.id)
    steps.done(f"{job.kind} webhook received, signature verified", receipt.at - story.sent_at)
    return Story(
        job=job,
        sent_at=story.sent_at,
        accepted=story.accepted,
        files=tuple(files),
        receipt=receipt,
    )
