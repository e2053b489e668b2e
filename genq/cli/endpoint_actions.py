"""`genq webhook endpoints rotate|test|enable|disable|portal`: what is done to one of them."""

from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.endpoint_names import Named, endpoint_id_of
from genq.cli.endpoints import show_change, shown_with_secret
from genq.cli.exit_codes import ExitCode
from genq.cli.instants import read_span, short
from genq.cli.screen import complain, print_data, print_json, tell
from genq.client import Genq
from genq.errors import ApiError

_UNANSWERED: Final = "webhook_test_failed"

Grace = Annotated[
    str | None,
    typer.Option(
        "--grace",
        metavar="SPAN",
        help="How long the old one still signs: 0, 2h, 7d; else a day.",
    ),
]
OfType = Annotated[
    str | None,
    typer.Option("--event", metavar="TYPE", help="A sample of this; else endpoint.test."),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="For people.")]
Life = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="SPAN", help="Such as 30m or 7d; else an hour."),
]
Revoke = Annotated[
    bool, typer.Option("--revoke", help="End all links that were made, and make none.")
]


def rotate(
    endpoint: Named,
    *,
    grace: Grace = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make a new secret, and print it; the old one signs beside it for the grace."""
    seconds = read_span(grace, "--grace")
    with Genq(api_key, url) as client:
        made = client.webhooks.endpoints.rotate_secret(
            endpoint_id_of(client, endpoint), grace=seconds
        )
    if shown_with_secret(made, as_json=as_json):
        ends = [one.expires_at for one in made.signing_secrets if one.expires_at]
        old = f"the old one signs until {short(max(ends))}" if ends else "no other one signs"
        tell(f"the secret is shown this once; {old}")


def send_test(
    endpoint: Named,
    *,
    event: OfType = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Send a sample the way every event goes; exit code 1 if it is not taken."""
    with Genq(api_key, url) as client:
        found = endpoint_id_of(client, endpoint)
        try:
            answered = client.webhooks.endpoints.test(found, event_type=event)
        except ApiError as error:
            if error.code != _UNANSWERED:
                raise
            if as_json:
                print_json({"success": False, "error": dict(error.problem)})
            complain(f"genq: {error.message}")
            raise typer.Exit(ExitCode.FAILED) from None
    if as_json:
        print_json(answered.raw)
    else:
        why = f": {answered.detail}" if answered.detail else ""
        took = "delivered" if answered.delivered else f"refused, {answered.outcome}{why}"
        print_data(f"{took} ({answered.status_code} in {answered.duration_ms} ms)")
    if not answered.delivered:
        raise typer.Exit(ExitCode.FAILED)


def enable(
    endpoint: Named,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Let events be sent again: those that waited first."""
    with Genq(api_key, url) as client:
        changed = client.webhooks.endpoints.enable(endpoint_id_of(client, endpoint))
    show_change(changed, as_json=as_json)
    tell(
        "events of the time between: "
        f"genq webhook recover {changed.id} --only missing --since 2h"
    )


def disable(
    endpoint: Named,
    *,
    reason: Reason = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Let nothing be sent; what is owed already waits, for 76 hours at most."""
    with Genq(api_key, url) as client:
        found = endpoint_id_of(client, endpoint)
        changed = client.webhooks.endpoints.disable(found, reason=reason)
    show_change(changed, as_json=as_json)


def portal(
    endpoint: Named,
    *,
    expires_in: Life = None,
    revoke: Revoke = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make a link for whoever runs the endpoint: to look, send again, rotate its secret."""
    seconds = read_span(expires_in, "--expires-in")
    with Genq(api_key, url) as client:
        found = endpoint_id_of(client, endpoint)
        if revoke:
            show_change(client.webhooks.endpoints.revoke_portal_links(found), as_json=as_json)
            return
        link = client.webhooks.endpoints.portal_link(found, expires_in=seconds)
    if as_json:
        print_json(link.raw)
        return
    print_data(link.url)
    tell(f"it works until {short(link.expires_at)}, for whoever has it; shown this once")
    tell("what stands behind its # is an API key for this endpoint alone")
