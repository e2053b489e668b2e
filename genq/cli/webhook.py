"""`genq webhook listen`: receive webhooks on this machine, verify and print them."""

import queue
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.profile import profile_name, read_profile
from genq.cli.receiver import Received, Receiver
from genq.cli.screen import print_data, print_json, tell
from genq.errors import ConfigurationError

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]
Secret = Annotated[
    str | None, typer.Option("--secret", metavar="whsec_…", help="Else the profile's.")
]
Count = Annotated[
    int | None, typer.Option("--count", min=1, help="Stop after so many verified events.")
]


def listen(
    port: Port = 8989,
    host: options.Host = "127.0.0.1",
    secret: Secret = None,
    count: Count = None,
    as_json: options.AsJson = False,
) -> None:
    """Receive webhooks here, verify and print them.

    One line each; what was not signed by this server is refused and said so.
    """
    key = secret or read_profile().webhook_secret
    if not key:
        raise ConfigurationError(
            f"the profile {profile_name()} has no webhook secret: "
            "run `genq up`, or pass --secret"
        )
    inbox: queue.SimpleQueue[Received] = queue.SimpleQueue()
    verified = 0
    with Receiver(key, inbox.put, host, port) as receiver:
        tell(f"listening on {receiver.url}; Ctrl-C stops")
        tell(f'try: genq submit "a red kite over the sea" --webhook {receiver.url}')
        while count is None or verified < count:
            received = inbox.get()
            verified += received.verified
            if as_json:
                print_json(as_object(received))
            else:
                print_data(as_line(received))


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
