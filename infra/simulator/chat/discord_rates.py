"""Discord's limits of rates: a window for each bucket, one for the whole bot, with headers.

Windows are fixed: the first call opens one, and it is over after its seconds.
"""

import hashlib
import math
from dataclasses import dataclass, field

import orjson

from infra.clock import Clock
from infra.simulator.chat.wire import Answer, RefusedError


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds."""

    calls: int
    seconds: float


@dataclass(slots=True)
class _Window:
    until: float = 0.0
    used: int = 0


@dataclass(slots=True)
class DiscordRates:
    """All buckets.

    Attributes:
        each: Of one webhook token, or one channel.
        bot: Of all calls with the bot's token.
        invalid: When 401, 403 and 429 were answered, but for shared limits.
    """

    clock: Clock
    each: Rate = Rate(5, 5.0)
    bot: Rate = Rate(50, 1.0)
    invalid: list[float] = field(default_factory=list[float])
    _windows: dict[str, _Window] = field(default_factory=dict[str, _Window])

    def take(self, bucket: str, *, with_bot: bool) -> dict[str, str]:
        """Count a call; return the headers of its answer.

        Raises:
            RefusedError: 429.
        """
        if with_bot:
            whole = self._count("bot", self.bot)
            if whole.used > self.bot.calls:
                raise self._limited(whole, {}, scope="global")
        window = self._count(bucket, self.each)
        headers = self._headers(bucket, window)
        if window.used > self.each.calls:
            raise self._limited(window, headers, scope="user")
        return headers

    def count_invalid(self, answer: Answer) -> None:
        """Count what Discord bans an address for: 10,000 of them in 10 minutes."""
        shared = answer.headers.get("X-RateLimit-Scope") == "shared"
        if answer.status in {401, 403, 429} and not shared:
            self.invalid.append(self.clock.monotonic())

    def _count(self, name: str, rate: Rate) -> _Window:
        now = self.clock.monotonic()
        window = self._windows.get(name)
        if window is None or now >= window.until:
            window = self._windows[name] = _Window(now + rate.seconds)
        window.used += 1
        return window

    def _headers(self, bucket: str, window: _Window) -> dict[str, str]:
        left = self._left(window)
        ends = self.clock.now().timestamp() + left
        return {
            "X-RateLimit-Limit": str(self.each.calls),
            "X-RateLimit-Remaining": str(max(0, self.each.calls - window.used)),
            "X-RateLimit-Reset": f"{ends:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(bucket.encode()).hexdigest()[:32],
        }

    def _limited(self, window: _Window, headers: dict[str, str], *, scope: str) -> RefusedError:
        answer = limited(self._left(window), scope=scope, headers=headers)
        return RefusedError(answer, "too many requests")

    def _left(self, window: _Window) -> float:
        """Return the seconds until a window is over, rather too many than too few."""
        return math.ceil(max(0.0, window.until - self.clock.monotonic()) * 1000) / 1000


def limited(
    wait: float, *, scope: str = "user", headers: dict[str, str] | None = None
) -> Answer:
    """Return Discord's 429.

    Args:
        wait: Seconds.
        scope: ``user``, ``global`` or ``shared``.
        headers: Of the bucket.
    """
    told = {**(headers or {}), "Retry-After": str(math.ceil(wait)), "X-RateLimit-Scope": scope}
    if scope == "global":
        told["X-RateLimit-Global"] = "true"
    body = {
        "message": "You are being rate limited.",
        "retry_after": wait,
        "global": scope == "global",
        "code": 0,
    }
    return Answer(429, orjson.dumps(body), told)
