"""The commands of `genq webhook`."""

import typer

from genq.cli import (
    deliveries,
    endpoint_actions,
    endpoints,
    events_kept,
    operate,
    recoveries,
    verify,
    webhook,
)
from genq.cli.groups import add, group


def webhook_commands() -> typer.Typer:
    """Return the group."""
    app = group(
        "Send events to endpoints, look after them, receive them.",
        "genq webhook endpoints add https://example.com/hook",
        "genq webhook listen",
        order=("endpoints", "deliveries", "delivery", "resend", "recover"),
    )
    app.add_typer(_endpoints(), name="endpoints")
    _add_deliveries(app)
    add(app, "event", events_kept.show, "genq webhook event evt_01kb…")
    add(app, "erase", events_kept.erase, "genq webhook erase evt_01kb… --yes")
    add(app, "types", events_kept.list_types, "genq webhook types")
    add(
        app,
        "listen",
        webhook.listen,
        "genq webhook listen --port 8989 --count 1",
        "genq webhook listen --forward-to http://localhost:3000/hook --events job.failed",
    )
    add(
        app,
        "verify",
        verify.verify,
        "genq webhook verify --request saved.http --secret whsec_…",
        'genq webhook verify body.json --header "webhook-id: evt_01kb…" --tolerance 7d',
    )
    add(app, "reseal", operate.reseal, "genq webhook reseal")
    return app


def _add_deliveries(app: typer.Typer) -> None:
    add(
        app,
        "deliveries",
        deliveries.list_deliveries,
        "genq webhook deliveries shop --status exhausted,discarded --since 2h",
        "genq webhook deliveries --job job_01kb…",
    )
    add(app, "delivery", deliveries.show, "genq webhook delivery whd_01kb…")
    add(app, "resend", deliveries.resend, "genq webhook resend whd_01kb…")
    add(
        app,
        "recover",
        recoveries.recover,
        "genq webhook recover shop --since 2h --wait",
        "genq webhook recover shop --since 7d --only missing --sample 10",
    )
    add(
        app,
        "recoveries",
        recoveries.list_recoveries,
        "genq webhook recoveries shop",
        "genq webhook recoveries shop --cancel whr_01kb…",
    )


def _endpoints() -> typer.Typer:
    app = group(
        "Register endpoints, change them, rotate their secrets.", "genq webhook endpoints ls"
    )
    add(app, "ls", endpoints.list_endpoints, "genq webhook endpoints ls --json", also=("list",))
    add(app, "show", endpoints.show, "genq webhook endpoints show shop", also=("get",))
    add(
        app,
        "add",
        endpoints.add,
        "genq webhook endpoints add https://example.com/hook --name shop",
        "genq webhook endpoints add https://example.com/hook --events 'job.*' --throttle 20",
        also=("create",),
    )
    add(
        app,
        "set",
        endpoints.change,
        "genq webhook endpoints set shop --to https://example.com/new --reset throttle",
        also=("update",),
    )
    add(app, "rm", endpoints.remove, "genq webhook endpoints rm shop", also=("delete",))
    add(app, "rotate", endpoint_actions.rotate, "genq webhook endpoints rotate shop --grace 7d")
    add(app, "test", endpoint_actions.send_test, "genq webhook endpoints test shop")
    add(app, "enable", endpoint_actions.enable, "genq webhook endpoints enable shop")
    add(
        app,
        "disable",
        endpoint_actions.disable,
        'genq webhook endpoints disable shop --reason "moving house"',
    )
    add(
        app,
        "portal",
        endpoint_actions.portal,
        "genq webhook endpoints portal shop --expires-in 7d",
    )
    return app
