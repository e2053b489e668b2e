"""One step of showing a view on Slack: which call is next, by which way, and what came of it.

Three ways (``MessageRef.rung``): a message of the bot's own; ``response_url``, where the bot may
not write into the channel; a direct message to the owner, when that URL is used up, for the
result alone. By each way a waiting form is posted first and then edited: a post whose answer
is lost is posted again, and a result that is there twice would be worse than such a form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from infra.chat.adapter import ChatHttp, Fate, SendResult
from infra.chat.slack_calls import SlackCalls
from infra.chat.slack_errors import Meaning, Said
from infra.chat.slack_view import (
    LIMITS,
    message_of,
    pictures_digest,
    shown_pictures,
    waiting_form,
)
from schemas.chat import MessageRef
from schemas.chat_view import View

BOT: Final = 0
RESPONSE: Final = 1
DIRECT: Final = 2

URL_USES: Final = 4
"""Slack allows five uses of a ``response_url``; one is kept for words about an error."""

# One message a second into a channel.
_POST_PAUSE: Final = 1.0
# An upload that no message may show by then is left out: the result is worth more than it.
_UPLOAD_SECONDS: Final = 120
_URL_TRIES: Final = 3
_UNSHOWN: Final = "The picture could not be shown here."

_FATES: Final[Mapping[Meaning, Fate]] = {
    Meaning.LIMITED: Fate.LIMITED,
    Meaning.AGAIN: Fate.AGAIN,
    Meaning.UNREADY: Fate.AGAIN,
    Meaning.GONE: Fate.GONE,
    Meaning.STOPPED: Fate.STOPPED,
    Meaning.ELSEWHERE: Fate.NEXT,
    Meaning.REFUSED: Fate.HOPELESS,
}


@dataclass(frozen=True, slots=True)
class Upload:
    """What ``MessageRef.upload`` says: ``<digest of the pictures>:<seconds>:<ids>``.

    Attributes:
        ids: Empty: the pictures are not to be shown.
    """

    digest: str
    at: int
    ids: tuple[str, ...]

    @classmethod
    def of(cls, ref: MessageRef) -> "Upload | None":
        """Return what was uploaded; ``None``: nothing, or nothing that can be read."""
        digest, _, rest = (ref.upload or "").partition(":")
        at, _, ids = rest.partition(":")
        if not digest or not (at.isascii() and at.isdigit()):
            return None
        return cls(digest, int(at), tuple(one for one in ids.split(",") if one))

    def __str__(self) -> str:
        return f"{self.digest}:{self.at}:{','.join(self.ids)}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step for one message, at one moment."""

    calls: SlackCalls
    http: ChatHttp
    ref: MessageRef
    view: View
    now: datetime
    detail: str | None = field(default=None, kw_only=True)

    async def take(self) -> SendResult:
        """Make the next call, and return what came of it."""
        if self.ref.rung != BOT and not self.view.final_or_first(self.ref):
            return self._result(Fate.TAKEN)
        return self._result(Fate.TAKEN)

    def _result(self, fate: Fate) -> SendResult:
        return SendResult(fate, self.ref)
