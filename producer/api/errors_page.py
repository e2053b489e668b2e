"""``GET /errors``: every code with its cause and remedy, where each problem's ``type`` leads.

The same facts are committed as ERRORS.md beside this file.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from producer.api.problems import MEANINGS
from schemas.error_catalog import by_code
from schemas.error_remedies import JOB_CODES, REMEDIES

_STYLE: Final = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}
h2{margin:2rem 0 0;font-size:1.1rem}h2 small{font-weight:normal;opacity:.7}
:target{background:#ffd54a55}p{margin:.3rem 0}code{font-family:ui-monospace,monospace}
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "cache-control": "public, max-age=3600",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"
    ),
}
_INTRODUCTION: Final = (
    "Every error has a code that never changes its meaning. A call that fails is answered with "
    "problem+json (RFC 9457): code, detail, errors[] with JSON pointers, and error_id, which "
    "the operator finds in the log. A job that fails carries the same code in its error."
)


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """What the page says of one code.

    Attributes:
        place: Where a client meets it.
    """

    code: str
    title: str
    status: int
    place: str
    retryable: bool
    cause: str
    remedy: str


@cache
def entries() -> Sequence[ErrorEntry]:
    """Return every code of the tree, in alphabetical order."""
    return [
        ErrorEntry(
            code=code,
            title=MEANINGS[code].title,
            status=MEANINGS[code].status,
            place="a job's error" if code in JOB_CODES else "answers",
            retryable=error.retryable,
            cause=_first_line(error.__doc__),
            remedy=REMEDIES[code],
        )
        for code, error in sorted(by_code().items())
        if code in MEANINGS and code in REMEDIES
    ]


def markdown() -> str:
    """Return the page as Markdown."""
    parts = ["# Errors", "", _INTRODUCTION, "", "Written by `make fmt`.", ""]
    for entry in entries():
        parts += [f"## `{entry.code}`", "", f"{entry.title}. {_facts(entry)}", ""]
        parts += [f"**Cause**: {entry.cause}", "", f"**Remedy**: {entry.remedy}", ""]
    return "\n".join(parts)


async def show_errors(request: Request) -> Response:
    """Answer with the page: static, without scripts."""
    del request
    return Response(_page(), 200, _HEADERS, "text/html")


@cache
def _page() -> bytes:
    shown = [
        f'<section><h2 id="{entry.code}"><code>{entry.code}</code> '
        f"<small>{escape(entry.title)}. {escape(_facts(entry))}</small></h2>"
        f"<p>{escape(entry.cause)}</p><p>→ {escape(entry.remedy)}</p></section>"
        for entry in entries()
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>genq: errors</title>'
        f"<style>{_STYLE}</style></head><body><h1>Errors</h1><p>{_INTRODUCTION}</p>"
    )
    return "".join([head, *shown, "</body></html>\n"]).encode()


def _facts(entry: ErrorEntry) -> str:
    again = "The same again can succeed later." if entry.retryable else "Change it first."
    return f"HTTP {entry.status}, in {entry.place}. {again}"


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0].replace("``", "")
