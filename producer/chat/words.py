"""What people in chats are told when something is not to be had: what, where, what next.

Neutral words; each adapter escapes and draws them. Titles are those of Midjourney's bot where
it has one.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from schemas.chat_view import Button, Notice, Tone
from schemas.errors import Category, FieldError, GenqError

_MOST_FAULTS: Final = 3
_LONGEST: Final = 900
# What people typed, whatever it is called.
_NOT_SHOWN: Final = frozenset({"", "content", "messages", "prompt"})
_TRY_AGAIN: Final = "Try again in a few seconds"
_AWAY: Final = (
    "The queue cannot be reached right now. Try again in a few seconds; /queue shows whether "
    "this one was taken all the same."
)
_TITLES: Final[Mapping[str, tuple[str, Tone]]] = MappingProxyType(
    {
        "action_not_possible": ("Not possible", Tone.WARNING),
        "budget_exhausted": ("Credits exhausted", Tone.WARNING),
        "budget_too_small": ("Credits exhausted", Tone.WARNING),
        "chat_pressed": ("Under way already", Tone.INFO),
        "chat_queue_full": ("Queue full", Tone.WARNING),
        "content_blocked": ("Prompt refused", Tone.ERROR),
        "content_erased": ("Not there any more", Tone.WARNING),
        "end_user_suspended": ("Suspended", Tone.ERROR),
        "job_already_ended": ("It has ended", Tone.INFO),
        "model_not_found": ("Unknown model", Tone.WARNING),
        "no_such_picture": ("No such picture", Tone.WARNING),
        "not_appealable": ("No appeal possible", Tone.WARNING),
        "outbound_refused": ("Invalid link", Tone.WARNING),
        "permission_denied": ("Not allowed", Tone.WARNING),
        "picture_unavailable": ("Invalid link", Tone.WARNING),
        "rate_limited": ("Too fast", Tone.WARNING),
        "tenant_suspended": ("Suspended", Tone.ERROR),
    }
)
_INVALID: Final = ("Invalid parameter", Tone.WARNING)
_BROKEN: Final = ("Something went wrong", Tone.ERROR)
# What these say themselves is meant for callers of the API.
_OWN_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "database_unavailable": _AWAY,
        "tenant_suspended": "The operator has suspended this account. Ask them about it.",
        "end_user_suspended": "You cannot make anything here for now. Ask the operator.",
        "object_store_unavailable": "Pictures cannot be stored right now. Try again soon.",
    }
)


def notice_of(error: GenqError, buttons: Sequence[Button] = ()) -> Notice:
    """Return what a person is told of an error. Nothing of it is secret, or names a host.

    Args:
        error: What went wrong.
        buttons: What can be done about it.
    """
    title, tone = _title(error)
    return Notice(title, _text(error), tone, tuple(buttons))


def fault_notice(error_id: str) -> Notice:
    """Return what a person is told of a fault of ours, which the log has under this id."""
    text = f"This is our fault, and the operator can find it in the log: {error_id}."
    return Notice(*_swap(_BROKEN, f"{text} {_TRY_AGAIN}."))


def _swap(titled: tuple[str, Tone], text: str) -> tuple[str, str, Tone]:
    return titled[0], text, titled[1]


def _title(error: GenqError) -> tuple[str, Tone]:
    known = _TITLES.get(error.code)
    if known is not None:
        return known
    if error.category is Category.INPUT:
        return _INVALID
    if error.category is Category.SECURITY:
        return "Not allowed", Tone.WARNING
    return ("Try again", Tone.WARNING) if error.retryable else _BROKEN


def _text(error: GenqError) -> str:
    own = _OWN_WORDS.get(error.code)
    if own is not None:
        return own
    if error.category is Category.INFRASTRUCTURE:
        return f"A part of the server is away. {_TRY_AGAIN}."
    told = "\n".join(map(_fault, error.fields[:_MOST_FAULTS])) or sentence(error.message)
    return told if len(told) <= _LONGEST else told[:_LONGEST] + "…"


def _fault(fault: FieldError) -> str:
    """Return one fault in a line; where it stands is told unless it is the prompt."""
    name = fault.pointer.rpartition("/")[2]
    known = name in fault.message or name in _NOT_SHOWN or name.isdigit()
    return sentence(fault.message if known else f"{name}: {fault.message}")


def sentence(text: str) -> str:
    """Return a text that begins and ends as a sentence does."""
    text = text.strip()
    begun = text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "!", "?", "…")) else f"{begun}."
