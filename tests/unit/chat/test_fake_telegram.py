"""The fake Telegram refuses what Telegram refuses, in its words, and keeps what it keeps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from infra.chat.adapter import ChatCall, FilePart
from infra.simulator.chat.messages import Message
from infra.simulator.chat.telegram import BOT_TOKEN
from infra.simulator.chat.telegram_people import SECRET
from infra.simulator.chat.telegram_world import GROUP, USER
from infra.simulator.chat.wire import Answer
from tests.fixtures.chat_platforms import PlatformHttp, PlayedPlatforms, answering

KEYS = {"inline_keyboard": [[{"text": "U1", "callback_data": "g1:u:1:x"}]]}
PHOTO = FilePart("picture", "grid.png", "image/png", b"\x89PNG of a grid")


class Played:
    """A fake Telegram, and a bot that answers with nothing."""

    def __init__(self) -> None:
        self.platforms = PlayedPlatforms()
        self.telegram = self.platforms.telegram
        self.http = PlatformHttp(self.platforms)
        self.reply = Answer(200, b"")
        self.bodies: list[Any] = []
        self.platforms.connect(self._call)

    async def _call(self, path: str, headers: Any, body: bytes) -> Answer:
        assert headers["X-Telegram-Bot-Api-Secret-Token"] == SECRET
        self.bodies.append(orjson.loads(body))
        return self.reply

    @property
    def wrong(self) -> list[str]:
        return self.platforms.ledger.violations

    async def ask(self, method: str, **told: Any) -> Any:
        url = f"{self.platforms.url}/telegram/bot{BOT_TOKEN}/{method}"
        answer = await self.http.send(ChatCall("POST", url, "x", body=told))
        return orjson.loads(answer.body)

    async def upload(self, method: str, *files: FilePart, **told: str) -> Any:
        url = f"{self.platforms.url}/telegram/bot{BOT_TOKEN}/{method}"
        answer = await self.http.send(ChatCall("POST", url, "x", form=told, files=files))
        return orjson.loads(answer.body)

    async def error(self, method: str, **told: Any) -> str:
        return (await self.ask(method, **told)).get("description", "")

    async def posted(self, **more: Any) -> Message:
        told = await self.ask("sendMessage", chat_id=USER, text="waiting", **more)
        return self.telegram.board.messages[str(USER), str(told["result"]["message_id"])]


def played(scenario: Callable[[Played], Awaitable[None]]) -> list[str]:
    async def play() -> list[str]:
        telegram = Played()
        await telegram.telegram.people.say("/start")
        await scenario(telegram)
        return telegram.wrong

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("method", "told", "words"),
    [
        ("sendMessage", {"chat_id": USER, "text": "x" * 4097}, "4097"),
        ("sendMessage", {"chat_id": USER}, "required"),
        ("sendMessage", {"chat_id": USER, "text": "x", "txt": 1}, "no such field"),
        ("sendMessage", {"chat_id": 5, "text": "x"}, "chat not found"),
        (
            "sendMessage",
            {"chat_id": USER, "text": "x", "reply_parameters": {"message_id": 99}},
            "message to be replied not found",
        ),
        (
            "sendMessage",
            {
                "chat_id": USER,
                "text": "x",
                "reply_markup": {
                    "inline_keyboard": [[{"text": "U1", "callback_data": "🪁" * 17}]]
                },
            },
            "68 bytes",
        ),
        ("editMessageText", {"chat_id": USER, "message_id": 99, "text": "x"}, "to edit not"),
        ("editMessageText", {"chat_id": USER, "message_id": 1, "text": "x"}, "can't be edit"),
        ("sendShout", {}, "no such method"),
        ("answerCallbackQuery", {"callback_query_id": "made up"}, "query is too old"),
        ("getFile", {"file_id": "made up"}, "invalid file_id"),
    ],
)
def test_a_call_that_telegram_would_not_take_is_told_so(
    method: str, told: dict[str, Any], words: str
) -> None:
    async def scenario(telegram: Played) -> None:
        assert words in await telegram.error(method, **told)

    assert len(played(scenario)) == 1


def test_one_message_goes_from_text_to_picture_and_loses_its_buttons() -> None:
    async def scenario(telegram: Played) -> None:
        message = await telegram.posted(reply_markup=KEYS)
        assert message.labels == ["U1"]
        where: dict[str, Any] = {"chat_id": USER, "message_id": int(message.id)}
        await telegram.ask("editMessageText", text="running", **where)
        assert (message.text, message.labels, message.edits) == ("running", [], 1)

        media = '{"type": "photo", "media": "attach://picture", "caption": "done"}'
        told = {"chat_id": str(USER), "message_id": message.id, "media": media}
        keys = orjson.dumps(KEYS).decode()
        edited = await telegram.upload("editMessageMedia", PHOTO, **told, reply_markup=keys)
        assert edited["ok"]
        (picture,) = message.pictures
        assert (message.text, message.labels, picture.data) == ("done", ["U1"], PHOTO.data)

        telegram.platforms.move(seconds=5)
        text = await telegram.error("editMessageText", text="x", **where)
        assert "no text in the message" in text
        same = await telegram.error(
            "editMessageCaption", caption="done", reply_markup=KEYS, **where
        )
        assert "message is not modified" in same
        telegram.telegram.delete(message)
        assert "to edit not found" in await telegram.error(
            "editMessageCaption", caption="x", **where
        )

    assert len(played(scenario)) == 2


def test_a_block_a_move_and_a_revoked_token_are_told() -> None:
    async def scenario(telegram: Played) -> None:
        await telegram.telegram.people.say("/imagine a kite", chat=-5)
        message = await telegram.ask("sendMessage", chat_id=-5, text="x")
        telegram.telegram.migrate(-5, GROUP)
        moved = await telegram.ask("sendMessage", chat_id=-5, text="x")
        assert moved["parameters"] == {"migrate_to_chat_id": GROUP}
        number = message["result"]["message_id"]
        edit = {"chat_id": GROUP, "message_id": number}
        assert (await telegram.ask("editMessageText", **edit, text="y"))["ok"]
        telegram.telegram.block(GROUP)
        assert "kicked" in await telegram.error("sendMessage", chat_id=GROUP, text="x")
        telegram.telegram.block(USER)
        assert "blocked by the user" in await telegram.error(
            "sendMessage", chat_id=USER, text="x"
        )
        telegram.telegram.revoke_token()
        assert (await telegram.ask("getMe"))["error_code"] == 401

    assert played(scenario) == []


def test_a_pressed_button_is_answered_once_and_soon() -> None:
    async def scenario(telegram: Played) -> None:
        people, message = telegram.telegram.people, await telegram.posted(reply_markup=KEYS)
        pressed = await people.press(message, "U1")
        assert people.told(pressed) is None
        told = {"callback_query_id": pressed.token, "text": "on its way"}
        assert (await telegram.ask("answerCallbackQuery", **told))["ok"]
        assert people.told(pressed) == told
        assert "too old" in await telegram.error("answerCallbackQuery", **told)
        late = await people.press(message, "U1")
        telegram.platforms.move(seconds=16)
        assert "too old" in await telegram.error(
            "answerCallbackQuery", callback_query_id=late.token
        )

    assert len(played(scenario)) == 2


def test_a_call_in_the_answer_to_an_update_is_judged_like_any_other() -> None:
    async def scenario(telegram: Played) -> None:
        people = telegram.telegram.people
        telegram.reply = answering({"method": "sendMessage", "chat_id": USER, "text": "hi"})
        said = await people.say("/imagine a kite")
        assert said.text == "hi"
        assert telegram.wrong == []
        telegram.reply = answering({"method": "sendMessage", "chat_id": USER})
        assert (await people.say("/imagine a kite")).message is None
        assert len(telegram.wrong) == 1

    played(scenario)


def test_updates_count_up_name_the_bot_in_groups_and_bring_pictures() -> None:
    async def scenario(telegram: Played) -> None:
        people = telegram.telegram.people
        picture = people.upload("a.png", "image/png", b"png")
        await people.say("/describe", chat=GROUP, picture=picture)
        said = await people.say("/imagine a kite", times=3)
        described, *same = telegram.bodies[1:]
        assert described["message"]["caption"] == "/describe@genqbot"
        file_id = described["message"]["photo"][0]["file_id"]
        path = (await telegram.ask("getFile", file_id=file_id))["result"]["file_path"]
        url = f"{telegram.platforms.url}/telegram/file/bot{BOT_TOKEN}/{path}"
        assert (await telegram.http.send(ChatCall("GET", url, "x"))).body == b"png"
        assert len({body["update_id"] for body in same}) == 1
        assert same[0]["update_id"] > described["update_id"]
        assert len(said.answers) == 3

    assert played(scenario) == []


def test_drafts_are_for_private_chats() -> None:
    async def scenario(telegram: Played) -> None:
        draft = {"draft_id": 7, "text": "Once"}
        assert (await telegram.ask("sendMessageDraft", chat_id=USER, **draft))["ok"]
        assert telegram.telegram.world.drafts[USER, 7].texts == ["Once"]
        await telegram.telegram.people.say("/ask why", chat=GROUP)
        assert "private" in await telegram.error("sendMessageDraft", chat_id=GROUP, **draft)

    assert len(played(scenario)) == 1


def test_a_chat_that_is_written_to_too_often_is_told_how_long_to_wait() -> None:
    async def scenario(telegram: Played) -> None:
        for number in range(5):
            await telegram.ask("sendMessage", chat_id=USER, text=f"{number}")
        over = await telegram.ask("sendMessage", chat_id=USER, text="x")
        assert (over["error_code"], over["parameters"]) == (429, {"retry_after": 1})
        telegram.platforms.move(seconds=1)
        assert (await telegram.ask("sendMessage", chat_id=USER, text="x"))["ok"]

    assert len(played(scenario)) == 1
