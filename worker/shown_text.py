"""Words of a text that is still being written: shown when they have passed what judges outputs.

What is new is judged as the whole will be, with some pages before it, at most twice a second
and job. It is shown a few words short of that: a phrase is judged together with what comes
right behind it. What was shown stays shown; once something does not pass, no more follows.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

import structlog

from infra.progress import MAX_TEXT_CHARACTERS
from infra.safety.moderation import Moderation
from infra.safety.parts import Whose
from schemas.claim import Claim
from schemas.errors import GenqError
from schemas.safety import Action
from worker.progress import LiveNews, OutputJudge

_EVERY_SECONDS: Final = 0.5
_BEHIND: Final = 40
# Classifiers look at some hundred words at a time: what lies farther back was judged.
_BEFORE: Final = 3_000

_log: Final = structlog.get_logger()


class ModerationOfTexts:
    """Judges by the checks of outputs. Only for those that look here, and ask nobody else."""

    def __init__(self, moderation: Moderation) -> None:
        self._moderation = moderation

    async def passes(self, claim: Claim, text: str) -> bool:
        """Return whether nothing would be withheld or held for people."""
        whose = Whose(claim.tenant_id, claim.end_user, claim.job_id)
        judged = await self._moderation.judge_output(text, {}, [], whose, claim.safety_level)
        return judged is None or judged.verdict.action < Action.REVIEW


class ShownText:
    """What of one attempt's text is shown; an async context manager around its call.

    Args:
        news: Who is told.
        claim: The attempt.
    """

    def __init__(self, news: LiveNews, claim: Claim) -> None:
        self._news = news
        self._claim = claim
        self._pieces: Sequence[str] = ()
        self._length = 0
        self._shown = 0
        self._judged = 0
        self._stopped = False
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop looking; the end of the job tells the rest."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    def so_far(self, length: int, pieces: Sequence[str]) -> None:
        """Take the text so far: how many characters, and its pieces."""
        self._length, self._pieces = length, pieces
        self._news.progressed(self._claim, characters=length)
        judge = self._news.judge
        if judge is None or self._stopped or length - self._shown <= _BEHIND:
            return
        if not self._news.is_read(self._claim):
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._show(judge))

    async def _show(self, judge: OutputJudge) -> None:
        text = "".join(self._pieces)[:MAX_TEXT_CHARACTERS]
        shown = shown_of(text)
        if len(shown) > self._shown:
            try:
                passes = await judge.passes(self._claim, text[max(0, self._judged - _BEFORE) :])
            except GenqError as error:
                # The whole text is judged when it is there.
                _log.warning("text_not_judged", error_code=error.code)
                passes = False
            if not passes:
                self._stopped = True
                return
            self._judged, self._shown = len(text), len(shown)
            self._news.progressed(self._claim, characters=self._length, text=shown)
        await asyncio.sleep(_EVERY_SECONDS)


def shown_of(text: str) -> str:
    """Return what may be shown of a text that passes: not its last words, and whole ones."""
    end = len(text) - _BEHIND
    if end <= 0:
        return ""
    # Languages without spaces are cut where they are.
    spaces = [text.rfind(space, max(0, end - _BEHIND), end) for space in " \n"]
    return text[: max(spaces) + 1] if max(spaces) >= 0 else text[:end]
