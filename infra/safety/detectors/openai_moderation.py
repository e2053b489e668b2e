"""OpenAI's moderation, or any server that speaks it: the one detector that opens a socket.

It is asked last, and never about what a floor or a list has found: OpenAI's guide asks not to
be sent what is known, or suspected, to be illegal.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final, cast

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient
from PIL import Image

from infra.clock import Clock
from infra.pictures.depth import eight_bits
from infra.safety.breaker import Breaker
from infra.safety.pictures import opened
from infra.safety.reading import Reading
from schemas.policy_limits import Limits
from schemas.safety import Finding, Medium, Picture, Stage

NAME: Final = "OpenAIModeration"
_CONNECT_SECONDS: Final = 2.0
_READ_SECONDS: Final = 5.0
# Within the time of the whole check: a 429 or two are no reason to go without.
_RETRIES: Final = 2
_LONGEST_SIDE: Final = 1024
_QUALITY: Final = 90
_PLACES: Final = 4
_WORTH_TELLING: Final = 0.01


class OpenAIModeration:
    """Asks for scores of every category the server knows, those of tomorrow included.

    Args:
        url: The server's base URL; empty for OpenAI's own.
        key: Its key.
        model: Pinned, so that verdicts do not change by themselves.
        clock: Of the circuit breaker.
    """

    name = NAME
    stages = frozenset({Stage.PROMPT, Stage.OUTPUT})
    media = frozenset(Medium)

    def __init__(self, *, url: str, key: str, model: str, clock: Clock) -> None:
        self.version = model
        self._url = url or None
        self._key = key or "none"
        self._breaker = Breaker(clock)
        self._client: AsyncOpenAI | None = None

    @property
    def available(self) -> bool:
        """Whether asking makes sense now."""
        return self._breaker.closed

    async def check(self, reading: Reading, *, seconds: float) -> Sequence[Finding]:
        """Return what the server says of a text as it came, or of a picture drawn anew.

        Raises:
            TimeoutError: It took longer than ``seconds``.
            PictureRefusedError: It is no picture, or too large to look at.
            openai.OpenAIError: There is no answer.
            ValueError: There is one that nobody understands.
        """
        subject = reading.subject
        told: Any = subject.text
        if subject.picture is not None:
            url = await asyncio.to_thread(data_url, subject.picture)
            told = [{"type": "image_url", "image_url": {"url": url}}]
        try:
            async with asyncio.timeout(seconds):
                found = self._findings(await self._ask(told))
        except Exception:
            self._breaker.failed()
            raise
        self._breaker.answered()
        return found

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _ask(self, told: Any) -> Mapping[str, Any]:
        # Made where it is used: a client belongs to its event loop.
        client = self._client = self._client or self._connect()
        answer = await client.moderations.create(model=self.version, input=told)
        return answer.to_dict(mode="json")

    def _connect(self) -> AsyncOpenAI:
        timeout = httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
        client = AsyncOpenAI(
            api_key=self._key,
            base_url=self._url,
            timeout=timeout,
            max_retries=_RETRIES,
            # A redirected POST would carry the prompt to a host that nobody configured.
            http_client=DefaultAioHttpClient(timeout=timeout, follow_redirects=False),
        )
        # Of somebody's shell.
        client.organization = None
        client.project = None
        return client

    def _findings(self, answer: Mapping[str, Any]) -> list[Finding]:
        results = answer.get("results")
        if not isinstance(results, list) or not results:
            raise ValueError("an answer without results")
        highest: dict[str, float] = {}
        for result in cast("list[Mapping[str, Any]]", results):
            for name, score in _scores(result).items():
                highest[name] = max(score, highest.get(name, 0.0))
        return [
            Finding(self.name, self.version, name, round(score, _PLACES))
            for name, score in sorted(highest.items())
            if score >= _WORTH_TELLING
        ]


def data_url(picture: Picture) -> str:
    """Return a picture drawn anew, small, as a URL: nothing hidden in the file leaves.

    Raises:
        PictureRefusedError: It is no picture, or too large to look at.
    """
    with opened(picture.data, Limits()) as image:
        image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        flat = Image.new("RGB", image.size, "white")
        shown = eight_bits(image).convert("RGBA")
        flat.paste(shown, mask=shown.getchannel("A"))
    file = BytesIO()
    flat.save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _scores(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the score of each category, whatever its name; one that is flagged counts."""
    flags: Mapping[str, Any] = result.get("categories") or {}
    scores: Mapping[str, Any] = result.get("category_scores") or {}
    found: dict[str, float] = {}
    for name in flags.keys() | scores.keys():
        score = scores.get(name)
        if isinstance(score, int | float):
            found[name] = float(score)
        elif flags.get(name) is True:
            found[name] = 1.0
    return found
