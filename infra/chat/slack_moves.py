"""Which step is next to show a view on Slack, and by which way. Pure.

Three ways (``MessageRef.rung``): a message of the bot's own; ``response_url``, where the bot
may not write into the channel; a direct message to the owner, where that URL serves no more:
with the result alone, if a waiting form stands in the channel already.

By each way a waiting form is posted before the final one, which edits it: a post whose answer
is lost is made again, and a result that stands there twice would be worse than a waiting form
that does.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from infra.chat.slack_upload import needs_upload
from schemas.chat import MessageRef
from schemas.chat_view import View

BOT: Final = 0
RESPONSE: Final = 1
DIRECT: Final = 2

# Slack allows five uses of a response_url; one is kept for words about an error.
URL_USES: Final = 4


class Move(StrEnum):
    """What is to be done next."""

    REST = "rest"
    """Nothing: by this way progress is not shown."""
    POST = "post"
    UPLOAD = "upload"
    EDIT = "edit"
    FALL = "fall"
    """On to the next way."""


def next_move(ref: MessageRef, view: View, now: datetime | None = None) -> Move:
    """Return the next step.

    Args:
        ref: What is there.
        view: What is to be there.
        now: Aware; ``None``: a ``response_url`` is taken to be alive still.
    """
    final = view.status.final
    if ref.rung == RESPONSE:
        if ref.uses and not final:
            return Move.REST
        if not _url_serves(ref, now):
            return Move.FALL
        if not ref.uses:
            return Move.POST
    elif ref.rung == DIRECT and ref.uses and not final:
        return Move.REST
    elif ref.message is None:
        return Move.POST
    return Move.UPLOAD if needs_upload(ref, view) else Move.EDIT


def fallen(ref: MessageRef) -> MessageRef | None:
    """Return the ref on the next way; ``None``: that was the last."""
    if ref.rung >= DIRECT:
        return None
    # What a button's response_url replaces is the message that was pressed, not one of ours.
    by_url = ref.rung == BOT and ref.token is not None and ref.reply_to is None
    return replace(ref, rung=RESPONSE if by_url else DIRECT, message=None)


def _url_serves(ref: MessageRef, now: datetime | None) -> bool:
    if ref.token is None or ref.uses >= URL_USES:
        return False
    return now is None or ref.token_until is None or now < ref.token_until
