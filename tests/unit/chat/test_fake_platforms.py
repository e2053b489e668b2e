"""The fake Discord refuses what Discord refuses, by its number, and keeps what it keeps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from infra.chat.adapter import ChatCall, ChatHttpAnswer, FilePart
from infra.simulator.chat.discord_rates import Rate
from infra.simulator.chat.discord_world import APPLICATION
from infra.simulator.chat.wire import Answer
from tests.fixtures.chat_platforms import (
    CHANNEL,
    USER,
    PlatformHttp,
    PlayedPlatforms,
    answering,
)

BUTTON = {"type": 2, "style": 1, "label": "U1", "custom_id": "g1:u:1:x"}
ROW = {"type": 1, "components": [BUTTON]}
GRID = FilePart("files[0]", "grid.png", "image/png", b"\x89PNG of a grid")
LISTED = {"attachments": [{"id": "0", "filename": "grid.png"}]}
SHOWN = {"type": 4, "data": {"content": "**a kite** (Waiting to start)"}}
BOT = {"Authorization": "Bot fake-discord-bot-token"}
MESSAGES = f"/channels/{CHANNEL}/messages"


class Played:
    """A fake Discord with one interaction, which is answered."""

    def __init__(self, answer: object = SHOWN) -> None:
        self.platforms = PlayedPlatforms()
        self.discord = self.platforms.discord
        self.http = PlatformHttp(self.platforms)
        self.reply = answer
        self.token = ""
        self.platforms.connect(self._call)

    async def _call(self, path: str, headers: Any, body: bytes) -> Answer:
        return answering(self.reply)

    async def begin(self) -> "Played":
        said = await self.discord.people.say("/imagine a kite")
        self.token = said.token
        return self

    @property
    def original(self) -> str:
        return f"/webhooks/{APPLICATION}/{self.token}/messages/@original"

    @property
    def wrong(self) -> list[str]:
        return self.platforms.ledger.violations

    async def ask(
        self, method: str, path: str, body: Any = None, *files: FilePart, **more: Any
    ) -> ChatHttpAnswer:
        url = f"{self.platforms.url}/discord/api/v10{path}"
        headers = BOT if path.startswith(("/channels", "/users")) else {}
        call = ChatCall(
            method, url, "x", body=body, files=files, headers=more.get("headers", headers)
        )
        return await self.http.send(call)

    async def refused(self, *asked: Any) -> tuple[int, int]:
        answer = await self.ask(*asked)
        return answer.status, Answer(answer.status, answer.body).json["code"]


def played(scenario: Callable[[Played], Awaitable[None]], answer: object = SHOWN) -> Played:
    async def play() -> Played:
        discord = await Played(answer).begin()
        await scenario(discord)
        return discord

    return asyncio.run(play())


def rows(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"components": [{"type": 1, "components": list(buttons)}]}


@pytest.mark.parametrize(
    ("body", "files"),
    [
        ({"contentt": "x"}, ()),
        ({"content": "x" * 2001}, ()),
        ({"content": "🪁" * 1001}, ()),
        ({"content": "a\0b"}, ()),
        (rows(*[{**BUTTON, "custom_id": f"{n}"} for n in range(6)]), ()),
        (rows(BUTTON, BUTTON), ()),
        (rows({**BUTTON, "custom_id": "x" * 101}), ()),
        (rows({**BUTTON, "label": "x" * 81}), ()),
        (rows({**BUTTON, "style": 9}), ()),
        (rows({"type": 2, "style": 1, "label": "no id"}), ()),
        (rows({"type": 2, "style": 5, "label": "no url"}), ()),
        (rows({"type": 2, "style": 1, "custom_id": "no label"}), ()),
        ({"components": [ROW] * 6}, ()),
        ({"attachments": [{"id": 0}]}, (GRID,)),
        ({"attachments": [{"id": "1"}]}, (GRID,)),
        ({"attachments": []}, (GRID,)),
        ({"content": "x"}, (GRID,)),
        ({"content": "x", "flags": 64}, ()),
        ({"embeds": [{"description": "x" * 4096}, {"description": "x" * 1905}]}, ()),
        ({"allowed_mentions": {"parse": ["users"], "users": ["1"]}}, ()),
    ],
)
def test_a_body_that_discord_would_not_take_is_50035(body: Any, files: Any) -> None:
    async def scenario(discord: Played) -> None:
        assert await discord.refused("PATCH", discord.original, body, *files) == (400, 50035)

    wrong = played(scenario).wrong
    assert len(wrong) == 1
    assert "50035" in wrong[0]


def test_a_whole_result_passes_and_is_kept_as_discord_shows_it() -> None:
    async def scenario(discord: Played) -> None:
        body: dict[str, Any] = {
            "content": "**a kite** <@80351110224678912> @everyone",
            "components": [ROW],
        }
        body |= {"allowed_mentions": {"parse": [], "users": [USER]}}
        body |= {"attachments": [{"id": "0", "description": "four kites"}]}
        answer = await discord.ask("PATCH", discord.original, body, GRID)
        (message,) = discord.discord.board.of_bot()
        assert answer.status == 200
        assert (message.edits, message.labels, message.pings) == (1, ["U1"], (USER,))
        (picture,) = message.pictures
        assert (picture.data, picture.alt) == (GRID.data, "four kites")
        await discord.ask("PATCH", discord.original, {"content": "smaller"})
        assert (message.pictures, message.labels) == ((picture,), ["U1"])
        await discord.ask("PATCH", discord.original, {"attachments": []})
        assert message.pictures == ()
        assert [form.text for form in message.forms][-1] == "smaller"

    assert played(scenario).wrong == []


def test_a_token_serves_after_the_answer_and_for_fifteen_minutes() -> None:
    async def scenario(discord: Played) -> None:
        discord.platforms.move(minutes=14, seconds=59)
        assert (await discord.ask("PATCH", discord.original, {"content": "x"})).status == 200
        discord.platforms.move(seconds=2)
        late = await discord.refused("PATCH", discord.original, {"content": "x"})
        assert late == (401, 50027)
        discord.token = "made-up"
        nobody = await discord.refused("PATCH", discord.original, {"content": "x"})
        assert nobody == (404, 10015)

    assert len(played(scenario).wrong) == 2


def test_before_the_answer_is_taken_a_token_is_unknown_and_that_is_nobodys_fault() -> None:
    async def scenario() -> None:
        discord = Played()
        seen: list[tuple[int, int]] = []

        async def call(path: str, headers: Any, body: bytes) -> Answer:
            (held,) = discord.discord.world.interactions.values()
            discord.token = held.token
            seen.append(await discord.refused("PATCH", discord.original, {"content": "x"}))
            return answering(SHOWN)

        discord.platforms.connect(call)
        await discord.begin()
        assert (seen, discord.wrong) == ([(404, 10015)], [])

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        {"type": 99},
        {"type": 7, "data": {"content": "an update of nothing"}},
        {"type": 4, "data": {}},
        {"type": 4, "data": {"content": "x", "flagss": 64}},
        {"type": 5, "data": {"content": "thinking"}},
    ],
)
def test_an_answer_that_discord_would_not_take_leaves_the_command_unanswered(
    answer: object,
) -> None:
    async def scenario(discord: Played) -> None:
        assert discord.discord.board.of_bot() == []
        assert (await discord.refused("PATCH", discord.original, {"content": "x"}))[1] == 10015

    assert len(played(scenario, answer).wrong) == 1


def test_an_interaction_is_answered_once() -> None:
    async def scenario(discord: Played) -> None:
        (held,) = discord.discord.world.interactions.values()
        path = f"/interactions/{held.id}/{held.token}/callback"
        assert await discord.refused("POST", path, SHOWN) == (400, 40060)

    assert len(played(scenario).wrong) == 1


def test_who_sees_a_message_is_decided_by_the_first_answer() -> None:
    async def scenario(discord: Played) -> None:
        (message,) = discord.discord.board.of_bot()
        assert (message.pending, message.private_to) == (True, USER)
        assert (await discord.ask("PATCH", discord.original, {"content": "x"})).status == 200
        assert (message.pending, message.private_to, message.edits) == (False, USER, 0)
        path = f"{MESSAGES}/{message.id}"
        assert await discord.refused("PATCH", path, {"content": "x"}) == (404, 10008)

    played(scenario, {"type": 5, "data": {"flags": 64}})


def test_a_press_updates_its_message_or_makes_another() -> None:
    async def scenario(discord: Played) -> None:
        (message,) = discord.discord.board.of_bot()
        discord.reply = {"type": 7, "data": {"components": [ROW]}}
        pressed = await discord.discord.people.press(message, "g1:forged", forged=True)
        discord.token = pressed.token
        assert (message.labels, message.edits) == (["U1"], 1)
        discord.reply = {"type": 6}
        await discord.discord.people.press(message, "U1", user="7")
        path = f"/webhooks/{APPLICATION}/{pressed.token}?wait=true"
        answer = await discord.ask("POST", path, {"content": "new", "flags": 64})
        made = Answer(200, answer.body).json["id"]
        assert discord.discord.board.messages[CHANNEL, made].private_to == USER
        with pytest.raises(LookupError, match="no button"):
            await discord.discord.people.press(message, "U9")

    assert played(scenario).wrong == []


def test_a_deleted_message_a_lost_channel_and_a_revoked_token_have_their_numbers() -> None:
    async def scenario(discord: Played) -> None:
        fake, body = discord.discord, {"content": "x"}
        (message,) = fake.board.of_bot()
        path = f"{MESSAGES}/{message.id}"
        assert (await discord.ask("PATCH", path, body)).status == 200
        fake.delete(message)
        assert await discord.refused("PATCH", discord.original, body) == (404, 10008)
        assert await discord.refused("PATCH", path, body) == (404, 10008)
        fake.remove_bot(CHANNEL, seen=True)
        assert await discord.refused("POST", MESSAGES, body) == (403, 50013)
        fake.remove_bot(CHANNEL)
        assert await discord.refused("POST", MESSAGES, body) == (403, 50001)
        dm = await discord.ask("POST", "/users/@me/channels", {"recipient_id": USER})
        direct = f"/channels/{Answer(200, dm.body).json['id']}/messages"
        assert (await discord.ask("POST", direct, body)).status == 200
        fake.world.person(USER).reachable = False
        assert await discord.refused("POST", direct, body) == (403, 50007)
        fake.revoke_token()
        assert await discord.refused("POST", MESSAGES, body) == (401, 0)
        assert len(fake.rates.invalid) == 4

    assert played(scenario).wrong == []


def test_a_nonce_makes_a_message_once_and_a_reply_needs_its_message() -> None:
    async def scenario(discord: Played) -> None:
        body = {"content": "x", "nonce": "n1", "enforce_nonce": True}
        first = await discord.ask("POST", MESSAGES, body)
        second = await discord.ask("POST", MESSAGES, body)
        assert Answer(200, first.body).json["id"] == Answer(200, second.body).json["id"]
        reply = {"content": "x", "message_reference": {"message_id": "9"}}
        assert await discord.refused("POST", MESSAGES, reply) == (400, 50035)
        assert await discord.refused("POST", MESSAGES, {"tts": False}) == (400, 50006)

    played(scenario)


def test_a_file_over_the_limit_is_40005() -> None:
    async def scenario(discord: Played) -> None:
        discord.discord.world.file_limit = 8
        assert (await discord.refused("PATCH", discord.original, LISTED, GRID)) == (413, 40005)

    played(scenario)


def test_buckets_tell_what_is_left_and_refuse_with_the_time_to_wait() -> None:
    async def scenario(discord: Played) -> None:
        left: list[str] = []
        for _ in range(5):
            over = await discord.ask("POST", MESSAGES, {"content": "x"})
            left.append(over.headers["x-ratelimit-remaining"])
        assert left == ["4", "3", "2", "1", "0"]
        over = await discord.ask("POST", MESSAGES, {"content": "x"})
        told = Answer(429, over.body).json
        assert (over.status, told["global"]) == (429, False)
        assert 4 < told["retry_after"] <= 5
        assert (await discord.ask("PATCH", discord.original, {"content": "x"})).status == 200
        discord.platforms.move(seconds=told["retry_after"])
        assert (await discord.ask("POST", MESSAGES, {"content": "x"})).status == 200
        discord.discord.rates.bot = Rate(1, 1.0)
        discord.platforms.move(seconds=6)
        await discord.ask("POST", MESSAGES, {"content": "x"})
        whole = await discord.ask("POST", MESSAGES, {"content": "x"})
        assert whole.headers["x-ratelimit-global"] == "true"

    assert len(played(scenario).wrong) == 2
