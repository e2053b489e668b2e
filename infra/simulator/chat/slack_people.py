"""People on Slack: they write commands and press buttons, and Slack signs what they do."""

import hashlib
import hmac
import html
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from infra.simulator.chat.acting import ANSWER_SECONDS, Messenger, Said
from infra.simulator.chat.ledger import Ledger
from infra.simulator.chat.messages import Message
from infra.simulator.chat.slack_hooks import place_answer, read_message
from infra.simulator.chat.slack_world import (
    APP,
    CHANNEL,
    TEAM,
    USER,
    AnswerUrl,
    SlackWorld,
)
from infra.simulator.chat.wire import Answer, RefusedError

PATH: Final = "/chat/slack"
SIGNING_SECRET: Final = "fake-slack-signing-secret"  # noqa: S105 - of a platform that is none
_FORM: Final = "application/x-www-form-urlencoded"
_OK: Final = 200


class SlackPeople:
    """Acts as a user, over ``messenger``."""

    def __init__(self, world: SlackWorld, ledger: Ledger) -> None:
        self.messenger: Final = Messenger(world.clock, ledger)
        self._world: Final = world
        self._ledger: Final = ledger

    async def say(
        self, text: str, *, user: str = USER, channel: str = CHANNEL, times: int = 1
    ) -> Said:
        """Write a slash command: ``/imagine a red kite --ar 16:9``.

        Args:
            text: The command and what follows it. As Slack does, ``&<>`` are escaped; a link
                is written as ``https://…``.
            user: Their id.
            channel: Its id.
            times: How often the same command is sent, all at once.
        """
        name, _, words = text.partition(" ")
        self._world.channel(channel)
        url = self._world.answer_url(channel, user, "commands")
        escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        form = {
            "token": "x",
            "team_id": TEAM,
            "team_domain": "genq",
            "channel_id": channel,
            "channel_name": "directmessage" if channel.startswith("D") else "general",
            "user_id": user,
            "user_name": "nelly",
            "command": name,
            "text": escaped,
            "response_url": f"{self._world.url}{url.path}",
            "trigger_id": f"1.2.{self._world.next_number()}",
            "api_app_id": APP,
            "is_enterprise_install": "false",
        }
        said = await self._send(form, url, times)
        if said.answer.status == _OK and said.answer.body:
            self._take(url, said)
        return said

    async def press(
        self,
        message: Message,
        which: str,
        *,
        user: str = USER,
        times: int = 1,
        forged: bool = False,
    ) -> Said:
        """Press a button, by its label or its action id.

        Args:
            message: It is under this one.
            which: Which.
            user: Who.
            times: How often the same press is sent, all at once.
            forged: The id is sent, whether there is such a button or not.

        Raises:
            LookupError: This person sees no such button.
        """
        element = (
            {"type": "button", "action_id": which, "value": which, "text": _plain("?")}
            if forged
            else _pressable(message, which, user)
        )
        url = self._world.answer_url(message.channel, user, "actions")
        url.about = message
        payload = self._payload(message, element, user, f"{self._world.url}{url.path}")
        said = await self._send({"payload": orjson.dumps(payload).decode()}, url, times)
        if said.answer.body:
            self._ledger.accuse("a press was answered with a body, which Slack does not read")
        return said

    async def again(self, said: Said, times: int = 1) -> Said:
        """Send the same once more."""
        more = Said(said.path, said.headers, said.body, message=said.message, token=said.token)
        return await self.messenger.send(more, times=times, within=ANSWER_SECONDS)

    async def challenge(self) -> Answer:
        """Ask whether the address is there, as the Events API does when it is entered."""
        call = self.messenger.call
        if call is None:
            raise LookupError("connect the platform to a server first")
        told = {"token": "x", "challenge": "3eZbrw1a", "type": "url_verification"}
        body = orjson.dumps(told)
        return await call(PATH, self._signed(body, "application/json"), body)

    async def _send(self, form: dict[str, str], url: AnswerUrl, times: int) -> Said:
        body = urlencode(form).encode()
        said = Said(PATH, self._signed(body, _FORM), body, token=url.path)
        return await self.messenger.send(said, times=times, within=ANSWER_SECONDS)

    def _take(self, url: AnswerUrl, said: Said) -> None:
        try:
            told = read_message(said.answer.body, said.answer.media_type)
            said.message = place_answer(self._world, url, told)
        except RefusedError as refusal:
            self._ledger.accuse(f"the answer to a command: {refusal}")

    def _payload(
        self, message: Message, element: dict[str, Any], user: str, url: str
    ) -> dict[str, Any]:
        number = self._world.next_number()
        private = message.private_to is not None
        payload: dict[str, Any] = {
            "type": "block_actions",
            "team": {"id": TEAM, "domain": "genq"},
            "user": {"id": user, "username": "nelly", "team_id": TEAM},
            "api_app_id": APP,
            "token": "x",
            "container": {
                "type": "message",
                "message_ts": message.id,
                "channel_id": message.channel,
                "is_ephemeral": private,
            },
            "trigger_id": f"1.3.{number}",
            "channel": {"id": message.channel, "name": "general"},
            "response_url": url,
            "actions": [{**element, "block_id": "b1", "action_ts": f"{1700000000 + number}.1"}],
        }
        if not private:
            payload["message"] = {"type": "message", "ts": message.id, **message.raw}
        return payload

    def _signed(self, body: bytes, media_type: str) -> dict[str, str]:
        stamp = str(int(self._world.clock.now().timestamp()))
        base = b"v0:" + stamp.encode() + b":" + body
        digest = hmac.new(SIGNING_SECRET.encode(), base, hashlib.sha256).hexdigest()
        return {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
            "Content-Type": media_type,
        }


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def _pressable(message: Message, which: str, user: str) -> dict[str, Any]:
    if message.deleted or message.private_to not in {None, user}:
        raise LookupError("this person does not see that message")
    for block in message.raw["blocks"]:
        for one in block.get("elements", []):
            if one["type"] != "button":
                continue
            if which in {html.unescape(one["text"]["text"]), one.get("action_id")}:
                return one
    raise LookupError(f"no button {which!r}: there are {message.labels}")
