"""Chooses who sends a delivery: its URL says whether it goes to a receiver or to a chat."""

from datetime import timedelta
from typing import Final

from infra.postgres.delivery import Owed
from schemas.chat import CHAT_SCHEME
from schemas.receiver import Receiver
from worker.delivery.result import Outcome, Result
from worker.delivery.sender import Sender

# Another process may have the bot, and take the lane.
_LEAST: Final = timedelta(seconds=2)
_MOST: Final = timedelta(minutes=1)
# A tenth of its age: what nobody comes for is asked after less and less.
_PATIENCE: Final = 10


class SenderByUrl:
    """Sends through one of two.

    Args:
        webhooks: Sends to receivers.
        chats: Sends to chats; ``None``: no bot is configured, and what is owed to one waits.
    """

    def __init__(self, webhooks: Sender, chats: Sender | None = None) -> None:
        self._webhooks = webhooks
        self._chats = chats

    async def send(self, owed: Owed, receiver: Receiver) -> Result:
        """Try once and say what came of it. Never raises, but for cancellation."""
        if owed.endpoint_id is not None or not owed.url.startswith(CHAT_SCHEME):
            return await self._webhooks.send(owed, receiver)
        if self._chats is None:
            return no_bot(owed.age)
        return await self._chats.send(owed, receiver)


def no_bot(age: timedelta) -> Result:
    """Return that this process has no such bot; what is owed waits for one that has.

    Args:
        age: Of the delivery.
    """
    return Result(
        Outcome.DEFERRED,
        timedelta(),
        detail="no bot of this platform is configured in this process",
        rest=_LEAST,
        again=min(max(age / _PATIENCE, _LEAST), _MOST),
    )
