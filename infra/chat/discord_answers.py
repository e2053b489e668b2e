"""What an interaction is answered with: the body of Discord's own request's answer. Pure."""

from typing import Any, Final

from infra.chat.discord_view import EPHEMERAL, buttons_body, notice_body, view_body
from schemas.chat_inbound import Command, Inbound, Ping, Press
from schemas.chat_view import Defer, Mark, Notice, Reply, Show, Tell

# Types of the answer to an interaction.
_PONG, _MESSAGE, _DEFERRED_MESSAGE, _DEFERRED_UPDATE, _UPDATE = 1, 4, 5, 6, 7
# Whose answer everybody sees: once it was deferred, that cannot be changed.
_PUBLIC: Final = frozenset({"imagine", "ask", "describe", "blend"})
_NOT_OURS: Final = Notice("Nothing to do", "This is none of the commands here: see /help.")


def is_public(heard: Inbound) -> bool:
    """Return whether everybody sees the deferred answer to a command."""
    return isinstance(heard, Command) and heard.name in _PUBLIC


def interaction_answer(heard: Inbound, reply: Reply | None) -> dict[str, Any]:
    """Return the answer to an interaction.

    Pictures are not in it, whatever a view has: there is no time for them here.
    """
    match reply:
        case None:
            ping = isinstance(heard, Ping)
            return {"type": _PONG} if ping else _message(notice_body(_NOT_OURS))
        case Show(view):
            return _message(view_body(view))
        case Tell(notice):
            return _message(notice_body(notice))
        case Mark(view) if view is not None:
            return {"type": _UPDATE, "data": buttons_body(view)}
        case Mark() | Defer():
            return _deferred(heard)


def _message(body: dict[str, Any]) -> dict[str, Any]:
    return {"type": _MESSAGE, "data": body}


def _deferred(heard: Inbound) -> dict[str, Any]:
    if isinstance(heard, Press):
        return {"type": _DEFERRED_UPDATE}
    if is_public(heard):
        return {"type": _DEFERRED_MESSAGE}
    return {"type": _DEFERRED_MESSAGE, "data": {"flags": EPHEMERAL}}
