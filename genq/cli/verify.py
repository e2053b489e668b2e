"""`genq webhook verify`: says whether a webhook is genuine, and if not, what is wrong."""

import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.endpoint_flags import headers_of
from genq.cli.exit_codes import ExitCode
from genq.cli.instants import read_span
from genq.cli.profile import webhook_secret
from genq.cli.screen import complain, print_data, print_json
from genq.cli.webhook_proof import TOLERANCE_SECONDS, examine, proof_of
from genq.errors import ConfigurationError
from genq.webhook import secrets_in

_STDIN: Final = Path("-")

Body = Annotated[
    Path, typer.Argument(metavar="[BODY]", help="A file with the body; - or nothing: stdin.")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME:VALUE", help="As it came; may be repeated."),
]
WholeRequest = Annotated[
    bool,
    typer.Option("--request", help="The file is a whole request: headers, empty line, body."),
]
Secrets = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="whsec_…",
        help="May be repeated; else GENQ_WEBHOOK_SECRET, else the profile's.",
    ),
]
Tolerance = Annotated[
    str | None,
    typer.Option("--tolerance", metavar="SPAN", help="How old it may be, such as 7d; else 5m."),
]


def verify(
    body: Body = _STDIN,
    *,
    header: Headers = None,
    request: WholeRequest = False,
    secret: Secrets = None,
    tolerance: Tolerance = None,
    as_json: options.AsJson = False,
) -> None:
    """Check a webhook's id, time and signature, each by itself; exit code 1 if one is wrong."""
    known = secrets_in(secret or webhook_secret() or "")
    if not known:
        raise ConfigurationError(
            "no signing secret is known: pass --secret, or set GENQ_WEBHOOK_SECRET"
        )
    content, headers = _read(body), headers_of(header or (), "--header")
    if request:
        saved, content = _apart(content)
        headers = {**saved, **headers}
    if not headers:
        raise typer.BadParameter(
            "the three webhook-… headers are needed: one --header each, or --request.",
            param_hint="--header",
        )
    allowed = read_span(tolerance, "--tolerance")
    findings = examine(
        proof_of(content, headers),
        known,
        time.time(),  # noqa: TID251 - the command line imports no clock of ours
        TOLERANCE_SECONDS if allowed is None else allowed,
    )
    valid = all(finding.ok for finding in findings)
    if as_json:
        parts = {each.part: {"ok": each.ok, "said": each.said} for each in findings}
        print_json({"valid": valid, **parts})
    else:
        for each in findings:
            print_data(f"{each.part:<10} {'ok' if each.ok else 'WRONG':<6} {each.said}")
    if not valid:
        complain("genq: do not trust this webhook")
        raise typer.Exit(ExitCode.FAILED)


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()


def _apart(content: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a request as it was saved."""
    ends = [(content.find(end), end) for end in (b"\r\n\r\n", b"\n\n") if end in content]
    if not ends:
        raise typer.BadParameter(
            "no empty line between headers and body was found.", param_hint="--request"
        )
    at, end = min(ends)
    lines = content[:at].decode(errors="replace").splitlines()
    # The first line of a request is no header.
    named = [line for line in lines if ":" in line.partition(" ")[0]]
    return headers_of(named, "--request"), content[at + len(end) :]
