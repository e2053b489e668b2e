"""The door of chats: who comes in, and that everybody is answered in time, whatever hangs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx2
import orjson
from prometheus_client import REGISTRY

from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.api.services import Services
from schemas.ids import format_id
from tests.api.chatting import Chat, chat
from tests.api.people import sql
from tests.api.served import Served, run
from tests.fixtures.chat_platforms import PlayedPlatforms, shows


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
    async def scenario(here: Chat) -> None:
        headers = here.discord.people._signed(b'{"type":2}')
        async with httpx2.AsyncClient(base_url=here.api.url) as discord:
            answer = await discord.post("/chat/discord", content=b'{"type":2}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "chat_request_unreadable")

    chat(settings, chat_platforms, scenario)


def test_without_a_bot_there_is_no_door(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert api.services.chat is None
        for platform in ("discord", "slack", "telegram"):
            answer = await api.http.post(f"/chat/{platform}", content=b"{}")
            assert (answer.status_code, answer.json()["code"]) == (404, "chat_not_configured")
        assert (await api.http.post("/chat/irc", content=b"{}")).status_code == 404

    run(settings, scenario)


async def locked(here: Chat, table: str, until: Awaitable[object]) -> None:
    """Hold a table for as long as this takes: whoever writes there hangs."""
    async with transaction(here.api.services.engine.execution_options(isolation_level="READ COMMITTED")) as held:
        await held.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        await until


def test_a_command_that_takes_too_long_is_deferred_and_finished_once(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        async def play() -> None:
            began = time.monotonic()
            said = await here.say("/imagine a red kite")
            assert time.monotonic() - began < 2
            assert orjson.loads(said.answer.body)["type"] == 5
            again = await here.discord.people.again(said)
            assert orjson.loads(again.answer.body)["type"] == 5

        await locked(here, "chat_inbound", play())
        assert here.api.services.chat is not None
        await here.api.services.chat.close()
        [job] = await here.jobs()
        # Nobody has answered yet: the delivery process brings the message, wherever it is then.
        [message] = await sql(here.api, "SELECT ref, edited_at FROM chat_message")
        assert message.ref["original"]
        assert message.edited_at is None
        [first] = await sql(here.api, "SELECT type, url FROM delivery JOIN outbox o ON o.id = event_id")
        assert first.type == "job.queued"
        assert first.url.startswith("chat-discord://")
        assert format_id("job", job.id)

    chat(settings, chat_platforms, scenario, chat_answer_budget=BUDGET)
