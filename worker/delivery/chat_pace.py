"""How fast a bot calls its platform: one pace for all lanes, one caller at a time a channel.

Calls with an interaction's own token count by themselves, with Discord; those with the bot's
token are limited per channel, and over all of them.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from infra.chat.adapter import ChatCall, ChatHttp, ChatHttpAnswer
from infra.clock import Clock
from schemas.chat import Platform
from schemas.chat_errors import ChatUnreachableError

Sleep = Callable[[float], Awaitable[None]]

# Calls a second, over all channels: a little less than the platforms allow.
_RATES: Final = {Platform.DISCORD: 45.0, Platform.TELEGRAM: 30.0}
_BURST_SECONDS: Final = 0.2
# Longer ones the lane rests, and holds no place of others meanwhile.
_LONGEST_NAP: Final = 1.0
_MOST_CHANNELS: Final = 1000
_AUTHORIZATION: Final = "authorization"


class Rate:
    """So many calls a second: the generic cell rate algorithm (ATM Forum, annex A).

    Args:
        rate: Calls a second.
        clock: Measures.
        sleep: Waits so many seconds.
    """

    def __init__(self, rate: float, clock: Clock, sleep: Sleep) -> None:
        self._gap = 1 / rate
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until the next call may begin."""
        now = self._clock.monotonic()
        self._next = max(self._next, now - _BURST_SECONDS) + self._gap
        if (wait := self._next - self._gap - now) > 0:
            await self._sleep(wait)


class Channel:
    """One channel's line to its platform, whichever lanes lead there."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.lines = 0
        self.rests_until = 0.0


class Line:
    """The way out for one step of sending.

    Attributes:
        rests: Seconds for which the channel rests: no call was made; 0: it does not.
    """

    def __init__(self, http: ChatHttp, pace: "ChatPace", channel: Channel) -> None:
        self.rests = 0.0
        self._http = http
        self._pace = pace
        self._channel = channel
        self._mine = False

    async def send(self, call: ChatCall) -> ChatHttpAnswer:
        """Make one request when it is its turn.

        Raises:
            ChatUnreachableError: There is no whole answer, or the channel rests for long.
        """
        if self._pace.is_of_bot(call):
            if not self._mine:
                await self._channel.turn.acquire()
                self._mine = True
                self.rests = await self._pace.nap(self._channel)
            if self.rests > 0:
                raise ChatUnreachableError("the channel rests")
            await self._pace.turn()
        return await self._http.send(call)

    def leave(self, rest: float) -> None:
        """Let the next one call; the channel rests so many seconds first."""
        if self._mine:
            self._pace.rest(self._channel, rest)
            self._channel.turn.release()
            self._mine = False


class ChatPace:
    """The pace of one bot.

    Args:
        platform: Whose.
        http: The way out.
        clock: Measures.
        sleep: Waits so many seconds.
    """

    def __init__(
        self, platform: Platform, http: ChatHttp, clock: Clock, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._platform = platform
        self._http = http
        self._clock = clock
        self._sleep = sleep
        rate = _RATES.get(platform)
        self._rate = None if rate is None else Rate(rate, clock, sleep)
        self._channels: dict[str, Channel] = {}

    @asynccontextmanager
    async def line(self, origin: str) -> AsyncGenerator[Line]:
        """Give the way out for one step; ``leave`` it with the pause that came of it."""
        channel = self._channels.get(origin)
        if channel is None:
            self._forget_rested()
            channel = self._channels[origin] = Channel()
        line = Line(self._http, self, channel)
        channel.lines += 1
        try:
            yield line
        finally:
            line.leave(0.0)
            channel.lines -= 1

    def is_of_bot(self, call: ChatCall) -> bool:
        """Return whether a call counts against the bot."""
        if self._platform is Platform.TELEGRAM:
            return True
        return any(name.lower() == _AUTHORIZATION for name in call.headers)

    async def turn(self) -> None:
        """Wait until the bot's next call may begin."""
        if self._rate is not None:
            await self._rate.turn()

    async def nap(self, channel: Channel) -> float:
        """Wait while a channel rests for a moment; return the seconds that are left."""
        left = channel.rests_until - self._clock.monotonic()
        if left > _LONGEST_NAP:
            return left
        if left > 0:
            await self._sleep(left)
        return 0.0

    def rest(self, channel: Channel, seconds: float) -> None:
        """Let a channel rest so many seconds from now on."""
        until = self._clock.monotonic() + seconds
        channel.rests_until = max(channel.rests_until, until)

    def _forget_rested(self) -> None:
        """Forget channels that nobody needs, once they are many."""
        if len(self._channels) < _MOST_CHANNELS:
            return
        now = self._clock.monotonic()
        self._channels = {
            origin: one
            for origin, one in self._channels.items()
            if one.lines or one.rests_until > now
        }
