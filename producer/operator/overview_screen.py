"""What `genq top` and `genq lanes ls` draw; it fits a terminal of 80 columns."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.postgres.workers import Worker
from producer.operator.columns import printable
from producer.operator.limits import AccountLimits, ModelLimits, ModelState
from producer.operator.limits_screen import limit_cells
from producer.operator.overview import Frame, LaneView, Pace
from producer.operator.screen import Screen
from schemas.job import iso_ms

LANE_HEADINGS: Final = (
    "lane", "weight", "waiting", "oldest", "in flight", "slots", "starts/s", "state",
)  # fmt: skip
_NUMBERS: Final = frozenset(
    {
        "weight", "waiting", "oldest", "in flight", "slots", "starts/s", "busy", "heard",
        "allows", "burst", "left now",
    }
)  # fmt: skip
_MOST_WORKERS: Final = 8
_MOST_MODELS: Final = 6
_DAY: Final = 86_400
_HOUR: Final = 3_600
_MINUTE: Final = 60
_LATE_SECONDS: Final = 60.0


def show_lanes(screen: Screen, lanes: Sequence[LaneView]) -> None:
    """Print the lanes; what waits for a time of its own is told below."""
    screen.show(LANE_HEADINGS, [_lane_row(one) for one in lanes], [o.facts() for o in lanes])
    later = sum(lane.later for lane in lanes)
    if later:
        told = "job waits" if later == 1 else "jobs wait"
        screen.remark(f"{later} more {told} for a time or a release of its own")


def draw(frame: Frame, pace: Pace | None, note: str) -> RenderableType:
    """Return the frame as rich draws it."""
    parts: list[RenderableType] = [
        Text.assemble(("genq top", "bold"), f"  {iso_ms(frame.at)[:19]}Z", f"  {note}"),
        _pace_line(frame, pace),
        Text(),
        _table(LANE_HEADINGS, [_lane_row(lane) for lane in frame.lanes]),
        Text(),
        *_workers(frame),
    ]
    return Group(*parts, *_models(frame.limits.models), *_limits(frame.limits.accounts))


def ago(seconds: float | None) -> str:
    """Return a length of time in at most six characters, such as ``2.5 s`` or ``3 h``."""
    if seconds is None:
        return "-"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < _DAY else f"{seconds / _DAY:.0f} d"


def _pace_line(frame: Frame, pace: Pace | None) -> Text:
    owed = frame.deliveries
    webhooks = f"webhooks: {owed.owed} owed"
    if owed.failed_before:
        webhooks += f", {owed.failed_before} failed before"
    if owed.held_back:
        webhooks += f", {owed.held_back} wait for receivers that are down"
    late = owed.oldest_due_seconds > _LATE_SECONDS
    if owed.oldest_due_seconds >= 1:
        webhooks += f", oldest due {ago(owed.oldest_due_seconds)}"
    told = "measuring …" if pace is None else f"{pace.submitted:.1f} submitted/s"
    more = "" if pace is None else f", {pace.attempts:.1f} attempts ended/s"
    return Text.assemble(f"jobs: {told}{more}   ", (webhooks, "yellow" if late else ""))


def _lane_row(lane: LaneView) -> tuple[str, ...]:
    paused = "" if lane.paused_at is None else "paused"
    stuck = "" if lane.slots or not lane.waiting else "no worker"
    return (
        lane.lane.value,
        str(lane.weight),
        str(lane.waiting),
        ago(lane.oldest_seconds),
        str(lane.released + lane.running),
        str(lane.slots),
        f"{lane.started_per_second:.1f}",
        paused or stuck or ("busy" if lane.running else "idle"),
    )


def _workers(frame: Frame) -> list[RenderableType]:
    if not frame.workers:
        return [Text("no worker has a session; start one: genq work", style="yellow")]
    shown = frame.workers[:_MOST_WORKERS]
    rows = [_worker_row(frame, worker) for worker in shown]
    headings = ("worker", "slots", "busy", "heard", "state", "lanes")
    hidden = len(frame.workers) - len(shown)
    more = [Text(f"and {hidden} more: genq workers")] if hidden else []
    return [_table(headings, rows), *more]


def _worker_row(frame: Frame, worker: Worker) -> tuple[str, ...]:
    state = "draining" if worker.draining else "working" if worker.busy else "idle"
    return (
        f"{worker.host[:20]}:{worker.pid}",
        str(worker.slots),
        str(worker.busy),
        f"{ago(frame.heard(worker))} ago",
        state if worker.seconds_left > 0 else "lost",
        ",".join(worker.lanes),
    )


def _models(models: Sequence[ModelLimits]) -> list[RenderableType]:
    """Only those that are held back: the others say nothing."""
    held = [model for model in models if model.state is not ModelState.OPEN]
    if not held:
        return []
    rows = [
        (
            model.model,
            model.state.value,
            iso_ms(when)[:19] + "Z" if (when := model.until or model.paused_at) else "-",
        )
        for model in held[:_MOST_MODELS]
    ]
    return [Text(), _table(("model", "state", "since or until"), rows)]


def _limits(accounts: Sequence[AccountLimits]) -> list[RenderableType]:
    rows = [
        (one.account.name, *limit_cells(name, left))
        for one in accounts
        for name, left in one.left.items()
    ]
    if not rows:
        return []
    headings = ("account", "limit", "allows", "burst", "left now", "full at")
    return [Text(), _table(headings, rows[:_MOST_MODELS])]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        side = "right" if heading in _NUMBERS else "left"
        table.add_column(heading, no_wrap=True, justify=side)
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def _cell(text: str) -> Text:
    bad = {"paused", "lost", "no worker", "closed", "draining"}
    return Text(printable(text), style="yellow" if text in bad else "")
