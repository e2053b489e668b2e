"""Every process dies by SIGKILL again and again, and each command still ends in one message."""

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

import aiohttp
import pytest

from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from infra.settings import Settings
from infra.simulator.chat.acting import ANSWER_SECONDS, Said
from infra.simulator.chat.messages import Message
from infra.simulator.chat.platforms import ChatPlatforms
from schemas.chat import ChatAction, MessageState, Platform, Verb
from schemas.job_states import JobState
from tests.fixtures.mortal_chats import Painter, call_of, free_port, listening, variables
from tests.fixtures.processes import MODULES, System, system

COMMANDS: Final = 42
SPAN_SECONDS: Final = 6.0
HAVOC_SECONDS: Final = 9.0
PRESSES: Final = 10
VICTIMS: Final = ("api", "dispatch", "work", "deliver")
# The others' deaths are of no use while nobody is heard.
WEIGHTS: Final = (1, 2, 2, 3)
UNDER_RESULTS: Final = frozenset({Verb.UPSCALE, Verb.VARY, Verb.REROLL})
PLACES: Final = 6
BUDGET_SECONDS: Final = 1.4
# What upscales and variations add to the words.
_WORDS: Final = re.compile(r"(?<=\.).*", re.DOTALL)
# Who asks while a new process starts is heard when it is up, which may be too late; whoever
# delivers cannot know that the platform took no answer, or that somebody who died found out.
_KNOWN: Final = re.compile(
    r"^POST /chat/\w+ was answered after |: a webhook that gave 404 was used again$"
)


@dataclass
class Asked:
    """What somebody asked; ``said`` is ``None`` where no answer came, or none that promises."""

    platform: Platform
    prompt: str
    said: Said | None


@dataclass(frozen=True)
class End:
    """How a job and its message ended."""

    job_id: UUID
    prompt: str
    job: JobState
    message: int
    detail: str | None


@dataclass
class Play:
    """People who ask, and processes that die."""

    running: System
    platforms: ChatPlatforms
    chance: Random
    asked: list[Asked] = field(default_factory=list[Asked])
    deaths: Counter[str] = field(default_factory=Counter[str])

    # --- what people do

    async def command(self, number: int) -> None:
        """Ask for pictures; some of them are then pressed."""
        platform = list(Platform)[number % 3]
        prompt = f"kite {number}."
        presses = number < 3 * PRESSES and number % 3 == number // 3 % 3
        while not await self._asks(
            platform, prompt, lambda: self._say(platform, number, prompt)
        ):
            pause = self.chance.uniform(0.2, 0.6)
            await asyncio.sleep(pause)  # sleeps: who got no answer asks once more
        if presses and self.asked_for_sure(prompt):
            await self._press(platform, number, prompt)

    def asked_for_sure(self, prompt: str) -> bool:
        """Return whether a command was answered with its job, and not put off."""
        return any(one.prompt == prompt and one.said is not None for one in self.asked)

    def _say(self, platform: Platform, number: int, prompt: str) -> Awaitable[Said]:
        text, place = f"/imagine {prompt}", number // 3 % PLACES
        match platform:
            case Platform.DISCORD:
                channel = f"11000000000000010{place:02}"
                people = self.platforms.discord.people
                return people.say(text, user=str(500 + number), channel=channel)
            case Platform.SLACK:
                people = self.platforms.slack.people
                return people.say(text, user=f"U{number}", channel=f"C{place}")
            case Platform.TELEGRAM:
                return self.platforms.telegram.people.say(text, user=700 + place)

    async def _press(self, platform: Platform, number: int, prompt: str) -> None:
        board = self.platforms.all[platform].board

        def find() -> Message | None:
            shown = (one for one in board.of_bot() if prompt in one.text)
            return next((one for one in shown if "V1" in one.labels), None)

        message = await board.wait(find, f"{prompt}: no result", 60)
        label = "U1" if number % 2 else "V1"
        people: Any = self.platforms.all[platform].people
        telegram = platform is Platform.TELEGRAM
        user: Any = 700 + number // 3 % PLACES if telegram else f"{500 + number}"
        await self._asks(platform, prompt, lambda: people.press(message, label, user=user))

    async def _asks(
        self, platform: Platform, prompt: str, ask: Callable[[], Awaitable[Said]]
    ) -> bool:
        """Return whether there was an answer in time."""
        try:
            said = await ask()
        except aiohttp.ClientError:
            said = None
        if said is not None and said.seconds > ANSWER_SECONDS:
            said = None
        # What was put off is in the memory of a process that may die: a job, or none.
        sure = said is not None and said.seconds < BUDGET_SECONDS
        self.asked.append(Asked(platform, prompt, said if sure else None))
        return said is not None

    async def ask_all(self) -> None:
        pauses = [self.chance.expovariate(COMMANDS / SPAN_SECONDS) for _ in range(COMMANDS)]
        async with asyncio.TaskGroup() as tasks:
            for number, pause in enumerate(pauses):
                await asyncio.sleep(pause)  # sleeps: people think
                tasks.create_task(self.command(number))

    # --- what happens to us

    async def havoc(self) -> None:
        """Kill one process after the other, and start it again."""
        loop = asyncio.get_running_loop()
        end = loop.time() + HAVOC_SECONDS
        # Each of them once, then as chance will have it.
        firsts = self.chance.sample(VICTIMS, len(VICTIMS))
        while loop.time() < end or firsts:
            pause = self.chance.uniform(0.1, 0.5)
            await asyncio.sleep(pause)  # sleeps: until the next one dies
            name = firsts.pop() if firsts else self.chance.choices(VICTIMS, WEIGHTS)[0]
            self.deaths[name] += 1
            await self.running.kill(name)
            # Nobody waits for a worker's new session: the old one holds what it ran.
            await self.running.run(name, "-m", MODULES[name])

    # --- what must have come of it

    async def settled(self) -> None:
        running = self.running
        await running.until_all_ended()
        await running.until("every message has its last form", self._none_open)

    async def _none_open(self) -> bool:
        return not await self.running.sql(
            f"SELECT 1 FROM chat_message WHERE state = {MessageState.OPEN.value} LIMIT 1"
        )

    async def judge(self) -> list[str]:
        """Return what is wrong."""
        rows = await self.running.sql("SELECT job_id, state, detail FROM chat_message")
        ends: list[End] = []
        async with transaction(self.running.engine) as connection:
            for row in rows:
                job = await get_job(connection, self.running.tenant.id, row.job_id)
                assert job is not None
                ends.append(End(job.id, job.input["prompt"], job.state, row.state, row.detail))
        return [
            *self._faults_of_jobs(ends),
            *self._faults_of_commands(ends),
            *(told for told in self.platforms.ledger.violations if not _KNOWN.search(told)),
        ]

    def _faults_of_jobs(self, ends: Sequence[End]) -> list[str]:
        finals, others = self._shown()
        faults: list[str] = []
        for end in ends:
            told = f"{end.prompt!r} ({end.job_id})"
            shown = finals[end.job_id]
            if end.job is not JobState.SUCCEEDED or end.message != MessageState.FINAL:
                faults.append(f"{told} ended {end.job}, {end.message}: {end.detail}")
            if len(shown) != 1:
                faults.append(f"{told} has {len(shown)} last forms")
            faults += [f"{told} shows no picture" for one in shown if not one.pictures]
        # A first form may stand there twice where the platform knows no nonce and whoever
        # posted it died before it heard the answer; never more of them than deaths.
        if others > self.deaths["deliver"]:
            faults.append(f"{others} messages were left as they began")
        return faults

    def _shown(self) -> tuple[Mapping[UUID, list[Message]], int]:
        """Return the messages in their last form by job, and how many are in an earlier one."""
        finals: defaultdict[UUID, list[Message]] = defaultdict(list)
        others = 0
        for played in self.platforms.all.values():
            for message in played.board.of_bot():
                found = [ChatAction.parse(one.id or "") for one in message.buttons]
                jobs = {one.job_id for one in found if one and one.verb in UNDER_RESULTS}
                for job in jobs:
                    finals[job].append(message)
                others += not (jobs or message.private_to or message.pending)
        return finals, others

    def _faults_of_commands(self, ends: Sequence[End]) -> list[str]:
        made = Counter(_WORDS.sub("", end.prompt) for end in ends)
        wanted: Counter[str] = Counter()
        unanswered: Counter[str] = Counter()
        for one in self.asked:
            (unanswered if one.said is None else wanted)[one.prompt] += 1
        return [
            f"{prompt!r}: {made[prompt]} jobs of {wanted[prompt]} answered requests and"
            f" {unanswered[prompt]} others: {self._said(prompt)}"
            for prompt in wanted | unanswered
            if not wanted[prompt] <= made[prompt] <= wanted[prompt] + unanswered[prompt]
        ]

    def _said(self, prompt: str) -> list[str]:
        said = [one.said for one in self.asked if one.prompt == prompt]
        return [f"{one.seconds:.2f} s {one.text} {one.answer.body!r}" for one in said if one]


def test_whatever_dies_every_command_that_was_answered_ends_in_one_last_message(
    settings: Settings, request: pytest.FixtureRequest
) -> None:
    # Printed by pytest, and given again by -p randomly_seed=….
    seed = int(request.config.getoption("randomly_seed", None) or random.getrandbits(32))

    async def play() -> None:
        platforms, port, chance = ChatPlatforms(), free_port(), Random(seed)
        async with (
            platforms.serve(),
            aiohttp.ClientSession() as session,
            system(settings, Painter(chance), variables(platforms, port)) as running,
        ):
            platforms.connect(call_of(f"http://127.0.0.1:{port}", session))
            await running.start(*VICTIMS)
            await running.until("the API listens", lambda: listening(port))
            here = Play(running, platforms, chance)
            havoc = asyncio.create_task(here.havoc())
            await here.ask_all()
            await havoc
            await here.settled()
            faults = await here.judge()
            assert faults == [], "\n".join([f"seed {seed}: {dict(here.deaths)}", *faults])

    asyncio.run(play())
