"""`genq webhook event`, `erase`, `types`: what is sent, as it is kept."""

from typing import Annotated

import typer

from genq.cli import options
from genq.cli.ids import require_ids
from genq.cli.instants import short
from genq.cli.screen import confirm, print_data, print_json, tell
from genq.client import Genq

EventId = Annotated[str, typer.Argument(metavar="ID", help="evt_…")]


def show(
    event_id: EventId,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Print an event's body, exactly as it is signed and sent; remarks tell who got it."""
    require_ids([event_id], "evt")
    with Genq(api_key, url) as client:
        found = client.webhooks.events.get(event_id)
    if as_json:
        print_json(found.raw)
        return
    tell(f"{found.type}, {short(found.created_at)}")
    for delivery in found.deliveries:
        tell(f"{delivery.id}  {delivery.status}  {delivery.endpoint_id or delivery.url or ''}")
    if found.body is None:
        tell("its content was erased")
    else:
        print_data(found.body)


def erase(
    event_id: EventId,
    *,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Delete an event's content for good; what waits to be sent of it is discarded."""
    require_ids([event_id], "evt")
    with Genq(api_key, url) as client:
        confirm(f"Delete the content of {event_id} for good?", yes=yes)
        done = client.webhooks.events.erase(event_id)
    if as_json:
        print_json(done.raw)
    ended = f"; {done.discarded} waiting to be sent will not be" if done.discarded else ""
    tell(f"its content is gone{ended}")


def list_types(
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List what endpoints can ask for; job.* and the like mean all that begin so."""
    with Genq(api_key, url) as client:
        types = client.webhooks.event_types()
    if as_json:
        print_json(list(types))
        return
    for one in types:
        print_data(one)
