"""The fake Slack refuses what Slack refuses, by its word, and keeps what Slack keeps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from infra.simulator.chat.slack import BOT_TOKEN
from infra.simulator.chat.slack_people import SIGNING_SECRET
from infra.simulator.chat.slack_world import CHANNEL, USER
from infra.simulator.chat.wire import Answer, Request
from tests.fixtures.chat_platforms import PlayedPlatforms

TEXT = {"type": "section", "text": {"type": "plain_text", "text": "a kite"}}
BUTTON = {
    "type": "button",
    "action_id": "g1:u:1:x",
    "text": {"type": "plain_text", "text": "U1"},
}
PNG = b"\x89PNG\r\n\x1a\n of a grid"


class Played:
    """A fake Slack, and a bot that answers with nothing."""

    def __init__(self) -> None:
        self.platforms = PlayedPlatforms()
        self.slack = self.platforms.slack
        self.reply = Answer(200, b"")
        self.platforms.connect(self._call)

    async def _call(self, path: str, headers: Any, body: bytes) -> Answer:
        return self.reply

    @property
    def wrong(self) -> list[str]:
        return self.platforms.ledger.violations

    async def ask(self, method: str, body: Any, *, token: str = BOT_TOKEN) -> Answer:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        path = method if method.startswith("/") else f"/slack/api/{method}"
        return await self.platforms.handle(
            Request("POST", path, headers=headers, body=orjson.dumps(body))
        )

    async def form(self, method: str, **fields: str) -> Any:
        kind = "application/x-www-form-urlencoded"
        headers = {"authorization": f"Bearer {BOT_TOKEN}", "content-type": kind}
        body = urlencode(fields).encode()
        path = f"/slack/api/{method}"
        return (await self.platforms.handle(Request("POST", path, {}, headers, body))).json

    async def error(self, method: str, body: Any, **more: Any) -> str:
        return (await self.ask(method, body, **more)).json.get("error", "")

    async def uploaded(self, data: bytes, name: str = "grid.png") -> str:
        length = str(len(data))
        told = await self.form("files.getUploadURLExternal", filename=name, length=length)
        path = told["upload_url"].removeprefix(self.platforms.url)
        headers = {"content-type": "image/png"}
        await self.platforms.handle(Request("POST", path, {}, headers, data))
        files = orjson.dumps([{"id": told["file_id"]}]).decode()
        assert (await self.form("files.completeUploadExternal", files=files))["ok"]
        return told["file_id"]


def played(scenario: Callable[[Played], Awaitable[None]]) -> list[str]:
    async def play() -> list[str]:
        slack = Played()
        await scenario(slack)
        return slack.wrong

    return asyncio.run(play())


def actions(*buttons: dict[str, Any]) -> list[Any]:
    return [{"type": "actions", "elements": list(buttons)}]


def text(words: str, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": kind, "text": words}


@pytest.mark.parametrize(
    "blocks",
    [
        [TEXT] * 51,
        [{**TEXT, "txt": 1}],
        [{"type": "section"}],
        [{"type": "section", "text": text("x" * 3001)}],
        [{"type": "section", "fields": [text("x")] * 11}],
        [{"type": "header", "text": text("x" * 151)}],
        [{"type": "header", "text": text("x", "mrkdwn")}],
        [{"type": "image", "image_url": "https://x.test/a.png"}],
        [{"type": "image", "slack_file": {"id": "F99"}, "alt_text": "x"}],
        [{"type": "image", "alt_text": "x"}],
        [{"type": "unknown"}],
        [{"type": "context", "elements": [text("x")] * 11}],
        actions(*[{**BUTTON, "action_id": f"{n}"} for n in range(26)]),
        actions(BUTTON, BUTTON),
        actions({**BUTTON, "text": text("x" * 76)}),
        actions({**BUTTON, "value": "x" * 2001}),
        actions({**BUTTON, "action_id": "x" * 256}),
        actions({**BUTTON, "style": "blue"}),
        actions({**BUTTON, "label": "x"}),
        actions({**BUTTON, "text": {"type": "plain_text", "text": ""}}),
        actions(),
        [{**TEXT, "block_id": "a"}, {**TEXT, "block_id": "a"}],
        [{**TEXT, "block_id": "x" * 256}],
    ],
)
def test_blocks_that_slack_would_not_take_are_invalid(blocks: list[Any]) -> None:
    async def scenario(slack: Played) -> None:
        body = {"channel": CHANNEL, "text": "x", "blocks": blocks}
        assert await slack.error("chat.postMessage", body) == "invalid_blocks"

    assert len(played(scenario)) == 1


LONG = [{"type": "section", "text": {"type": "plain_text", "text": "x" * 2836}}] * 4


@pytest.mark.parametrize(
    ("method", "body", "error"),
    [
        ("chat.shout", {}, "unknown_method"),
        ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": CHANNEL, "txt": "x"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": CHANNEL, "blocks": LONG}, "msg_blocks_too_long"),
        ("chat.postMessage", {"channel": "C404", "text": "x"}, "channel_not_found"),
        ("chat.update", {"channel": CHANNEL, "ts": "1.1", "text": "x"}, "message_not_found"),
        ("files.getUploadURLExternal", {"filename": "x", "length": 1}, "invalid_arguments"),
        ("files.completeUploadExternal", {"files": [{"id": "F9"}]}, "file_not_found"),
    ],
)
def test_a_call_that_slack_would_not_take_has_its_word(
    method: str, body: Any, error: str
) -> None:
    async def scenario(slack: Played) -> None:
        assert await slack.error(method, body) == error

    assert len(played(scenario)) == 1


def test_a_message_is_posted_updated_with_its_picture_and_deleted() -> None:
    async def scenario(slack: Played) -> None:
        body = {"channel": CHANNEL, "text": "x", "blocks": [TEXT, *actions(BUTTON)]}
        ts = (await slack.ask("chat.postMessage", body)).json["ts"]
        message = slack.slack.board.messages[CHANNEL, ts]
        assert (message.text, message.labels) == ("a kite", ["U1"])

        await slack.ask("chat.update", {"channel": CHANNEL, "ts": ts, "text": "other"})
        assert (message.text, message.labels) == ("a kite", ["U1"])

        image = {"type": "image", "slack_file": {"id": await slack.uploaded(PNG)}}
        blocks = {"blocks": [{**image, "alt_text": "four kites"}]}
        await slack.ask("chat.update", {"channel": CHANNEL, "ts": ts, **blocks})
        (picture,) = message.pictures
        assert (picture.data, picture.alt, message.labels) == (PNG, "four kites", [])

        slack.slack.delete(message)
        gone = await slack.error("chat.update", {"channel": CHANNEL, "ts": ts, **blocks})
        assert gone == "message_not_found"

    assert played(scenario) == []


def test_a_file_that_slack_does_not_draw_and_one_of_another_length_are_refused() -> None:
    async def scenario(slack: Played) -> None:
        webp = await slack.uploaded(b"RIFF....WEBP", "grid.webp")
        image = {"type": "image", "slack_file": {"id": webp}, "alt_text": "x"}
        body = {"channel": CHANNEL, "blocks": [image]}
        assert await slack.error("chat.postMessage", body) == "invalid_blocks"
        told = await slack.form("files.getUploadURLExternal", filename="a.png", length="9")
        path = told["upload_url"].removeprefix(slack.platforms.url)
        assert (await slack.platforms.handle(Request("POST", path, body=PNG))).status == 400

    assert len(played(scenario)) == 2


def test_a_lost_channel_an_archived_one_and_a_stopped_bot_are_told() -> None:
    async def scenario(slack: Played) -> None:
        body = {"channel": CHANNEL, "text": "x"}
        assert await slack.error("chat.postMessage", body, token="other") == "invalid_auth"
        assert len(slack.wrong) == 1
        slack.slack.remove_bot(CHANNEL)
        assert await slack.error("chat.postMessage", body) == "not_in_channel"
        slack.slack.world.channel(CHANNEL).archived = True
        assert await slack.error("chat.postMessage", body) == "is_archived"
        assert (await slack.ask("chat.postMessage", {**body, "channel": USER})).json["ok"]
        slack.slack.stop_bot()
        assert await slack.error("chat.postMessage", body) == "account_inactive"

    assert len(played(scenario)) == 1


def test_a_response_url_serves_five_times_in_thirty_minutes() -> None:
    async def scenario(slack: Played) -> None:
        said = await slack.slack.people.say("/imagine a kite")
        told = {"text": "x", "response_type": "in_channel"}
        statuses = [(await slack.ask(said.token, told)).status for _ in range(6)]
        assert statuses == [200] * 5 + [404]
        said = await slack.slack.people.say("/imagine a kite")
        await slack.ask(said.token, {"text": "first"})
        await slack.ask(said.token, {"text": "second", "replace_original": True})
        message = slack.slack.board.of_bot()[-1]
        assert (message.text, message.private_to) == ("second", USER)
        slack.platforms.move(minutes=31)
        assert await slack.error(said.token, {"text": "late"}) == "expired_url"
        assert await slack.error(said.token, {"txt": "wrong"}) == "expired_url"

    assert len(played(scenario)) == 3


def test_what_people_do_is_signed_and_answered_privately_or_by_nothing() -> None:
    async def scenario(slack: Played) -> None:
        slack.reply = Answer(200, orjson.dumps({"text": "Queue full: 3 &lt; 4"}))
        said = await slack.slack.people.say("/imagine <@U2> & co")
        assert (said.text, said.private) == ("Queue full: 3 < 4", True)
        assert b"%26lt%3B%40U2%26gt%3B+%26amp%3B+co" in said.body

        slack.reply = Answer(200, b"")
        body = {"channel": CHANNEL, "text": "x", "blocks": actions(BUTTON)}
        await slack.ask("chat.postMessage", body)
        message = slack.slack.board.of_bot()[-1]
        await slack.slack.people.press(message, "U1")
        assert slack.wrong == []
        slack.reply = Answer(200, b"{}")
        await slack.slack.people.press(message, "U1")
        assert len(slack.wrong) == 1

    played(scenario)


def test_channels_have_a_store_of_calls_that_is_refilled() -> None:
    async def scenario(slack: Played) -> None:
        body = {"channel": CHANNEL, "text": "x"}
        answers = [await slack.ask("chat.postMessage", body) for _ in range(6)]
        assert [one.status for one in answers] == [200] * 5 + [429]
        assert answers[-1].headers["Retry-After"] == "1"
        slack.platforms.move(seconds=1)
        assert (await slack.ask("chat.postMessage", body)).status == 200

    assert len(played(scenario)) == 1


def test_slack_sdk_finds_the_signature_right_and_the_answers_as_slack_gives_them() -> None:
    signature = pytest.importorskip("slack_sdk.signature")
    client = pytest.importorskip("slack_sdk.web.client")
    errors = pytest.importorskip("slack_sdk.errors")

    async def scenario(slack: Played) -> None:
        said = await slack.slack.people.say("/imagine a kite")
        verifier = signature.SignatureVerifier(SIGNING_SECRET)
        assert verifier.is_valid_request(said.body, dict(said.headers))

        async with slack.platforms.serve() as url:
            web = client.WebClient(BOT_TOKEN, base_url=f"{url}/slack/api/", timeout=5)

            def talk() -> None:
                posted = web.chat_postMessage(channel=CHANNEL, text="x", blocks=[TEXT])
                web.chat_update(channel=CHANNEL, ts=posted["ts"], text="y")
                told = web.files_getUploadURLExternal(filename="a.png", length=len(PNG))
                assert told["upload_url"].startswith(url)
                with pytest.raises(errors.SlackApiError, match="channel_not_found"):
                    web.chat_postMessage(channel="C404", text="x")

            await asyncio.to_thread(talk)

    assert len(played(scenario)) == 1
