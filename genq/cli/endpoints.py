"""`genq webhook endpoints`: register receivers, look after them, rotate their secrets."""

from itertools import islice
from typing import Annotated, Any, Final

import typer

from genq.cli import endpoint_flags as flags
from genq.cli import options
from genq.cli.endpoint_lines import lines_of, row_of, state_of
from genq.cli.endpoint_names import Named, endpoint_id_of
from genq.cli.examples import one_of
from genq.cli.screen import (
    confirm,
    count_of,
    print_data,
    print_json,
    print_table,
    tell,
)
from genq.client import Genq
from genq.endpoint_exchanges import EndpointOptions
from genq.webhook_endpoint_models import WebhookEndpoint

_PAGE: Final = 200

Target = Annotated[str, typer.Argument(metavar="URL", help="Where events are sent, https://….")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="For people; else the URL's host.")
]
NewName = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="For people.")]
NewUrl = Annotated[
    str | None, typer.Option("--to", metavar="URL", help="Where events are sent from now on.")
]
Reset = Annotated[
    list[str] | None,
    typer.Option(
        "--reset",
        metavar="OPTION",
        help="The default again, such as throttle; may be repeated.",
    ),
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]
# What --reset takes: the flag's name, and the option's.
_RESETTABLE: Final = {
    "channel": "channels",
    "filter": "filter",
    "payload": "payload",
    "ordering": "ordering",
    "signatures": "signatures",
    "max-in-flight": "max_in_flight",
    "throttle": "throttle_rate",
    "timeout": "timeout_s",
    "retries": "retry_schedule",
    "header": "headers",
    "auth": "auth",
    "metadata": "metadata",
}


def list_endpoints(
    *,
    limit: Rows = 100,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List registered endpoints, and how their receivers do."""
    with Genq(api_key, url) as client:
        found = list(islice(client.webhooks.endpoints.list(limit=min(limit, _PAGE)), limit + 1))
    shown = found[:limit]
    if as_json:
        for endpoint in shown:
            print_json(endpoint.raw)
        return
    if not shown:
        tell("no endpoints; next: genq webhook endpoints add URL")
        return
    headings = ("id", "name", "state", "delivered", "pending", "url")
    spare = ("url", "delivered", "state")
    print_table(headings, [row_of(endpoint) for endpoint in shown], spare)
    if len(found) > limit:
        tell(f"there are more: --limit {limit * 2}")
    tell("next: genq webhook endpoints show NAME")


def show(
    endpoint: Named,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show an endpoint: how it is configured, and how its receiver does."""
    with Genq(api_key, url) as client:
        found = client.webhooks.endpoints.get(endpoint_id_of(client, endpoint))
    if as_json:
        print_json(found.raw)
        return
    for line in lines_of(found):
        print_data(line)
    if found.disabled:
        tell(f"next: genq webhook endpoints enable {found.id}")
    elif found.health.failing_since:
        tell(f"next: genq webhook deliveries {found.id} --status pending")


def add(
    target: Target,
    *,
    name: Name = None,
    events: flags.Events = None,
    channel: flags.Channels = None,
    filter: flags.Filter = None,  # noqa: A002 - the flag's name
    payload: flags.PayloadForm = None,
    ordering: flags.Order = None,
    signatures: flags.Signed = None,
    max_in_flight: flags.MaxInFlight = None,
    throttle: flags.Throttle = None,
    timeout: flags.AttemptTimeout = None,
    retries: flags.Retries = None,
    header: flags.OwnHeaders = None,
    auth: flags.AuthFile = None,
    metadata: flags.OwnWords = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Register an endpoint; print its id, and its secret, which is shown this once."""
    said = flags.options_of(
        channel, filter, payload, ordering, signatures, max_in_flight,
        throttle, timeout, retries, header, auth, metadata,
    )  # fmt: skip
    with Genq(api_key, url) as client:
        made = client.webhooks.endpoints.create(
            name or host_of(target), target, event_types=flags.types_of(events), **said
        )
    if shown_with_secret(made, as_json=as_json):
        tell(f"the secret is shown this once; next: genq webhook endpoints test {made.id}")


def change(
    endpoint: Named,
    *,
    name: NewName = None,
    to: NewUrl = None,
    events: flags.Events = None,
    channel: flags.Channels = None,
    filter: flags.Filter = None,  # noqa: A002 - the flag's name
    payload: flags.PayloadForm = None,
    ordering: flags.Order = None,
    signatures: flags.Signed = None,
    max_in_flight: flags.MaxInFlight = None,
    throttle: flags.Throttle = None,
    timeout: flags.AttemptTimeout = None,
    retries: flags.Retries = None,
    header: flags.OwnHeaders = None,
    auth: flags.AuthFile = None,
    metadata: flags.OwnWords = None,
    reset: Reset = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Change an endpoint: what is not given stays. It holds from the next attempt on."""
    said = flags.options_of(
        channel, filter, payload, ordering, signatures, max_in_flight,
        throttle, timeout, retries, header, auth, metadata,
    )  # fmt: skip
    types, again = flags.types_of(events), _defaults(reset)
    if not (name or to or types or said or again):
        raise typer.BadParameter(
            "nothing was said to change; see --help.", param_hint="ENDPOINT"
        )
    everything: EndpointOptions = {**said, **again}
    with Genq(api_key, url) as client:
        changed = client.webhooks.endpoints.update(
            endpoint_id_of(client, endpoint), name=name, url=to, event_types=types, **everything
        )
    show_change(changed, as_json=as_json)


def remove(
    endpoint: Named,
    *,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Delete an endpoint: what it is owed is not sent any more."""
    with Genq(api_key, url) as client:
        found = client.webhooks.endpoints.get(endpoint_id_of(client, endpoint))
        owed = count_of(found.health.pending, "pending delivery").replace(
            "deliverys", "deliveries"
        )
        confirm(f"Delete {found.name} ({found.url}), with {owed}?", yes=yes)
        client.webhooks.endpoints.delete(found.id)
    if as_json:
        print_json({"id": found.id, "deleted": True})
    tell(f"{found.name} is deleted")


def host_of(url: str) -> str:
    """Return what an endpoint is called that was given no name."""
    return (url.partition("://")[2] or url).partition("/")[0][:100] or "endpoint"


def _defaults(reset: list[str] | None) -> EndpointOptions:
    again: dict[str, Any] = {}
    for word in reset or ():
        again[_RESETTABLE[one_of(word, tuple(_RESETTABLE), "--reset") or ""]] = None
    return EndpointOptions(**again)


def shown_with_secret(made: WebhookEndpoint, *, as_json: bool) -> bool:
    """Print an endpoint with its secret; return whether there is more to say to a person."""
    if as_json:
        print_json(made.raw)
        return False
    print_data(made.id)
    print_data(made.signing_secret or "")
    return True


def show_change(changed: WebhookEndpoint, *, as_json: bool) -> None:
    """Print what an endpoint is now."""
    if as_json:
        print_json(changed.raw)
    else:
        print_data(f"{changed.id}  {changed.name}  {state_of(changed)}")
