"""The door of chats: who comes in, and that everybody is answered in time, whatever hangs."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import httpx2
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import REGISTRY
from pydantic import SecretStr
from structlog.testing import capture_logs

from infra.postgres.engine import transaction, whole_transactions
from infra.settings import Settings
from infra.simulator.chat.acting import Said
from schemas.chat import Verb
from tests.api.chatting import Chat, button, chat
from tests.api.people import sql
from tests.api.served import Served, run
from tests.fixtures.chat_platforms import PlayedPlatforms

SOON: Final = timedelta(milliseconds=100)
DEFERRED: Final = 5
ACKNOWLEDGED: Final = 6


def requests(outcome: str) -> float:
    labels = {"platform": "discord", "outcome": outcome}
    return REGISTRY.get_sample_value("genq_chat_requests_total", labels) or 0.0


def test_only_the_platform_comes_in(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        people = here.discord.people
        pong = await people.ping()
        assert (pong.status, orjson.loads(pong.body)) == (200, {"type": 1})
        assert pong.headers["content-type"] == "application/json"
        before = requests("chat_signature_invalid")
        refused = await people.ping(forged=True)
        assert refused.status == 401
        assert orjson.loads(refused.body)["code"] == "chat_signature_invalid"
        assert requests("chat_signature_invalid") == before + 1
        async with httpx2.AsyncClient(base_url=here.api.url) as stranger:
            bare = await stranger.post("/chat/discord", content=b"{}")
            assert bare.status_code == 401
            large = await stranger.post("/chat/discord", content=b"x" * 1_048_577)
            assert large.status_code == 413
            # There is no such bot here.
            slack = await stranger.post("/chat/slack", content=b"{}")
            assert (slack.status_code, slack.json()["code"]) == (404, "chat_not_configured")

    chat(settings, chat_platforms, scenario)


def test_what_is_signed_and_unreadable_is_refused_as_such(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    key = Ed25519PrivateKey.generate()

    async def scenario(here: Chat) -> None:
        body = b'{"type":2}'
        stamp = str(int(here.platforms.clock.now().timestamp()))
        headers = {
            "X-Signature-Ed25519": key.sign(stamp.encode() + body).hex(),
            "X-Signature-Timestamp": stamp,
        }
        async with httpx2.AsyncClient(base_url=here.api.url) as discord:
            answer = await discord.post("/chat/discord", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "chat_request_unreadable")

    public = key.public_key().public_bytes_raw().hex()
    chat(settings, chat_platforms, scenario, discord_public_key=public)


def test_without_a_bot_there_is_no_door(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert api.services.chat is None
        for platform in ("discord", "slack", "telegram"):
            answer = await api.http.post(f"/chat/{platform}", content=b"{}")
            assert (answer.status_code, answer.json()["code"]) == (404, "chat_not_configured")
        assert (await api.http.post("/chat/irc", content=b"{}")).status_code == 404

    run(settings, scenario)


@asynccontextmanager
async def locked(here: Chat, table: str) -> AsyncGenerator[None]:
    """Hold a table while the block runs: whoever needs it hangs."""
    async with transaction(whole_transactions(here.api.services.engine)) as connection:
        await connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


async def settled(here: Chat) -> None:
    """Wait for what was answered before it was done."""
    assert here.api.services.chat is not None
    await here.api.services.chat.close()


def kind_of(said: Said) -> int:
    return orjson.loads(said.answer.body)["type"]


def test_a_command_that_takes_too_long_is_deferred_and_its_job_is_made_once(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        before = requests("deferred")
        async with locked(here, "chat_inbound"):
            said = await here.say("/imagine a red kite")
            assert kind_of(said) == DEFERRED
            again = await here.discord.people.again(said)
            assert kind_of(again) == DEFERRED
            assert requests("deferred") == before + 2
        await settled(here)
        assert len(await here.jobs()) == 1
        # Its message is where the deferred answer stands; the delivery process brings it.
        [message] = await sql(here.api, "SELECT ref, edited_at FROM chat_message")
        assert message.ref["original"]
        assert message.edited_at is None
        [event] = await sql(
            here.api,
            "SELECT o.type, d.url FROM delivery d JOIN outbox o ON o.id = d.event_id",
        )
        assert event.type == "job.queued"
        assert event.url.startswith("chat-discord://")
        # A repetition that comes now hears the same.
        late = await here.discord.people.again(said)
        assert kind_of(late) == DEFERRED
        assert len(await here.jobs()) == 1

    chat(settings, chat_platforms, scenario, chat_answer_budget=SOON)


def test_whoever_still_waits_when_the_server_stops_is_told_to_ask_again(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        async with locked(here, "chat_binding"):
            said = await here.say("/imagine a red kite")
            listed = await here.say("/queue")
            assert {kind_of(said), kind_of(listed)} == {DEFERRED}
            assert here.api.services.chat is not None
            await here.api.services.chat.close(patience=0)
            told = [one.text for one in here.discord.board.of_bot() if one.private_to]
            assert len([text for text in told if "Try again in a few seconds" in text]) == 2
            assert not any(one.pending for one in here.discord.board.of_bot())
        assert await here.jobs() == []

    chat(settings, chat_platforms, scenario, chat_answer_budget=SOON)


def test_a_refusal_that_comes_late_is_told_in_private_once(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        async with locked(here, "chat_binding"):
            said = await here.say("/imagine a red kite --sede 7")
            assert kind_of(said) == DEFERRED
            private = await here.say("/info")
            assert kind_of(private) == DEFERRED
            assert private.private
        await settled(here)
        told = [one for one in here.discord.board.of_bot() if one.private_to]
        assert any("did you mean" in one.text for one in told)
        assert [one.text for one in told if "Speed" in one.text] == [private.text]
        assert said.message is not None
        assert "sede" not in said.text
        assert not said.message.pending
        assert await here.jobs() == []

    chat(settings, chat_platforms, scenario, chat_answer_budget=SOON)


def test_a_press_that_takes_too_long_is_acknowledged_and_marked_later(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        said = await here.say("/imagine a red kite")
        await settled(here)
        parent = await here.done()
        async with locked(here, "chat_press"):
            pressed = await here.press_id(said, button(Verb.UPSCALE, 1, parent))
            assert kind_of(pressed) == ACKNOWLEDGED
        await settled(here)
        assert len(await here.jobs()) == 2
        assert said.message is not None
        assert said.message.button("U1").style == "primary"

    chat(settings, chat_platforms, scenario, chat_answer_budget=5 * SOON)


def test_a_fault_of_ours_is_told_and_logged_and_never_an_error_of_http(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        await here.sql("ALTER TABLE chat_binding RENAME TO chat_bindings_gone")
        try:
            with capture_logs() as logged:
                told = await here.told("/queue")
        finally:
            await here.sql("ALTER TABLE chat_bindings_gone RENAME TO chat_binding")
        assert "our fault" in told
        [line] = [one for one in logged if one["event"] == "chat_request_failed"]
        assert line["error_id"] in told

    chat(settings, chat_platforms, scenario)


def test_while_postgresql_refuses_everybody_is_told_to_try_again_at_once(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        began = time.monotonic()
        assert "Try again in a few seconds" in await here.told("/imagine a red kite")
        assert "Try again in a few seconds" in await here.told("/queue")
        assert time.monotonic() - began < 2
        # What needs no server is there all the same.
        assert "/imagine" in await here.told("/help")

    away = {"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none")}
    chat(settings, chat_platforms, scenario, key="gq_none", **away)
