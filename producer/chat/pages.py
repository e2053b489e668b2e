"""The web pages of the bots: linking an account, and a gallery. No script, one style.

Whatever comes from people goes through ``_said``: escaped, and without control characters.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Final
from unicodedata import category

from schemas.chat import Platform

STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--quiet:#5c636b;--act:#1f5fd0}
@media (prefers-color-scheme:dark){:root{--quiet:#a3abb4;--act:#7fabff}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1.5rem 1rem 3rem;max-width:36rem;
overflow-wrap:anywhere}
body.wide{max-width:80rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}
p{margin:.75rem 0}.quiet,figcaption small{color:var(--quiet)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:1rem 0;
padding:1rem;border:1px solid var(--line);border-radius:.5rem}
dt{color:var(--quiet)}dd{margin:0}
.note{border-left:.25rem solid #d08700;padding:.25rem 0 .25rem .75rem}
.wrong{border-left-color:#d33}.done{border-left-color:#2a9d3a}
label{display:block;font-weight:600;margin:1.25rem 0 .35rem}
input{font:inherit;width:100%;padding:.6rem .7rem;border:1px solid #888;border-radius:.4rem;
background:Field;color:FieldText}
button{font:inherit;font-weight:600;margin-top:1rem;padding:.65rem 1.4rem;border:0;
border-radius:.4rem;background:#1f5fd0;color:#fff;cursor:pointer}
button:hover{background:#174da9}
:focus-visible{outline:3px solid #7fabff;outline-offset:2px}
a{color:var(--act)}
code{font-family:ui-monospace,monospace;font-size:.9em}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));
gap:1.5rem 1rem;margin:1.5rem 0;padding:0;list-style:none}
figure{margin:0}
figure a{display:block;background:var(--soft);border-radius:.4rem;overflow:hidden}
img{display:block;width:100%;height:auto;aspect-ratio:1;object-fit:contain}
figcaption{margin-top:.4rem}
figcaption small{display:block;font-size:.8rem}
.prompt,summary{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;
overflow:hidden;margin:0}
summary{cursor:pointer}details[open]>summary{-webkit-line-clamp:none}
summary::after{content:none}
nav{display:flex;gap:1rem;justify-content:space-between}
nav a{padding:.6rem 0}
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_LONG_PROMPT: Final = 110
_LONGEST_ALT: Final = 200
_TURNING: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

_PLACES: Final = {
    Platform.DISCORD: "Discord server",
    Platform.SLACK: "Slack workspace",
    Platform.TELEGRAM: "Telegram chat",
}


@dataclass(frozen=True, slots=True)
class LinkAsked:
    """What a link is for.

    Attributes:
        place_id: Empty: the person.
        linked: There is a binding already, which this one replaces.
    """

    platform: Platform
    place_id: str
    user_id: str
    linked: bool = False

    @property
    def what(self) -> str:
        """Return the thing in words, as in "a Discord server"."""
        if self.place_id:
            return _PLACES[self.platform]
        return f"{self.platform.capitalize()} account"

    @property
    def named(self) -> str:
        """Return the thing with its number."""
        return f"{self.what} {self.place_id or self.user_id}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a gallery.

    Attributes:
        url: Where it is, signed.
        title: What was done besides, such as ``Image #2``.
        prompt: ``None``: it was erased.
        at: When the job ended (aware).
    """

    url: str = field(repr=False)
    prompt: str | None = field(repr=False)
    title: str
    mode: str
    at: datetime
    job_id: str
    width: int | None = None
    height: int | None = None


def headers(pictures_from: Sequence[str] = ()) -> dict[str, str]:
    """Return the headers of a page: nothing is run, framed, kept or found by it.

    Args:
        pictures_from: Origins of its pictures, besides its own; none: it shows none.
    """
    policy = [
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if pictures_from:
        policy.insert(2, f"img-src 'self' {' '.join(pictures_from)}")
    return {
        "cache-control": "private, no-store",
        "content-security-policy": "; ".join(policy),
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex, nofollow",
    }


def link_page(asked: LinkAsked, *, wrong: str | None = None) -> bytes:
    """Return the page that says what will be linked, and asks for a key."""
    if asked.place_id:
        can = f"Everybody in this {asked.what} can then make pictures and texts with the bot."
        rows = [(asked.what, asked.place_id), ("Asked for by user", asked.user_id)]
    else:
        can = (
            "This person can then make pictures and texts wherever they meet the bot, but for "
            "places that are linked themselves."
        )
        rows = [(asked.what, asked.user_id)]
    facts = "".join(f"<dt>{_said(name)}<dd><code>{_said(value)}</code>" for name, value in rows)
    what = _said(asked.what)
    again = (
        "<p>It is linked already: this replaces the link that it has." if asked.linked else ""
    )
    fault = f'<p class="note wrong" role=alert>{_said(wrong)}' if wrong else ""
    body = (
        f"<h1>Link a {what}</h1><dl>{facts}</dl>"
        f"<p>{_said(can)} The jobs belong to the account of the API key that you give here, "
        f"and count against its limits and budgets.{again}"
        "<p class=note>Go on only if you asked for this yourself with <code>/link</code>. "
        f"Somebody else who sent you here would use your account.{fault}"
        "<form method=post autocomplete=off>"
        "<label for=key>API key of your account</label>"
        "<input id=key name=key type=password required maxlength=200 autocomplete=off "
        'autocapitalize=off spellcheck=false placeholder="gq_…" aria-describedby=about>'
        "<p class=quiet id=about>It must be allowed to submit jobs. It is checked once, and "
        "not kept. Five wrong keys end this link, and so do fifteen minutes.</p>"
        f"<button>Link this {what}</button></form>"
    )
    return _page(f"Link a {asked.what}", body)


def linked_page(asked: LinkAsked, tenant: str) -> bytes:
    """Return the page that says that it is done."""
    body = (
        f"<h1>Linked</h1><p class='note done'>{_said(asked.named)} is linked to the account "
        f"<strong>{_said(tenant)}</strong>.<p>You can close this page, go back to "
        f"{_said(asked.platform.capitalize())} and begin: <code>/imagine a red kite</code>"
        "<p class=quiet>Who runs this server can take the link away again. To revoke the API "
        "key does not do it."
    )
    return _page("Linked", body)


def dead_page(title: str, text: str) -> bytes:
    """Return a page that only says something."""
    return _page(title, f"<h1>{_said(title)}</h1><p>{_said(text)}")


def gallery_page(shown: Sequence[Shown], *, ends: datetime, older: str, newest: str) -> bytes:
    """Return a page of pictures, newest first.

    Args:
        shown: The pictures.
        ends: Until when the link works (aware).
        older: Where the next page is; empty: nowhere.
        newest: Where the first page is; empty: this is it.
    """
    items = "".join(f"<li>{_figure(one)}" for one in shown)
    until = f"{ends.astimezone(UTC):%d %b %Y, %H:%M} UTC"
    nothing = "<p>There are no finished pictures here." + (
        "" if newest else " Make one: <code>/imagine a red kite</code>"
    )
    links = [
        f'<a href="{_said(newest)}">Newest</a>' if newest else "<span></span>",
        f'<a href="{_said(older)}" rel=next>Older</a>' if older else "",
    ]
    body = (
        f"<h1>Your pictures</h1><p class=quiet>Whoever has the address of this page sees them. "
        f"It works until {until}.</p>"
        + (f"<ul class=pictures>{items}</ul>" if shown else nothing)
        + (f"<nav aria-label=Pages>{''.join(links)}</nav>" if older or newest else "")
    )
    return _page("Your pictures", body, wide=True)


def _figure(one: Shown) -> str:
    about = one.prompt or one.title
    alt = _said((about or "A picture")[:_LONGEST_ALT])
    size = f" width={one.width} height={one.height}" if one.width and one.height else ""
    at = one.at.astimezone(UTC)
    when = (
        f'<time datetime="{at.isoformat(timespec="seconds")}">{at:%d %b %Y, %H:%M} UTC</time>'
    )
    title = f"<strong>{_said(one.title)}</strong> · " if one.title else ""
    return (
        f'<figure><a href="{_said(one.url)}"><img src="{_said(one.url)}" alt="{alt}" '
        f"loading=lazy decoding=async{size}></a><figcaption>{_prompt(one.prompt)}"
        f"<small>{title}{_said(one.mode)} · {when}</small>"
        f"<small><code>{_said(one.job_id)}</code></small></figcaption></figure>"
    )


def _prompt(prompt: str | None) -> str:
    if prompt is None:
        return "<p class='prompt quiet'>The prompt was erased.</p>"
    if len(prompt) <= _LONG_PROMPT:
        return f"<p class=prompt dir=auto>{_said(prompt)}</p>"
    return f"<details><summary dir=auto>{_said(prompt)}</summary></details>"


def _said(text: str) -> str:
    plain = "".join(" " if _unseen(one) else one for one in text)
    return escape(plain)


def _unseen(character: str) -> bool:
    # What turns the direction of writing could draw other words; joiners make emoji.
    return character in _TURNING or category(character) in {"Cc", "Cs"}


def _page(title: str, body: str, *, wide: bool = False) -> bytes:
    shape = " class=wide" if wide else ""
    return (
        '<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="'
        'width=device-width,initial-scale=1"><meta name=robots content="noindex,nofollow">'
        f"<title>{_said(title)}</title><style>{STYLE}</style></head>"
        f"<body{shape}><main>{body}</main></body></html>\n"
    ).encode()
