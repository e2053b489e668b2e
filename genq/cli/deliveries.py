"""`genq webhook deliveries`, `delivery`, `resend`: what was sent, and sending it again."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final

import typer

from genq.cli import options
from genq.cli.endpoint_names import endpoint_id_of
from genq.cli.examples import one_of
from genq.cli.filters import filter_of, some_of
from genq.cli.ids import require_ids
from genq.cli.instants import read_past, short
from genq.cli.screen import print_data, print_json, print_table, tell
from genq.cli.tally import Tally
from genq.client import Genq
from genq.webhook_delivery_models import Attempt, Delivery

_PAGE: Final = 200
_STATUSES: Final = ("pending", "delivered", "exhausted", "discarded", "superseded")
_TRIGGERS: Final = ("scheduled", "manual", "probe", "recover", "test")
_BODY_SHOWN: Final = 400

Endpoint = Annotated[
    str | None, typer.Argument(metavar="[ENDPOINT]", help="Its name, or whe_…; else all.")
]
Status = Annotated[
    str | None,
    typer.Option("--status", metavar="STATUS", help="Such as pending, or exhausted,discarded."),
]
Event = Annotated[
    str | None, typer.Option("--event", metavar="TYPE|ID", help="Such as job.failed, or evt_….")
]
Job = Annotated[str | None, typer.Option("--job", metavar="ID", help="Of this job, job_….")]
Outcome = Annotated[
    str | None,
    typer.Option("--outcome", metavar="WORD", help="Of the last attempt, such as timeout."),
]
Trigger = Annotated[
    str | None,
    typer.Option("--trigger", metavar="WHY", help="scheduled, manual, probe, recover, test."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="Made then or later: 30m, 2h, 7d, an instant."
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Made before, said likewise.")
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Only those older than this one.")
]
DeliveryId = Annotated[str, typer.Argument(metavar="ID", help="whd_…")]
DeliveryIds = Annotated[list[str], typer.Argument(metavar="ID…", help="whd_…")]


def list_deliveries(
    endpoint: Endpoint = None,
    *,
    status: Status = None,
    event: Event = None,
    job: Job = None,
    outcome: Outcome = None,
    trigger: Trigger = None,
    since: Since = None,
    until: Until = None,
    limit: Rows = 20,
    after: After = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List deliveries, newest first: to one endpoint, or to all receivers."""
    wanted = filter_of(
        **_event(event),
        status=some_of(status, _STATUSES, "--status"),
        job_id=job,
        outcome=outcome,
        trigger=one_of(trigger, _TRIGGERS, "--trigger"),
        created_after=read_past(since, "--since"),
        created_before=read_past(until, "--until"),
    )
    with Genq(api_key, url) as client:
        if endpoint is not None:
            wanted["endpoint_id"] = endpoint_id_of(client, endpoint)
        page = client.webhooks.deliveries.list(
            limit=min(limit + 1, _PAGE), after=after, **wanted
        )
        # One more than asked for tells whether there are more.
        found = list(islice(page, limit + 1))
    _show_list(found, limit, as_json=as_json)


def show(
    delivery_id: DeliveryId,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show a delivery: what it waits for, and each attempt with what was answered."""
    require_ids([delivery_id], "whd")
    with Genq(api_key, url) as client:
        found = client.webhooks.deliveries.get(delivery_id)
    if as_json:
        print_json(found.raw)
        return
    for line in _lines(found):
        print_data(line)
    tell(f"next: genq webhook resend {found.id}")


def resend(
    delivery_ids: DeliveryIds,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Send deliveries once more now, whatever became of them: the same event, the same id."""
    require_ids(delivery_ids, "whd")
    # Twice the same id is once.
    chosen = list(dict.fromkeys(delivery_ids))
    done, queued_ids = Tally(), list[str]()
    with Genq(api_key, url) as client:

        def send(delivery_id: str) -> None:
            queued = client.webhooks.deliveries.resend(delivery_id)
            done.add("queued")
            queued_ids.append(queued.id)
            if as_json:
                print_json(queued.raw)
            else:
                print_data(queued.id)

        for delivery_id in chosen:
            done.attempt(partial(send, delivery_id), alone=len(chosen) == 1)
    # What had ended goes again as a new delivery.
    tell(f"{done}" + (f"; next: genq webhook delivery {queued_ids[0]}" if queued_ids else ""))
    if done.code:
        raise typer.Exit(done.code)


def _event(word: str | None) -> dict[str, Any]:
    if word is None:
        return {}
    return {"event_id" if word.startswith("evt_") else "event_type": word}


def _show_list(found: list[Delivery], limit: int, *, as_json: bool) -> None:
    shown = found[:limit]
    if as_json:
        for delivery in shown:
            print_json(delivery.raw)
        return
    if not shown:
        tell("no deliveries")
        return
    headings = ("id", "made", "event", "status", "attempts", "last", "job", "to")
    spare = ("to", "attempts", "made", "job", "last")
    print_table(headings, [_row(delivery) for delivery in shown], spare)
    if len(found) > limit:
        tell(f"there are more: the same, with --after {shown[-1].id}")
    tell("next: genq webhook delivery ID, genq webhook resend ID")


def _row(delivery: Delivery) -> tuple[str, ...]:
    return (
        delivery.id,
        short(delivery.created_at),
        delivery.event_type or "",
        delivery.status,
        str(delivery.attempt_count),
        _outcome(delivery.outcome, delivery.status_code),
        delivery.job_id or "",
        delivery.endpoint_id or delivery.url or "",
    )


def _outcome(outcome: str | None, status: int | None) -> str:
    if outcome is None:
        return ""
    # http_500 says its status already.
    return outcome if status is None or str(status) in outcome else f"{outcome} {status}"


def _lines(delivery: Delivery) -> Iterator[str]:
    facts = {
        "id": delivery.id,
        "event": f"{delivery.event_type or ''} {delivery.event_id}".strip(),
        "job": delivery.job_id or "",
        "endpoint": delivery.endpoint_id or "",
        "url": delivery.url or "",
        "made": short(delivery.created_at),
        "status": delivery.status,
        "waits": _waits(delivery),
    }
    for name, value in facts.items():
        if value:
            yield f"{name:<9} {value}"
    for attempt in delivery.attempts:
        yield from _attempt_lines(attempt)
    if delivery.more_attempts:
        yield f"{'':<9} earlier attempts: --json tells where they are"


def _waits(delivery: Delivery) -> str:
    pending = delivery.pending
    if pending is None:
        return ""
    if pending.lane.endpoint_disabled:
        return "for the endpoint to be enabled"
    if pending.queue == "recovery":
        return "behind everything that is live"
    held = pending.lane.blocked_until
    until = max(pending.next_attempt_at, held) if held else pending.next_attempt_at
    why = ", the receiver fails and is only probed" if pending.lane.breaker == "open" else ""
    return f"until {short(until)}{why}"


def _attempt_lines(attempt: Attempt) -> Iterator[str]:
    at: datetime = attempt.started_at or attempt.recorded_at
    words = f"{attempt.number}  {short(at)}  {attempt.trigger or ''}  "
    words += _outcome(attempt.outcome, attempt.status_code)
    ended = f", {attempt.ended}" if attempt.ended and attempt.ended != "delivered" else ""
    yield f"attempt   {words} in {attempt.timings.total_ms} ms{ended}"
    if attempt.address:
        yield f"{'':<10}{attempt.address}  {_timings(attempt)}".rstrip()
    if attempt.detail:
        yield f"{'':<10}{attempt.detail}"
    body = " ".join((attempt.answer.body or "").split())
    if body:
        cut = body if len(body) <= _BODY_SHOWN else body[: _BODY_SHOWN - 1] + "…"
        yield f"{'':<10}answered: {cut}"


def _timings(attempt: Attempt) -> str:
    steps = {
        "dns": attempt.timings.dns_ms,
        "connect": attempt.timings.connect_ms,
        "tls": attempt.timings.tls_ms,
        "first byte": attempt.timings.first_byte_ms,
    }
    return ", ".join(f"{name} {ms} ms" for name, ms in steps.items() if ms is not None)
