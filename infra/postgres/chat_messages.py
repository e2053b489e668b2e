"""Messages that show jobs: one a job, written with it, followed by who delivers.

A message whose row is gone belongs to an erased job, or one past retention: nothing is sent.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from infra.sealing import Sealer
from schemas.chat import MessageRef, MessageState, Platform, ref_json, ref_of

COLUMNS: Final = """
m.id, m.job_id, m.tenant_id, m.platform, m.place_id, m.user_id, m.command, m.title, m.ref,
m.token, m.state, m.rendered, m.edited_at, m.posting_at, m.detail, m.created_at, m.ended_at,
EXTRACT(epoch FROM clock_timestamp() - m.edited_at) AS edited_ago
"""

_ADD: Final = HotStatement("""
INSERT INTO chat_message (id, job_id, tenant_id, platform, place_id, user_id, command, title,
  ref, token, state, edited_at, ended_at)
VALUES (:id, :job_id, :tenant_id, :platform, :place_id, :user_id, :command, :title,
  CAST(:ref AS jsonb), :token, :state, CASE WHEN :shown THEN now() END,
  CASE WHEN :ended THEN now() END)
""")
_GET: Final = text(f"SELECT {COLUMNS} FROM chat_message m WHERE m.id = :id")
_OF_JOB: Final = text(f"""
SELECT {COLUMNS} FROM chat_message m WHERE m.job_id = :job_id AND m.tenant_id = :tenant_id
""")
_SAVE: Final = HotStatement("""
UPDATE chat_message SET ref = CAST(:ref AS jsonb), token = :token, posting_at = NULL,
  rendered = COALESCE(:rendered, rendered),
  edited_at = CASE WHEN :shown THEN now() ELSE edited_at END
WHERE id = :id AND state = 1 RETURNING true
""")
_POST: Final = text("""
UPDATE chat_message m SET posting_at = COALESCE(m.posting_at, now())
FROM (SELECT id, posting_at FROM chat_message WHERE id = :id AND state = 1 FOR UPDATE) was
WHERE m.id = was.id RETURNING was.posting_at
""")
_IS_OPEN: Final = text("SELECT true FROM chat_message WHERE id = :id AND state = 1")
_END: Final = text("""
UPDATE chat_message SET state = :state, detail = :detail, ended_at = now(), posting_at = NULL,
  token = CASE WHEN :state = 2 THEN token END
WHERE id = :id AND state = 1 RETURNING true
""")
# Whose content was erased has a detail.
_REOPEN: Final = text("""
UPDATE chat_message SET state = 1, rendered = NULL, ended_at = NULL
WHERE id = :id AND state = 2 AND detail IS NULL RETURNING true
""")


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message as it is kept.

    Attributes:
        ref: Without its token: ``opened`` has it.
        token: Sealed.
        rendered: Digest of what the platform shows; ``None``: not known.
        edited_at: When it last took something; ``None``: it was not posted yet.
        edited_ago: Seconds since then, as it was read.
        posting_at: A new message was being posted then, and nobody knows whether it was.
        detail: Why it ended in another way than by its last form.
    """

    id: UUID
    job_id: UUID
    tenant_id: int
    platform: Platform
    place_id: str
    user_id: str
    command: str
    title: str
    ref: MessageRef
    token: bytes | None = field(repr=False)
    state: MessageState
    created_at: datetime
    rendered: bytes | None = None
    edited_at: datetime | None = None
    edited_ago: float | None = None
    posting_at: datetime | None = None
    detail: str | None = None
    ended_at: datetime | None = None

    def opened(self, sealer: Sealer) -> MessageRef:
        """Return the ref with its token.

        Raises:
            SealedValueError: The key that sealed it is not configured any more.
        """
        if self.token is None:
            return self.ref
        token = sealer.open(self.token, place=_place(self.id)).decode()
        return replace(self.ref, token=token)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be kept, with the job that it shows.

    Attributes:
        ref: With its token.
        shown: The platform shows something of it from now on: the answer is the message.
        ended: It shows the last form already, or was told in private: nothing is sent.
    """

    id: UUID
    job_id: UUID
    tenant_id: int
    platform: Platform
    place_id: str
    user_id: str
    command: str
    title: str
    ref: MessageRef
    shown: bool
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Posting:
    """A new message that is about to be posted.

    Attributes:
        before: When somebody else noted the same, and left no word of what came of it.
    """

    before: datetime | None


async def insert_message(
    connection: AsyncConnection, sealer: Sealer, message: NewMessage
) -> None:
    """Write a message, in the transaction that writes its job."""
    await _ADD.run(connection, values_of_message(sealer, message))


def values_of_message(sealer: Sealer, message: NewMessage) -> dict[str, Any]:
    """Return the columns of a message that is to be written."""
    state = MessageState.FINAL if message.ended else MessageState.OPEN
    return {
        "id": message.id,
        "job_id": message.job_id,
        "tenant_id": message.tenant_id,
        "platform": message.platform.value,
        "place_id": message.place_id,
        "user_id": message.user_id,
        "command": message.command,
        "title": message.title,
        **_of_ref(sealer, message.id, message.ref),
        "state": int(state),
        "shown": message.shown,
        "ended": message.ended,
    }


async def get_message(connection: AsyncConnection, message_id: UUID) -> KeptMessage | None:
    """Return a message, for who delivers; ``None``: it is gone, and nothing is sent."""
    return found_message(await connection.execute(_GET, {"id": message_id}))


async def message_of_job(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> KeptMessage | None:
    """Return the message that shows a tenant's job, if a chat made it."""
    values = {"tenant_id": tenant_id, "job_id": job_id}
    return found_message(await connection.execute(_OF_JOB, values))


async def save_message(
    connection: AsyncConnection,
    sealer: Sealer,
    message_id: UUID,
    ref: MessageRef,
    *,
    rendered: bytes | None = None,
) -> bool:
    """Write down what one step of sending came to; what was being posted is there.

    Args:
        connection: One statement is a transaction of its own, or one is open.
        sealer: For its token.
        message_id: Which message.
        ref: How it is reached from now on.
        rendered: Digest of what it shows now; ``None``: it shows what it did.

    Returns:
        Whether it is open still: after an erasure, nothing more is sent.
    """
    values = {
        "id": message_id,
        **_of_ref(sealer, message_id, ref),
        "rendered": rendered,
        "shown": rendered is not None,
    }
    return bool(await _SAVE.run(connection, values))


async def begin_posting(connection: AsyncConnection, message_id: UUID) -> Posting | None:
    """Note that a new message is about to be posted, durable before it is.

    Returns:
        Who else did; ``None``: the message has ended, and nothing is to be posted.
    """
    row = (await connection.execute(_POST, {"id": message_id})).one_or_none()
    return None if row is None else Posting(row.posting_at)


async def is_open(connection: AsyncConnection, message_id: UUID) -> bool:
    """Return whether a message is there and has not ended."""
    return (await connection.execute(_IS_OPEN, {"id": message_id})).one_or_none() is not None


async def end_message(
    connection: AsyncConnection,
    message_id: UUID,
    state: MessageState,
    detail: str | None = None,
) -> bool:
    """End a message that is open; its token is dropped where nothing can be sent any more.

    Args:
        connection: One statement is a transaction of its own, or one is open.
        message_id: Which message.
        state: Any but ``OPEN``.
        detail: Why, if that is not for having its last form.

    Returns:
        Whether it was open.
    """
    values = {"id": message_id, "state": int(state), "detail": detail}
    return (await connection.execute(_END, values)).one_or_none() is not None


async def reopen_message(connection: AsyncConnection, message_id: UUID) -> bool:
    """Let a message take its last form once more: an older one arrived after it.

    Returns:
        Whether it had its last form; not if it ended in another way.
    """
    return (await connection.execute(_REOPEN, {"id": message_id})).one_or_none() is not None


def found_message(rows: Any) -> KeptMessage | None:
    """Return the message of a result of ``COLUMNS`` that has one row, or none."""
    row = rows.one_or_none()
    return None if row is None else message_of_row(row)


def message_of_row(row: Row[Any]) -> KeptMessage:
    """Return the message in a row that has ``COLUMNS``."""
    return KeptMessage(
        id=row.id,
        job_id=row.job_id,
        tenant_id=row.tenant_id,
        platform=Platform(row.platform),
        place_id=row.place_id,
        user_id=row.user_id,
        command=row.command,
        title=row.title,
        ref=ref_of(row.ref, None),
        token=None if row.token is None else bytes(row.token),
        state=MessageState(row.state),
        created_at=row.created_at,
        rendered=None if row.rendered is None else bytes(row.rendered),
        edited_at=row.edited_at,
        edited_ago=None if row.edited_ago is None else float(row.edited_ago),
        posting_at=row.posting_at,
        detail=row.detail,
        ended_at=row.ended_at,
    )


def _of_ref(sealer: Sealer, message_id: UUID, ref: MessageRef) -> dict[str, Any]:
    token = ref.token
    sealed = None if token is None else sealer.seal(token.encode(), place=_place(message_id))
    return {"ref": orjson.dumps(ref_json(ref)).decode(), "token": sealed}


def _place(message_id: UUID) -> str:
    return f"chat:{message_id}:token"
