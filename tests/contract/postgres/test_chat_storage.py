"""What chats keep: who is bound to what, codes that work once, messages and their ends."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.new_ids import new_key
from infra.postgres import chat_bindings as bindings
from infra.postgres import chat_bots as bots
from infra.postgres import chat_house as house
from infra.postgres import chat_links as links
from infra.postgres import chat_messages as messages
from infra.postgres.chat_erasure import forget_chats_of
from infra.postgres.engine import create_engine
from infra.postgres.tenants import ensure_tenant
from infra.sealing import sealer_for
from infra.settings import Settings
from producer.dispatcher.chat_house import keep_chat_house
from schemas.chat import MessageRef, MessageState, Place, Platform
from schemas.chat_binding import ChatBinding, ChatRules
from schemas.lanes import Lane

D, S = Platform.DISCORD, Platform.SLACK
LIFE = timedelta(minutes=15)


# A request an hour, a code an hour, a button and a message a day; one job of those still waits.
OLD = """
INSERT INTO chat_inbound (platform, dedupe_key, received_at)
  SELECT 'discord', n, now() - interval '1 hour' * n FROM generate_series(47, 1100) n;
INSERT INTO chat_link (digest, platform, place_id, user_id, expires_at)
  SELECT decode(lpad(n::text, 4, '0'), 'hex'), 'discord', '', '7',
    now() - interval '1 hour' * n FROM generate_series(47, 50) n;
INSERT INTO chat_press (job_id, verb, index, user_id, next_job_id, pressed_at)
  SELECT uuidv7(), 'u', 1, '', uuidv7(), now() - interval '1 day' * n
  FROM generate_series(29, 31) n;
INSERT INTO chat_message (id, job_id, tenant_id, platform, place_id, user_id, command, ref,
    created_at)
  SELECT uuidv7(), uuidv7(), 1, 'discord', '', '7', 'ask', '{}',
    now() - interval '1 day' * n FROM generate_series(29, 32) n;
INSERT INTO live (job_id, lane, tenant_id, state, priority)
  SELECT job_id, 2, 1, 2, 5 FROM chat_message ORDER BY created_at LIMIT 1
"""


def play(settings: Settings, scene: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    async def run() -> None:
        engine = create_engine(settings, process="test")
        async with engine.begin() as connection:
            await scene(connection)
        await engine.dispose()

    asyncio.run(run())


async def tenant(connection: AsyncConnection, name: str = "acme") -> int:
    made = await ensure_tenant(connection, name, max_inflight=1, webhook_secret="whsec_MfKQ")
    return made.id


async def bind(connection: AsyncConnection, to: int, **who: Any) -> ChatBinding:
    fields: dict[str, Any] = {
        "platform": D, "place_id": "", "user_id": "", "tenant_id": to, "rules": ChatRules()
    }  # fmt: skip
    return await bindings.put_binding(connection, **(fields | who))


def new(message_id: UUID | None = None, **more: Any) -> messages.NewMessage:
    fields: dict[str, Any] = {
        "id": message_id or new_key(), "job_id": new_key(), "tenant_id": 1, "platform": D,
        "place_id": "g1", "user_id": "7", "command": "imagine", "title": "",
        "ref": MessageRef("c1", token="a-token"), "shown": False,
    }  # fmt: skip
    return messages.NewMessage(**(fields | more))


def test_the_person_in_a_place_comes_first_then_the_place_then_the_person(
    settings: Settings,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        to = await tenant(connection)
        anywhere = await bind(connection, to, user_id="7")
        whole_place = await bind(connection, to, place_id="g1")
        in_place = await bind(connection, to, place_id="g1", user_id="7")
        expected = [
            (("g1", "7"), in_place),
            (("g1", "8"), whole_place),
            (("g2", "7"), anywhere),
            (("", "7"), anywhere),
            (("g2", "8"), None),
            (("", "8"), None),
            (("", ""), None),
        ]

        for (place, user), binding in expected:
            assert await bindings.find_binding(connection, D, place, user) == binding
        assert await bindings.find_binding(connection, S, "g1", "7") is None

    play(settings, scene)


def test_a_binding_is_put_paused_resumed_listed_and_deleted(settings: Settings) -> None:
    async def scene(connection: AsyncConnection) -> None:
        acme, other = await tenant(connection), await tenant(connection, "other")
        rules = ChatRules(lanes=(Lane.FAST,), models={"ask": "small"}, max_jobs=3)
        first = await bind(connection, acme, place_id="g1")
        assert await bindings.pause_binding(connection, first.id, "the bot was removed")
        assert not await bindings.pause_binding(connection, first.id, "again")
        paused = await bindings.get_binding(connection, first.id)
        assert paused
        assert (paused.paused_reason, paused.rules) == ("the bot was removed", ChatRules())

        again = await bind(connection, other, place_id="g1", rules=rules)
        assert (again.id, again.tenant, again.rules) == (first.id, "other", rules)
        assert again.paused_at is None
        assert not await bindings.resume_binding(connection, first.id)

        second = await bind(connection, acme, place_id="g2")
        listed = await bindings.list_bindings(connection, limit=5)
        assert [one.id for one in listed] == [second.id, first.id]
        assert await bindings.list_bindings(connection, limit=5, tenant_id=acme) == [second]
        assert await bindings.list_bindings(connection, limit=5, platform=S) == []
        assert await bindings.list_bindings(connection, limit=5, before=second.id) == [again]

        assert await bindings.delete_binding(connection, first.id)
        assert not await bindings.delete_binding(connection, first.id)

    play(settings, scene)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lane": ["fast"]},
        {"lanes": []},
        {"lanes": ["slow"]},
        {"max_jobs": 0},
        {"press_by": "x"},
    ],
)
def test_rules_that_nobody_knows_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChatRules.model_validate(wrong)


def test_a_bot_serves_where_its_rules_say_and_a_thread_is_served_as_its_channel() -> None:
    only, no = ChatRules(channels=("c1",)), ChatRules(channels_denied=("c2",))
    thread = Place("g1", "t9", thread="c1")

    assert [only.serves(Place("g1", c)) for c in ("c1", "c2")] == [True, False]
    assert [no.serves(Place("g1", c)) for c in ("c1", "c2")] == [True, False]
    assert only.serves(thread)
    assert only.serves(Place("g1", "t9", parent="c1"))
    assert not no.serves(Place("g1", "t9", parent="c2"))
    assert ChatRules().serves(thread)


def test_a_code_works_once_and_not_after_its_time_or_five_wrong_keys(
    settings: Settings,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        async def make(digest: bytes, life: timedelta = LIFE) -> None:
            await links.make_link(
                connection, digest, platform=S, place_id="T1", user_id="U7", life=life
            )

        await make(b"a")
        found = await links.read_link(connection, b"a")
        assert found
        assert (found.platform, found.place_id, found.user_id) == (S, "T1", "U7")
        assert await links.take_link(connection, b"a") == found
        assert await links.take_link(connection, b"a") is None
        assert await links.read_link(connection, b"a") is None

        await make(b"b", -LIFE)
        assert await links.take_link(connection, b"b") is None

        await make(b"c")
        tries = [await links.count_try(connection, b"c") for _ in range(6)]
        assert [one is not None for one in tries] == [True] * 5 + [False]
        assert await links.read_link(connection, b"c") is None

    play(settings, scene)


def test_a_token_that_is_refused_stops_its_bot_once_and_another_token_starts_anew(
    settings: Settings,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        assert await bots.stop_bot(connection, D, b"first", "401")
        assert not await bots.stop_bot(connection, D, b"first", "401")
        stopped = (await bots.chat_bots(connection))[D]
        assert (stopped.stopped(b"first"), stopped.stopped(b"second")) == (True, False)
        assert await bots.stop_bot(connection, D, b"second", "401")

        assert await bots.resume_bot(connection, D)
        assert not await bots.resume_bot(connection, D)
        long = await bots.pause_bot(connection, D, 60)
        assert await bots.pause_bot(connection, D, 1) == long

    play(settings, scene)


def test_a_message_keeps_what_was_sent(settings: Settings) -> None:
    async def scene(connection: AsyncConnection) -> None:
        sealer, one = sealer_for(settings), new()
        await messages.insert_message(connection, sealer, one)
        kept = await messages.get_message(connection, one.id)
        assert kept
        assert (kept.opened(sealer), kept.edited_at) == (one.ref, None)

        assert await messages.begin_posting(connection, one.id) == messages.Posting(None)
        unknown = await messages.begin_posting(connection, one.id)
        assert unknown
        assert unknown.before is not None
        posted = MessageRef("c1", message="m9", token="a-token")
        assert await messages.save_message(connection, sealer, one.id, posted, rendered=b"x")
        kept = await messages.get_message(connection, one.id)
        assert kept
        assert (kept.opened(sealer), kept.rendered, kept.posting_at) == (posted, b"x", None)
        assert kept.edited_at is not None
        assert await messages.save_message(connection, sealer, one.id, posted)
        assert not await messages.save_message(connection, sealer, new_key(), posted)

    play(settings, scene)


def test_a_message_ends_once_and_its_token_goes(settings: Settings) -> None:
    async def scene(connection: AsyncConnection) -> None:
        one, gone = new(), MessageState.GONE
        await messages.insert_message(connection, sealer_for(settings), one)
        assert await messages.end_message(connection, one.id, gone, "deleted by a user")
        assert not await messages.end_message(connection, one.id, MessageState.FINAL)
        kept = await messages.message_of_job(connection, one.tenant_id, one.job_id)
        assert kept
        assert (kept.state, kept.detail, kept.token) == (gone, "deleted by a user", None)
        assert await messages.message_of_job(connection, 2, one.job_id) is None

    play(settings, scene)


def test_what_nobody_needs_any_more_is_forgotten_in_pieces(settings: Settings) -> None:
    async def run() -> dict[str, int]:
        engine = create_engine(settings, process="test")
        async with engine.begin() as connection:
            for statement in OLD.split(";"):
                await connection.execute(text(statement))
        await keep_chat_house(engine, timedelta(days=30))
        left: dict[str, int] = {}
        async with engine.begin() as connection:
            for table in ("chat_inbound", "chat_link", "chat_press", "chat_message"):
                found = await connection.execute(text(f"SELECT count(*) FROM {table}"))
                left[table] = found.scalar_one()
        await engine.dispose()
        return left

    assert house.LARGEST_PIECE < 1054
    assert asyncio.run(run()) == {
        "chat_inbound": 1, "chat_link": 1, "chat_press": 1, "chat_message": 2
    }  # fmt: skip


def test_nothing_is_written_of_a_message_that_has_ended_and_none_is_posted(
    settings: Settings,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        one, sealer = new(), sealer_for(settings)
        await messages.insert_message(connection, sealer, one)
        assert await messages.is_open(connection, one.id)
        await forget_chats_of(connection, [one.job_id], results=True, person=False)

        assert not await messages.is_open(connection, one.id)
        assert await messages.begin_posting(connection, one.id) is None
        assert not await messages.save_message(connection, sealer, one.id, one.ref)
        kept = await messages.get_message(connection, one.id)
        assert kept
        assert (kept.token, kept.posting_at) == (None, None)

    play(settings, scene)
