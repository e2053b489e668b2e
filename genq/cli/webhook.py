"""`genq webhook listen`: receive webhooks on this machine, or have events forwarded to it."""

import queue
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.endpoint_flags import types_of
from genq.cli.profile import profile_name, read_profile
from genq.cli.receiver import Received, Receiver
from genq.cli.screen import count_of, print_data, print_json, tell
from genq.client import Genq
from genq.errors import ConfigurationError

_MISMATCH: Final = "No matching signature"

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]
ForwardTo = Annotated[
    str | None,
    typer.Option(
        "--forward-to",
        metavar="URL",
        help="Follow the ends of all jobs instead, and post each to this URL, signed.",
    ),
]
Events = Annotated[
    str | None,
    typer.Option("--events", metavar="A,B", help="With --forward-to: only these types."),
]
Secret = Annotated[
    str | None,
    typer.Option(
        "--secret",
        metavar="whsec_…",
        help="Else the profile's; with --forward-to a new one, which is shown.",
    ),
]
Count = Annotated[int | None, typer.Option("--count", min=1, help="Stop after so many events.")]


def listen(
    *,
    port: Port = 8989,
    host: options.Host = "127.0.0.1",
    forward_to: ForwardTo = None,
    events: Events = None,
    secret: Secret = None,
    count: Count = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Receive webhooks here, verify and print them.

    One line each; what was not signed by this server is refused and said so. With --forward-to,
    nothing needs to reach this machine: the server's feed of ended jobs is followed, and each
    event is posted to the URL. Ctrl-C stops.
    """
    if forward_to is not None:
        _forward(forward_to, events, secret, count, url, api_key, as_json=as_json)
        return
    if events is not None:
        raise typer.BadParameter("it goes with --forward-to.", param_hint="--events")
    key = secret or read_profile().webhook_secret
    if not key:
        raise ConfigurationError(
            f"the profile {profile_name()} has no webhook secret: "
            "run `genq up`, or pass --secret"
        )
    inbox: queue.SimpleQueue[Received] = queue.SimpleQueue()
    verified, hinted = 0, False
    with Receiver(key, inbox.put, host, port) as receiver:
        tell(f"listening on {receiver.url}; Ctrl-C stops")
        if not secret:
            tell(f'try: genq submit "a red kite over the sea" --webhook {receiver.url}')
        while count is None or verified < count:
            received = inbox.get()
            verified += received.verified
            if as_json:
                print_json(as_object(received))
            else:
                print_data(as_line(received))
            if not hinted and _MISMATCH in received.reason:
                hinted = True
                tell("an endpoint signs with a secret of its own: genq webhook listen --secret")


def as_object(received: Received) -> dict[str, object]:
    """Return what `--json` prints for one request."""
    return {
        "verified": received.verified,
        "again": received.again,
        "reason": received.reason or None,
        "event": received.event or None,
    }


def as_line(received: Received) -> str:
    """Return one request as one line."""
    if not received.verified:
        return f"refused        {received.reason}"
    job = received.job()
    words = [
        received.text("timestamp"),
        received.text("type").ljust(13),
        str(job.get("id", "")),
    ]
    again = ", came before" if received.again else ""
    return "  ".join([*words, f"signature verified ({received.text('id')}{again})"])


def _forward(  # noqa: PLR0917 - one flag each
    target: str,
    events: str | None,
    secret: str | None,
    count: int | None,
    url: str | None,
    api_key: str | None,
    *,
    as_json: bool,
) -> None:
    from genq.cli.forwarding import Forwarder, follow, new_secret  # noqa: PLC0415 - brings httpx2 and the standard's library, which no other command of this file needs

    key = secret or new_secret()
    posted = failed = 0
    with Forwarder(target, key) as forwarder, Genq(api_key, url) as client:
        tell(f"every event from now on goes to {target}; Ctrl-C stops")
        tell(f"signed with {key}")
        try:
            for event in follow(client, types_of(events)):
                done = forwarder.post(event)
                posted += 1
                failed += not done.taken
                if as_json:
                    print_json(done.as_object())
                else:
                    print_data(done.as_line())
                if posted == count:
                    break
        finally:
            tell(f"{count_of(posted, 'event')} posted, {failed} not taken")
