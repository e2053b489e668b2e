"""What watchers hear of a prompt: steps of its samplers, and pictures before they are done."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from pydantic import BaseModel, ValidationError

from schemas.claim import Claim
from worker.progress import LiveNews
from worker.providers.preview import preview_of

# A preview comes with every step; nobody is told more often.
_EVERY_SECONDS: Final = 0.5
# What is beyond cannot be meant; neither can what is no number (NaN).
_MOST_STEPS: Final = 1_000_000


class _Node(BaseModel):
    state: str = ""
    value: float = 0
    max: float = 0


class _State(BaseModel):
    nodes: dict[str, _Node] = {}


class ComfyNews:
    """Tells how far one prompt is.

    Args:
        claim: The attempt.
        news: Hears of it; ``None``: nobody.
        server: The model server's name.
    """

    def __init__(self, claim: Claim, news: LiveNews | None, *, server: str) -> None:
        self._claim = claim
        self._news = news
        self._server = server
        self._place = (0, 0)
        self._showing: asyncio.Task[None] | None = None
        self._next_at = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show nothing any more."""
        del kind, error, trace
        if self._showing is not None:
            self._showing.cancel()
            await asyncio.gather(self._showing, return_exceptions=True)

    def heard(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take a message about the prompt."""
        if kind == "progress":
            self._tell(data.get("value"), data.get("max"))
        elif kind == "progress_state":
            with suppress(ValidationError):
                for node in _State.model_validate(data).nodes.values():
                    if node.state == "running":
                        self._tell(node.value, node.max)

    def seen(self, picture: bytes) -> None:
        """Take a preview: one at a time is made small; what comes meanwhile is not shown."""
        now = asyncio.get_running_loop().time()
        if self._news is None or now < self._next_at or not self._news.is_watched(self._claim):
            return
        if self._showing is None or self._showing.done():
            self._next_at = now + _EVERY_SECONDS
            self._showing = asyncio.create_task(self._show(picture))

    def _tell(self, value: object, most: object) -> None:
        # Nodes of other people send what they like; one step is what every node has.
        if not isinstance(value, int | float) or not isinstance(most, int | float):
            return
        if not (1 < most <= _MOST_STEPS and 0 <= value <= _MOST_STEPS):
            return
        place = (int(min(value, most)), int(most))
        if self._news is not None and place != self._place and place[0] > 0:
            self._place = place
            self._news.progressed(self._claim, step=place[0], steps=place[1])

    async def _show(self, picture: bytes) -> None:
        small = await preview_of(picture, server=self._server)
        if small is not None and self._news is not None:
            step, steps = self._place
            self._news.progressed(
                self._claim, step=step or None, steps=steps or None, preview=small
            )
