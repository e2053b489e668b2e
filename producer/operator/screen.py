"""What operators read: data on standard output, remarks on standard error."""

import sys
from collections.abc import Sequence
from typing import Any

import orjson

from infra.postgres.pauses import InFlight, Pause, Target
from infra.postgres.workers import Worker
from producer.operator.columns import print_columns
from schemas.job import iso_ms


class Screen:
    """Prints lines for people, or one JSON object a line: ``as_json`` tells which.

    ``quiet`` leaves out the remarks, which are no data.
    """

    def __init__(self, *, as_json: bool, quiet: bool = False) -> None:
        self.as_json = as_json
        self._quiet = quiet

    def say(self, line: str, facts: dict[str, Any]) -> None:
        """Print one fact."""
        self._write(orjson.dumps(facts).decode() if self.as_json else line)

    def show(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        facts: Sequence[dict[str, Any]],
    ) -> None:
        """Print rows to people, facts to programs."""
        if not self.as_json:
            print_columns(headings, rows)
            return
        for fact in facts:
            self.say("", fact)

    def blank(self) -> None:
        """Set two tables apart."""
        self._write("")

    def show_pauses(self, found: Sequence[Pause]) -> None:
        """Print what is paused."""
        if self.as_json:
            for pause in found:
                self.say("", pause_facts(pause))
        elif not found:
            self.remark("nothing is paused")
        else:
            headings = ("what", "name", "since", "waiting", "in flight")
            rows = [
                (
                    pause.target.scope.value,
                    pause.target.name,
                    iso_ms(pause.since),
                    str(pause.waiting),
                    str(pause.inflight),
                )
                for pause in found
            ]
            print_columns(headings, rows)

    def show_workers(self, found: Sequence[Worker]) -> None:
        """Print the worker sessions."""
        if self.as_json:
            for worker in found:
                self.say("", worker_facts(worker))
        elif not found:
            self.remark("no worker has a session; start one: genq work")
        else:
            headings = (
                "session", "host", "pid", "slots", "busy", "state", "expires in", "lanes",
            )  # fmt: skip
            print_columns(headings, [_row(worker) for worker in found])

    def progress(self, target: Target, left: InFlight) -> None:
        """Tell how a drain goes."""
        self.remark(
            f"{target.scope.value} {target.name}: {left.released} released,"
            f" {left.running} running"
        )

    def remark(self, line: str) -> None:
        """Print a line that is no data."""
        if not self._quiet:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def _write(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def target_facts(target: Target) -> dict[str, Any]:
    """Return what ``--json`` tells of a target."""
    return {"what": target.scope.value, "name": target.name}


def pause_facts(pause: Pause) -> dict[str, Any]:
    """Return what ``--json`` tells of a pause."""
    return {
        **target_facts(pause.target),
        "paused_since": iso_ms(pause.since),
        "waiting": pause.waiting,
        "in_flight": pause.inflight,
    }


def worker_facts(worker: Worker) -> dict[str, Any]:
    """Return what ``--json`` tells of a worker; negative seconds: its session has ended."""
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "slots": worker.slots,
        "busy": worker.busy,
        "lanes": [lane.value for lane in worker.lanes],
        "draining": worker.draining,
        "seconds_left": round(worker.seconds_left, 1),
    }


def _row(worker: Worker) -> tuple[str, ...]:
    state = "draining" if worker.draining else "working"
    return (
        str(worker.id),
        worker.host,
        str(worker.pid),
        str(worker.slots),
        str(worker.busy),
        state if worker.seconds_left > 0 else "lost",
        f"{worker.seconds_left:.0f} s",
        ",".join(worker.lanes),
    )
