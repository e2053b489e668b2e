"""Chats: who is bound to which tenant, what was asked, and the message that shows each job."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from schemas.tables.metadata import metadata

_NOW = text("now()")

# Whose jobs are made in a place, or by a user. A row of the user in that place comes first,
# then one of the place, then one of the user anywhere.
chat_binding = Table(
    "chat_binding",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=text("uuidv7()")),
    Column("platform", Text, nullable=False),
    # A guild, a workspace, a chat; empty: the user wherever they are.
    Column("place_id", Text, nullable=False, server_default=text("''")),
    # Empty: everybody in the place.
    Column("user_id", Text, nullable=False, server_default=text("''")),
    Column("tenant_id", BigInteger, ForeignKey("tenant.id"), nullable=False),
    # As schemas.chat_binding.ChatRules.
    Column("rules", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("paused_at", DateTime(timezone=True)),
    Column("paused_reason", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)
Index(
    "uq_chat_binding_platform_place_id_user_id",
    chat_binding.c.platform,
    chat_binding.c.place_id,
    chat_binding.c.user_id,
    unique=True,
)
Index("ix_chat_binding_tenant_id", chat_binding.c.tenant_id)

# One-time codes of /link, by their digest.
chat_link = Table(
    "chat_link",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("place_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    # How many API keys were tried with it: a few wrong ones end it.
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
)
Index("ix_chat_link_expires_at", chat_link.c.expires_at)

# Every request that was heard, once. It commits with the job that it makes.
chat_inbound = Table(
    "chat_inbound",
    metadata,
    Column("platform", Text, primary_key=True),
    Column("dedupe_key", Text, primary_key=True),
    Column("job_id", UUID()),
    # What the request was answered with, for its repetitions; sealed.
    Column("answer", LargeBinary),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)
Index("ix_chat_inbound_received_at", chat_inbound.c.received_at)
# What was answered goes with the job.
Index("ix_chat_inbound_job_id", chat_inbound.c.job_id)

# Which buttons were pressed: an upscale once, the others once at a time by one user.
chat_press = Table(
    "chat_press",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("verb", Text, primary_key=True),
    Column("index", SmallInteger, primary_key=True, autoincrement=False),
    # Empty where it is one for all.
    Column("user_id", Text, primary_key=True),
    Column("next_job_id", UUID(), nullable=False),
    Column("pressed_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)
Index("ix_chat_press_next_job_id", chat_press.c.next_job_id)
Index("ix_chat_press_pressed_at", chat_press.c.pressed_at)

# The message that shows a job. It commits with the job.
chat_message = Table(
    "chat_message",
    metadata,
    Column("id", UUID(), primary_key=True),
    Column("job_id", UUID(), nullable=False),
    Column("tenant_id", BigInteger, nullable=False),
    Column("platform", Text, nullable=False),
    Column("place_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("title", Text, nullable=False, server_default=text("''")),
    # schemas.chat.MessageRef without its token, which is sealed beside it.
    Column("ref", JSONB, nullable=False),
    Column("token", LargeBinary),
    # As schemas.chat.MessageState numbers it.
    Column("state", SmallInteger, nullable=False, server_default=text("1")),
    # Of what the platform has: nothing is sent twice for no change.
    Column("rendered", LargeBinary),
    Column("edited_at", DateTime(timezone=True)),
    # A new message is being posted; whether it was is unknown until this is empty again.
    Column("posting_at", DateTime(timezone=True)),
    # Why it ended in another way than by its last form.
    Column("detail", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("ended_at", DateTime(timezone=True)),
)
Index("uq_chat_message_job_id", chat_message.c.job_id, unique=True)
# What one user may have under way: a message that was deleted may show a job that still runs,
# one that shows the last form does not.
Index(
    "ix_chat_message_open",
    chat_message.c.tenant_id,
    chat_message.c.platform,
    chat_message.c.user_id,
    chat_message.c.id,
    postgresql_where=text("state <> 2"),
)
# Those that nothing may be owed to any more: walked by who keeps house.
Index("ix_chat_message_unended", chat_message.c.id, postgresql_where=text("state = 1"))
# A user's gallery, newest first.
Index(
    "ix_chat_message_user",
    chat_message.c.tenant_id,
    chat_message.c.platform,
    chat_message.c.user_id,
    chat_message.c.id,
)
Index("ix_chat_message_created_at", chat_message.c.created_at)

# One row a bot: whether it may speak.
chat_bot = Table(
    "chat_bot",
    metadata,
    Column("platform", Text, primary_key=True),
    # Of the token that was refused: another token starts anew.
    Column("token_digest", LargeBinary),
    Column("stopped_at", DateTime(timezone=True)),
    Column("stopped_reason", Text),
    # A rate limit of the whole bot.
    Column("paused_until", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)
