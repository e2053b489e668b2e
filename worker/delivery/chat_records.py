"""What is written of a chat message: after each step, and how it ended."""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.chat_bindings import find_binding, pause_binding
from infra.postgres.chat_messages import (
    KeptMessage,
    begin_posting,
    end_message,
    is_open,
    reopen_message,
    save_message,
)
from infra.postgres.engine import single_statements, transaction
from infra.sealing import Sealer
from schemas.chat import MessageRef, MessageState
from schemas.ids import format_id
from worker.delivery.answer import storable

_log: Final = structlog.get_logger()


class ChatRecords:
    """Writes down what came of messages.

    Args:
        engine: Where they are.
        sealer: For the tokens of interactions.
    """

    def __init__(self, engine: AsyncEngine, sealer: Sealer) -> None:
        self._engine = engine
        # One statement needs no BEGIN and COMMIT around it.
        self._single = single_statements(engine)
        self._sealer = sealer

    def ref_of(self, message: KeptMessage) -> MessageRef:
        """Return how a message is reached, its token opened.

        Raises:
            SealedValueError: The key that sealed it is not configured any more.
        """
        return message.opened(self._sealer)

    async def is_open(self, message: KeptMessage) -> bool:
        """Return whether a message may be edited still: it may have been erased just now."""
        async with transaction(self._single) as connection:
            return await is_open(connection, message.id)

    async def begin_posting(self, message: KeptMessage) -> bool:
        """Write down that a new message is about to be posted, unless it has ended: false."""
        async with transaction(self._single) as connection:
            posting = await begin_posting(connection, message.id)
        if posting is not None and posting.before is not None:
            # Whoever posted it died before its answer; a platform that knows nonces makes one.
            _log.warning("chat_posted_again", message_id=str(message.id))
        return posting is not None

    async def save(
        self,
        message: KeptMessage,
        ref: MessageRef,
        digest: bytes | None,
        *,
        last: bool = False,
    ) -> bool:
        """Write down what a step came to, and return whether the message was open still.

        Args:
            message: Of which message.
            ref: How it is reached from now on.
            digest: Of what it shows now; ``None``: what it showed.
            last: That is its last form.
        """
        async with transaction(self._engine if last else self._single) as connection:
            saved = await save_message(
                connection, self._sealer, message.id, ref, rendered=digest
            )
            if last:
                await end_message(connection, message.id, MessageState.FINAL)
        return saved

    async def reopen(self, message: KeptMessage) -> bool:
        """Write down that a last form was covered by an older one, if it has its last form."""
        async with transaction(self._single) as connection:
            return await reopen_message(connection, message.id)

    async def end(
        self, message: KeptMessage, state: MessageState, detail: str | None = None
    ) -> None:
        """Write down that nothing more is sent."""
        async with transaction(self._single) as connection:
            why = None if detail is None else storable(detail)
            await end_message(connection, message.id, state, why)

    async def leave(self, message: KeptMessage, detail: str) -> None:
        """Write down that the bot may not write there any more; its binding is paused."""
        why = storable(detail)
        async with transaction(self._engine) as connection:
            await end_message(connection, message.id, MessageState.GONE, why)
            binding = await find_binding(
                connection, message.platform, message.place_id, message.user_id
            )
            # What holds for a person everywhere is not over for being removed from one place.
            paused = (
                binding is not None
                # Nor is one for blocking the bot in private messages.
                and message.place_id
                and binding.place_id == message.place_id
                and await pause_binding(connection, binding.id, why)
            )
        if paused:
            _log.warning(
                "chat_binding_paused",
                platform=message.platform.value,
                tenant_id=message.tenant_id,
                reason=why,
            )

    async def give_up(self, message: KeptMessage, detail: str) -> None:
        """Write down that no way was left; the result waits in /v1/jobs."""
        await self.end(message, MessageState.UNDELIVERABLE, detail)
        _log.error(
            "chat_result_undeliverable",
            platform=message.platform.value,
            tenant_id=message.tenant_id,
            job_id=format_id("job", message.job_id),
            reason=storable(detail),
        )
