"""What all people do alike: they ask, wait for the answer, and see how long it took."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from infra.clock import Clock
from infra.simulator.chat.calling import Call
from infra.simulator.chat.ledger import Ledger
from infra.simulator.chat.messages import Message
from infra.simulator.chat.wire import Answer

ANSWER_SECONDS: Final = 3.0
_OK: Final = 200


@dataclass(slots=True)
class Said:
    """Something that a person asked, and what came of it.

    Attributes:
        path: Of the bot's server.
        headers: As they were sent.
        body: As it was sent.
        answers: One for each time that it was sent.
        seconds: Until the first answer.
        message: What the answer itself put up or changed; not what is posted later.
        token: Of the interaction: Discord's token, Slack's response_url, Telegram's callback.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    answers: list[Answer] = field(default_factory=list[Answer])
    seconds: float = 0.0
    message: Message | None = None
    token: str = field(default="", repr=False)

    @property
    def answer(self) -> Answer:
        """The first answer."""
        return self.answers[0]

    @property
    def private(self) -> bool:
        """Only who asked sees the answer."""
        return self.message is not None and self.message.private_to is not None

    @property
    def text(self) -> str:
        """What the answer's message says now; empty: there is none."""
        return self.message.text if self.message else ""


class NobodyListensError(RuntimeError):
    """Nothing is connected to the platform: there is nobody to call."""


class Messenger:
    """Carries what people ask to the bot's server.

    Attributes:
        call: Where it goes; ``None``: nowhere yet.
    """

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self._clock: Final = clock
        self._ledger: Final = ledger
        self.call: Call | None = None

    async def send(self, said: Said, *, times: int = 1, within: float | None = None) -> Said:
        """Send it so often at the same time, and keep the answers; the first is the first.

        Args:
            said: What.
            times: More than one: as a platform that got no answer, but all at once.
            within: Seconds in which the answer must be there.

        Raises:
            NobodyListensError: Nothing is connected.
        """
        call = self.call
        if call is None:
            raise NobodyListensError("connect the platform to a server first")
        begun = self._clock.monotonic()

        async def once() -> Answer:
            answer = await call(said.path, said.headers, said.body)
            if not said.answers:
                said.seconds = self._clock.monotonic() - begun
            said.answers.append(answer)
            return answer

        await asyncio.gather(*(once() for _ in range(times)))
        for answer in said.answers:
            if answer.status != _OK:
                self._ledger.accuse(f"POST {said.path} was answered with {answer.status}")
        if within is not None and said.seconds > within:
            self._ledger.accuse(f"POST {said.path} was answered after {said.seconds:.2f} s")
        return said
