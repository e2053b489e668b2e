"""Words are shown before a text is whole only to who asks, and only when they have passed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from infra.clock import SystemClock
from infra.progress import (
    MAX_TEXT_CHARACTERS,
    News,
    ProgressLine,
    decode_news,
    encode_watched,
    news_channel,
)
from infra.safety.detectors_in_order import Detectors
from infra.safety.moderation import Moderation
from infra.safety.moderator import Moderator
from infra.safety.policy_file import default_policy
from schemas.claim import Claim
from schemas.errors import DatabaseUnavailableError
from schemas.policy import Policy, resolve
from schemas.progress import Progress
from schemas.tenant_plan import SafetyLevel
from tests.fixtures.claims import chat_claim
from tests.fixtures.judging import Frank
from worker.progress import LiveNews
from worker.shown_text import ModerationOfTexts, ShownText, shown_of

CLAIM: Final = chat_claim()
HERE: Final = news_channel("here")
STORY: Final = "A red kite circles over the sea, and nobody on the beach looks up to it. "


class Line(ProgressLine):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__("redis://nowhere.invalid")
        self.sent: list[News] = []

    async def send(self, news: Sequence[News]) -> None:
        self.sent += news


@dataclass
class Judge:
    """Lets everything pass that has none of these words."""

    wrong: tuple[str, ...] = ()
    error: Exception | None = None
    asked: list[str] = field(default_factory=list[str])

    async def passes(self, claim: Claim, text: str) -> bool:
        """Judge."""
        del claim
        self.asked.append(text)
        if self.error:
            raise self.error
        return not any(word in text for word in self.wrong)


class Scene:
    """A text that comes in pieces, and a judge who looks after each."""

    def __init__(self, claim: Claim, judge: Judge | None, **news: Any) -> None:
        self.line = Line()
        self.news = LiveNews(self.line, SystemClock(), **news)
        self.news.judge = judge
        self.claim = claim
        self.told: list[Progress] = []
        self.news.tell(lambda _, progress: self.told.append(progress))

    async def write(self, *pieces: str, words: bool = True) -> list[str]:
        """Return what was shown, each state once."""
        self.news.heard(encode_watched(HERE, [self.claim.job_id]))
        if words:
            self.news.heard(encode_watched(HERE, [self.claim.job_id], words=True))
        so_far: list[str] = []
        with self.news.running(self.claim):
            async with ShownText(self.news, self.claim) as shown:
                for piece in pieces:
                    so_far.append(piece)
                    shown.so_far(sum(map(len, so_far)), so_far)
                    for _ in range(3):
                        await asyncio.sleep(0)
                    # As if half a second had passed.
                    looking = shown._looking
                    if looking is not None:
                        looking.cancel()
                        await asyncio.wait([looking])
        await self.news.close()
        return list(dict.fromkeys(one.text for one in self.told if one.text))


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def scene() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(scene())


def test_a_text_is_shown_as_it_grows_a_few_words_behind() -> None:
    async def scenario() -> None:
        judge = Judge()
        found = Scene(CLAIM, judge)
        shown = await found.write(STORY, STORY, STORY)
        assert len(shown) == 3
        whole = STORY * 3
        for n, text in enumerate(shown, 1):
            # Whole words, and never what was not judged with what comes behind it.
            assert whole.startswith(text)
            assert text.endswith(" ")
            assert n * len(STORY) - 80 <= len(text) <= n * len(STORY) - 40
        assert judge.asked == [STORY, STORY * 2, whole]
        told = decode_news(News(CLAIM.job_id, (), found.told[-1]).encode().decode())
        assert told is not None
        assert told[1] is not None
        assert told[1].text == shown[-1]

    play(scenario)


def test_words_that_do_not_pass_are_not_shown_nor_any_behind_them() -> None:
    async def scenario() -> None:
        judge = Judge(("wicked",))
        shown = await Scene(CLAIM, judge).write(STORY, "Something wicked. ", STORY, STORY)
        assert shown == [shown_of(STORY)]
        assert len(judge.asked) == 2
        # A judge who cannot tell lets nothing pass.
        away = Judge(error=DatabaseUnavailableError("away"))
        assert await Scene(CLAIM, away).write(STORY, STORY) == []
        assert len(away.asked) == 1

    play(scenario)


def test_nobody_sees_words_who_did_not_ask_or_whose_texts_others_judge() -> None:
    async def scenario() -> None:
        strict = chat_claim(safety_level=SafetyLevel.STRICT)
        judge = Judge()
        assert await Scene(CLAIM, judge).write(STORY, STORY, words=False) == []
        assert await Scene(strict, judge).write(STORY, STORY) == []
        assert await Scene(CLAIM, judge, previews=False).write(STORY, STORY) == []
        assert judge.asked == []
        # Without a judge lengths are told, and no words.
        alone = Scene(CLAIM, None)
        assert await alone.write(STORY, STORY) == []
        assert [one.characters for one in alone.told] == [len(STORY), 2 * len(STORY)]

    play(scenario)


def test_of_a_long_text_only_what_is_new_is_judged_again_with_pages_before_it() -> None:
    async def scenario() -> None:
        judge = Judge()
        await Scene(CLAIM, judge).write(*[STORY * 100] * 3)
        whole = len(STORY) * 100
        assert [len(text) for text in judge.asked] == [whole, whole + 3_000, whole + 3_000]
        assert judge.asked[-1] == (STORY * 300)[-whole - 3_000 :]

    play(scenario)


def test_a_very_long_text_is_shown_so_far_and_short_ones_not_at_all() -> None:
    async def scenario() -> None:
        shown = await Scene(CLAIM, Judge()).write("word " * 10_000, "and more ")
        assert len(shown) == 1
        assert MAX_TEXT_CHARACTERS - 80 <= len(shown[0]) <= MAX_TEXT_CHARACTERS
        assert await Scene(CLAIM, Judge()).write("Yes.", " No.") == []

    play(scenario)
    assert shown_of("\u98a8" * 100) == "\u98a8" * 60


class Standard:
    """Whoever it is, the policy that comes with genq counts."""

    async def of(self, tenant_id: int, level: SafetyLevel) -> Policy:
        """Return it."""
        del tenant_id
        return resolve(default_policy(), None, level)


def test_the_judge_is_whoever_judges_outputs() -> None:
    async def scenario() -> None:
        moderator = Moderator(Detectors(models=(Frank(),)), SystemClock())
        judge = ModerationOfTexts(Moderation(moderator, Standard()))
        assert await judge.passes(CLAIM, "a kite")
        assert not await judge.passes(CLAIM, "a kite [violence 0.9]")

    play(scenario)
