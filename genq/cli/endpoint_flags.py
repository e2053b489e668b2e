"""What is said of an endpoint on the command line, and what that says to the server."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from genq.cli.examples import one_of
from genq.cli.filters import some_of
from genq.cli.submit import read_metadata
from genq.endpoint_exchanges import EndpointOptions

_PAYLOADS: Final = ("thin", "full")
_ORDERINGS: Final = ("job", "fifo", "none")
_SIGNATURES: Final = ("v1", "v1a")

Events = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="A,B",
        help="Types, or families such as job.*; if not given, the ends of jobs.",
    ),
]
Channels = Annotated[
    list[str] | None,
    typer.Option("--channel", metavar="WORD", help="Only of jobs in it; may be repeated."),
]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=VALUE",
        help="Only of jobs with this metadata; may be repeated.",
    ),
]
PayloadForm = Annotated[
    str | None, typer.Option("--payload", metavar="thin|full", help="full: with outputs.")
]
Order = Annotated[
    str | None,
    typer.Option(
        "--ordering",
        metavar="job|fifo|none",
        help="job: each job's events in order; fifo: one at a time, nothing passes.",
    ),
]
Signed = Annotated[
    str | None,
    typer.Option("--signatures", metavar="v1|v1a|v1,v1a", help="v1a is Ed25519."),
]
MaxInFlight = Annotated[
    int | None,
    typer.Option("--max-in-flight", metavar="COUNT", min=1, max=64, help="At once; else 4."),
]
Throttle = Annotated[
    float | None,
    typer.Option("--throttle", metavar="PER_SECOND", help="At the most so many a second."),
]
AttemptTimeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="Of one attempt, 1 to 30; else 15."),
]
Retries = Annotated[
    str | None,
    typer.Option(
        "--retries",
        metavar="SECONDS,…",
        help="Waits between attempts, such as 5,60,3600; else ten attempts in 76 h.",
    ),
]
OwnHeaders = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="NAME:VALUE",
        help="What requests carry besides; never shown again. May be repeated.",
    ),
]
AuthFile = Annotated[
    Path | None,
    typer.Option(
        "--auth",
        metavar="FILE",
        help='JSON: {"kind": "bearer", "token": …}; basic, oauth2 and mtls, too.',
    ),
]
OwnWords = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="KEY=VALUE", help="Your own words; may be repeated."),
]


def types_of(events: str | None) -> list[str] | None:
    """Return the types that ``--events`` names; the server knows which there are."""
    words = [word.strip() for word in (events or "").split(",") if word.strip()]
    return words or None


def options_of(  # noqa: PLR0917 - one flag each, in the order of --help
    channels: Sequence[str] | None,
    filters: Sequence[str] | None,
    payload: str | None,
    ordering: str | None,
    signatures: str | None,
    max_in_flight: int | None,
    throttle: float | None,
    timeout: float | None,
    retries: str | None,
    headers: Sequence[str] | None,
    auth: Path | None,
    metadata: Sequence[str] | None,
) -> EndpointOptions:
    """Return what the flags said.

    Raises:
        typer.BadParameter: A value makes no sense.
    """
    said: dict[str, Any] = {
        "channels": channels or None,
        "filter": _pairs(filters, "--filter"),
        "payload": one_of(payload, _PAYLOADS, "--payload"),
        "ordering": one_of(ordering, _ORDERINGS, "--ordering"),
        "signatures": some_of(signatures, _SIGNATURES, "--signatures"),
        "max_in_flight": max_in_flight,
        "throttle_rate": throttle,
        "timeout_s": timeout,
        "retry_schedule": _waits(retries),
        "headers": headers_of(headers or (), "--header") or None,
        "auth": _auth(auth),
        "metadata": read_metadata(metadata or ()),
    }
    given = {name: value for name, value in said.items() if value is not None}
    return cast("EndpointOptions", given)


def headers_of(lines: Sequence[str], option: str) -> dict[str, str]:
    """Return headers that were written as ``Name: value``.

    Raises:
        typer.BadParameter: A line lacks its colon.
    """
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter(f"{line!r} is not NAME: VALUE.", param_hint=option)
        found[name.strip()] = value.strip()
    return found


def _pairs(words: Sequence[str] | None, option: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{word!r} is not KEY=VALUE.", param_hint=option)
        found[name] = value
    return found or None


def _waits(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no list of whole seconds, such as 5,60,3600.", param_hint="--retries"
        ) from None


def _auth(file: Path | None) -> dict[str, str] | None:
    if file is None:
        return None
    try:
        found: object = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}", param_hint="--auth") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{file} holds no JSON object.", param_hint="--auth")
    return cast("dict[str, str]", found)
