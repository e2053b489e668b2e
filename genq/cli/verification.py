"""`genq verify`: where does a picture, or a text, come from?"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.screen import print_json, print_lines, tell
from genq.client import Genq
from genq.errors import ConfigurationError
from genq.verification import Verification

_STDIN: Final = Path("-")

PictureFile = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="A PNG, JPEG or WebP file; - is stdin."),
]
Digest = Annotated[
    str | None, typer.Option("--sha256", metavar="HEX", help="Of a file, instead of the file.")
]
Words = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="A text, instead of a file.")
]


def verify(
    file: PictureFile = None,
    *,
    sha256: Digest = None,
    text: Words = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Tell what a file says of where it comes from, and whether this server made it.

    Content Credentials (C2PA) and XMP inside of the file; the server's registry, which knows
    its results again after they were encoded anew or lost their metadata.
    """
    if (file is None) + (sha256 is None) + (text is None) != _ALL_BUT_ONE:
        raise ConfigurationError("give one of the three: FILE, --sha256 or --text")
    data = None
    if file is not None:
        data = sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
    with Genq(api_key, url) as client:
        found = client.verify(data, sha256=sha256, text=text)
    if as_json:
        print_json(found.raw)
        return
    print_lines(_lines(found))
    if found.ai_generated is None:
        tell("nothing is known of it; that does not mean that a person made it")


_ALL_BUT_ONE: Final = 2


def _lines(found: Verification) -> list[str]:
    said = {True: "yes", False: "no", None: "unknown"}[found.ai_generated]
    lines = [f"AI-generated: {said}", f"Content Credentials: {_credentials(found)}"]
    lines += [
        f"  {label}: {found.c2pa.claims[name]}"
        for name, label in _CLAIMS.items()
        if found.c2pa.claims.get(name)
    ]
    lines += [f"  problem: {problem}" for problem in found.c2pa.problems]
    return [*lines, f"XMP says AI: {'yes' if found.xmp else 'no'}", f"Registry: {_made(found)}"]


_CLAIMS: Final = {
    "provider": "provider",
    "system": "system",
    "system_version": "version",
    "made_at": "made at",
    "unique_id": "id",
}


def _credentials(found: Verification) -> str:
    if found.c2pa.state == "none":
        return "none"
    whose = "this server" if found.c2pa.own else found.c2pa.signer or "somebody"
    trust = "trusted" if found.c2pa.trusted else "not trusted"
    return f"{found.c2pa.state}, signed by {whose} ({trust})"


def _made(found: Verification) -> str:
    registry = found.registry
    if registry.match == "none":
        return "not made here, as far as is known"
    how = "these very bytes"
    if registry.match == "near":
        how = f"looks like it, {registry.distance} of {registry.bits} bits differ"
    at = f" at {registry.made_at:%Y-%m-%d %H:%M}" if registry.made_at else ""
    job = f", {registry.job_id}" if registry.job_id else ""
    return f"made here by {registry.system}{at}{job} ({how})"
