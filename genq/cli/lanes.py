"""`genq lanes` and `genq top`: what waits, what runs, and who works on it."""

from typing import Annotated

import typer

from genq.cli import operate, options
from genq.cli.examples import one_of
from genq.models import LANES

Lane = Annotated[str, typer.Argument(metavar="LANE", help="turbo, fast, relax or batch.")]
Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", min=0.2, help="Between two looks.")
]
Once = Annotated[bool, typer.Option("--once", help="Look once, print, and end.")]


def list_lanes(as_json: options.AsJson = False, data_dir: operate.DataDir = None) -> None:
    """Show the lanes: weight, what waits and how long, what is in flight, what is paused."""
    operate.operate("lanes", as_json=as_json, data_dir=data_dir)


def pause(
    lane: Lane, as_json: options.AsJson = False, data_dir: operate.DataDir = None
) -> None:
    """Start nothing more of a lane until it is resumed; what runs goes on."""
    one_of(lane, LANES, "LANE")
    operate.pause("lane", lane, as_json=as_json, data_dir=data_dir)


def resume(
    lane: Lane, as_json: options.AsJson = False, data_dir: operate.DataDir = None
) -> None:
    """Let a paused lane go on, at once."""
    one_of(lane, LANES, "LANE")
    operate.resume("lane", lane, as_json=as_json, data_dir=data_dir)


def drain(
    lane: Lane,
    timeout: operate.Patience = 1800,
    as_json: options.AsJson = False,
    data_dir: operate.DataDir = None,
) -> None:
    """Pause a lane, and wait until nothing of it runs; it stays paused.

    Exit code 124 if jobs still run after --timeout.
    """
    one_of(lane, LANES, "LANE")
    operate.drain("lane", lane, timeout, as_json=as_json, data_dir=data_dir)


def top(
    every: Every = 1.0,
    once: Once = False,
    as_json: options.AsJson = False,
    data_dir: operate.DataDir = None,
) -> None:
    """Watch lanes, workers, throughput, models that are held back, and owed webhooks.

    It fits 80 columns; q quits. With --json, one object for each look.
    """
    switches = ["--once"] if once else []
    flags = {"--every": str(every)}
    operate.operate("top", (), flags, switches, as_json=as_json, data_dir=data_dir)
