"""`genq openapi`: the document of the API, from a server or of this release."""

import json
from pathlib import Path
from typing import Annotated

import typer

from genq.calls import Call, Exchange, good
from genq.cli import options
from genq.cli.processes import become
from genq.cli.profile import read_profile, wanted
from genq.cli.screen import print_data, tell
from genq.errors import ConfigurationError, UnexpectedAnswerError
from genq.files import write_whole
from genq.retries import DEFAULT_RETRIES
from genq.target import DEFAULT_TIMEOUT, target_at
from genq.transport import Transport

Offline = Annotated[
    bool, typer.Option("--offline", help="That of the installed release; no server is asked.")
]
To = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="PATH", help="Write it to a file.")
]


def openapi(offline: Offline = False, output: To = None, url: options.Url = None) -> None:
    """Print the OpenAPI document, as JSON."""
    if offline:
        become("producer.openapi", [] if output is None else ["--output", str(output)])

    where = wanted(url) or read_profile().url
    if not where:
        raise ConfigurationError(
            "no genq server is known: run `genq up`, pass --url, or take --offline"
        )
    # Nobody needs a key to read it.
    transport = Transport(
        target_at(where, "none", timeout=DEFAULT_TIMEOUT, max_retries=DEFAULT_RETRIES)
    )
    try:
        document = transport.run(_read())
    finally:
        transport.close()
    if output is None:
        print_data(json.dumps(document, ensure_ascii=False, indent=1))
        return
    content = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    write_whole(output, content.encode())
    tell(f"{output} is written")


def _read() -> Exchange[object]:
    answer = good((yield Call("GET", "/openapi.json")))
    try:
        found: object = json.loads(answer.body)
    except ValueError:
        raise UnexpectedAnswerError("expected an OpenAPI document, not this") from None
    return found
