"""Whether bots may speak: stopped, paused, or called a nuisance. One for all lanes."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.postgres.chat_bots import ChatBot, chat_bots, pause_bot, stop_bot
from infra.postgres.engine import single_statements, transaction
from schemas.chat import Platform
from worker.delivery.chat_fates import resting, stopped
from worker.delivery.result import Result

# What another process wrote is known here after so long.
_FRESH_SECONDS: Final = 0.8
# Discord bans an address for 10,000 invalid requests in ten minutes.
_INVALID_SECONDS: Final = 600.0
_MOST_INVALID: Final = 1000

_log: Final = structlog.get_logger()


class ChatBots:
    """What is known of the bots, read again while they are used.

    Args:
        engine: Where ``chat_bot`` is.
        tokens: A digest of each bot's token.
        clock: Measures.
    """

    def __init__(
        self, engine: AsyncEngine, tokens: Mapping[Platform, bytes], clock: Clock
    ) -> None:
        # Each is one statement.
        self._engine = single_statements(engine)
        self._tokens = tokens
        self._clock = clock
        self._reading = asyncio.Lock()
        self._read_at: float | None = None
        self._bots: Mapping[Platform, ChatBot] = {}
        self._paused_until: dict[Platform, float] = {}
        self._invalid: dict[Platform, deque[float]] = {}

    async def hindrance(self, platform: Platform) -> Result | None:
        """Return why nothing may be sent by a bot now, and for how long; ``None``: it may.

        Raises:
            DatabaseUnavailableError: Nobody knows.
        """
        await self._refresh()
        bot, digest = self._bots.get(platform), self._tokens.get(platform)
        if bot is not None and digest is not None and bot.stopped(digest):
            return stopped(bot.stopped_reason)
        left = self._paused_until.get(platform, 0.0) - self._clock.monotonic()
        return resting(left) if left > 0 else None

    async def stop(self, platform: Platform, reason: str) -> None:
        """Let no process send by a bot whose token was refused; tell the operator once."""
        async with transaction(self._engine) as connection:
            digest = self._tokens[platform]
            news = await stop_bot(connection, platform, digest, reason)
        self._read_at = None
        if news:
            _log.critical(
                "chat_bot_stopped",
                platform=platform.value,
                reason=reason,
                next="set the bot's new token and restart; what is owed waits",
            )

    async def pause(self, platform: Platform, seconds: float) -> None:
        """Let no process send by a bot before its platform's limit is over."""
        self._rest(platform, seconds)
        async with transaction(self._engine) as connection:
            await pause_bot(connection, platform, seconds)
        _log.warning("chat_bot_paused", platform=platform.value, seconds=round(seconds, 1))

    def note_invalid(self, platform: Platform) -> None:
        """Count a request that the platform calls invalid."""
        times = self._invalid.setdefault(platform, deque(maxlen=_MOST_INVALID + 1))
        times.append(self._clock.monotonic())
        if len(times) == _MOST_INVALID + 1:
            _log.error("chat_progress_stopped", platform=platform.value)

    def may_chatter(self, platform: Platform) -> bool:
        """Return whether what is not needed may be sent: progress."""
        times = self._invalid.get(platform)
        if not times:
            return True
        oldest = self._clock.monotonic() - _INVALID_SECONDS
        while times and times[0] < oldest:
            times.popleft()
        return len(times) <= _MOST_INVALID

    def _rest(self, platform: Platform, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        self._paused_until[platform] = max(self._paused_until.get(platform, 0.0), until)

    async def _refresh(self) -> None:
        if not self._is_stale():
            return
        async with self._reading:
            # Whoever waited finds what the other one read.
            if not self._is_stale():
                return
            began = self._clock.monotonic()
            async with transaction(self._engine) as connection:
                self._bots = await chat_bots(connection)
            self._paused_until = {
                platform: began + bot.paused_seconds for platform, bot in self._bots.items()
            }
            self._read_at = began

    def _is_stale(self) -> bool:
        now = self._clock.monotonic()
        return self._read_at is None or now - self._read_at >= _FRESH_SECONDS
