"""What was refused in a chat and is done over after all is shown where it was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.new_ids import new_key
from infra.postgres.chat_messages import KeptMessage, NewMessage, insert_message
from infra.sealing import Sealer
from producer.chat.opening import message_webhook
from schemas.chat import MessageRef


@dataclass(frozen=True, slots=True)
class Reopened:
    """A message of its own for the job that does over what another one was to do.

    Attributes:
        kept: That of the other one, which shows its last form.
        message_id: Of the new one.
    """

    kept: KeptMessage
    message_id: UUID = field(default_factory=new_key)

    @property
    def webhook(self) -> Mapping[str, Any]:
        """Return what the new job's payload keeps: its events go to whoever posts it."""
        return message_webhook(self.kept.platform, self.kept.ref.channel, self.message_id)

    async def write(self, connection: AsyncConnection, sealer: Sealer, job_id: UUID) -> None:
        """Write the message, in the transaction that writes the new job."""
        kept, was = self.kept, self.kept.ref
        # A decision takes hours: what the token of the request reached is closed by then.
        ref = MessageRef(was.channel, thread=was.thread, limit=was.limit)
        message = NewMessage(
            id=self.message_id,
            job_id=job_id,
            tenant_id=kept.tenant_id,
            platform=kept.platform,
            place_id=kept.place_id,
            user_id=kept.user_id,
            command=kept.command,
            title=kept.title,
            ref=ref,
            shown=False,
        )
        await insert_message(connection, sealer, message)
