"""`genq webhook recover`, `recoveries`: sends an endpoint what it missed."""

import threading
from datetime import datetime
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.endpoint_names import Named, endpoint_id_of
from genq.cli.examples import one_of
from genq.cli.exit_codes import ExitCode
from genq.cli.ids import require_ids
from genq.cli.instants import read_past, short
from genq.cli.screen import (
    complain,
    is_quiet,
    moving_console,
    print_data,
    print_json,
    print_table,
    tell,
)
from genq.client import Genq
from genq.webhook_recovery_models import Recovery

_WHICH: Final = ("failed", "missing", "all")
_LOOK_SECONDS: Final = 0.5

Since = Annotated[
    str,
    typer.Option(
        "--since", metavar="WHEN", help="Events from then on: 30m, 2h, 7d, an instant."
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Before then; else until now.")
]
Only = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="failed|missing|all",
        help="Given up (the default); never sent to it; or all there were.",
    ),
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", metavar="COUNT", min=1, max=1000, help="Only the newest so many."),
]
Waiting = Annotated[
    bool, typer.Option("--wait", help="Wait until all of them are queued, and show how far.")
]
Cancel = Annotated[
    str | None, typer.Option("--cancel", metavar="ID", help="Queue no more of this one, whr_….")
]


def recover(
    endpoint: Named,
    *,
    since: Since,
    until: Until = None,
    only: Only = None,
    sample: Sample = None,
    wait: Waiting = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Send an endpoint the events of some time again, behind all that is live.

    Their number has no limit; each keeps its id. Ctrl-C stops watching, not the recovery.
    """
    one_of(only, _WHICH, "--only")
    begins, ends = _instant(since), read_past(until, "--until")
    with Genq(api_key, url) as client:
        recovery = client.webhooks.recover(
            endpoint_id_of(client, endpoint), since=begins, until=ends, only=only, sample=sample
        )
        if wait:
            recovery = _watched(client, recovery)
    if as_json:
        print_json(recovery.raw)
    else:
        print_data(_line(recovery))
    _say_next(recovery)
    if recovery.status == "failed":
        complain(f"genq: {recovery.error or 'the recovery failed'}")
        raise typer.Exit(ExitCode.FAILED)


def list_recoveries(
    endpoint: Named,
    *,
    cancel: Cancel = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List the recoveries of an endpoint, newest first; or cancel one."""
    with Genq(api_key, url) as client:
        found = endpoint_id_of(client, endpoint)
        if cancel is not None:
            require_ids([cancel], "whr")
            recoveries = [client.webhooks.recoveries.cancel(found, cancel)]
        else:
            recoveries = list(client.webhooks.recoveries.list(found))
    if as_json:
        for recovery in recoveries:
            print_json(recovery.raw)
        return
    if not recoveries:
        tell(f"no recoveries; next: genq webhook recover {found} --since 2h")
        return
    headings = ("id", "status", "only", "since", "until", "looked", "queued")
    print_table(headings, [_row(recovery) for recovery in recoveries], ("until", "since"))


def _watched(client: Genq, recovery: Recovery) -> Recovery:
    """Return the recovery once it is done; a line in a terminal shows how far it is."""
    console = None if is_quiet() else moving_console()
    status = console.status(_line(recovery)) if console else None
    if status is not None:
        status.start()
    try:
        while not recovery.done:
            threading.Event().wait(_LOOK_SECONDS)
            recovery = client.webhooks.recoveries.get(recovery.endpoint_id, recovery.id)
            if status is not None:
                status.update(_line(recovery))
    except KeyboardInterrupt:
        again = f"genq webhook recoveries {recovery.endpoint_id}"
        tell(f"{recovery.id} goes on without you; how far: {again}")
        raise
    finally:
        if status is not None:
            status.stop()
    return recovery


def _say_next(recovery: Recovery) -> None:
    if not recovery.done:
        tell(f"next: genq webhook recoveries {recovery.endpoint_id}")
    elif recovery.queued:
        tell(f"next: genq webhook deliveries {recovery.endpoint_id} --trigger recover")
    elif recovery.only != "all":
        tell("there was nothing of the kind; --only failed, missing or all choose which")


def _line(recovery: Recovery) -> str:
    return (
        f"{recovery.id}  {recovery.status}  "
        f"{recovery.looked} looked at, {recovery.queued} queued"
    )


def _row(recovery: Recovery) -> tuple[str, ...]:
    return (
        recovery.id,
        recovery.status,
        recovery.only,
        short(recovery.since),
        short(recovery.until),
        str(recovery.looked),
        str(recovery.queued),
    )


def _instant(since: str) -> datetime:
    found = read_past(since, "--since")
    if found is None:
        raise typer.BadParameter("it is empty; such as 2h.", param_hint="--since")
    return found
