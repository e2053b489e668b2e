"""Telegram's limits of rates, as far as they are known: a bot, a chat, a group."""

import math
from dataclasses import dataclass, field
from typing import Final

from infra.clock import Clock
from infra.simulator.chat.slack_rates import Refill
from infra.simulator.chat.telegram_world import TelegramChat, too_many
from infra.simulator.chat.wire import RefusedError

_BOT: Final = Refill(30, 1 / 30)
_CHAT: Final = Refill(5, 1.0)
_GROUP: Final = Refill(20, 3.0)


@dataclass(slots=True)
class TelegramRates:
    """All stores.

    Attributes:
        bot: Over all chats.
        chat: Of a private chat.
        group: Of any other.
    """

    clock: Clock
    bot: Refill = _BOT
    chat: Refill = _CHAT
    group: Refill = _GROUP
    _full_at: dict[int, float] = field(default_factory=dict[int, float])

    def take(self, chat: TelegramChat) -> None:
        """Count a call.

        Raises:
            RefusedError: 429.
        """
        own = self.chat if chat.kind == "private" else self.group
        now = self.clock.monotonic()
        taken: dict[int, float] = {}
        for key, refill in ((0, self.bot), (chat.id, own)):
            full_at = max(now, self._full_at.get(key, now)) + refill.seconds
            wait = full_at - now - refill.calls * refill.seconds
            if wait > 0:
                raise RefusedError(too_many(math.ceil(wait)), "too many requests")
            taken[key] = full_at
        self._full_at |= taken
