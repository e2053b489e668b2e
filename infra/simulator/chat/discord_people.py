"""People on Discord: they write commands and press buttons, and Discord signs what they do.

Over HTTP Discord speaks first: each act is a signed POST to the bot's interactions endpoint,
and its answer is taken as Discord takes it.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.simulator.chat.acting import ANSWER_SECONDS, Messenger, Said
from infra.simulator.chat.discord_rules import read_written
from infra.simulator.chat.discord_webhooks import UPDATE, accept
from infra.simulator.chat.discord_world import (
    APPLICATION,
    CHANNEL,
    USER,
    DiscordWorld,
    Interaction,
    Person,
)
from infra.simulator.chat.ledger import Ledger
from infra.simulator.chat.messages import Message, Picture
from infra.simulator.chat.wire import Answer, RefusedError, Request, listed

PATH: Final = "/chat/discord"
_KEY: Final = Ed25519PrivateKey.from_private_bytes(b"genq: a key for fake platforms.."[:32])
PUBLIC_KEY: Final = _KEY.public_key().public_bytes_raw().hex()
_CALLBACK: Final = "/interactions/{interaction_id}/{interaction_token}/callback"
_OK: Final = 200
_STRING, _ATTACHMENT = 3, 11
_PING, _COMMAND, _COMPONENT, _BUTTON = 1, 2, 3, 2
_GUILD_CONTEXT, _DM_CONTEXT = 0, 1
# Where the text of a command goes while no commands were registered.
_TEXT_OPTIONS: Final = {
    "describe": "link",
    "blend": "link",
    "cancel": "job",
    "settings": "change",
}
_NAMED: Final = re.compile(r"(?:^|\s)(\w+):(\S+)")


class DiscordPeople:
    """Acts as a user, over ``messenger``."""

    def __init__(self, world: DiscordWorld, ledger: Ledger) -> None:
        self.messenger: Final = Messenger(world.clock, ledger)
        self._world: Final = world
        self._ledger: Final = ledger
        self._files: dict[str, Picture] = {}

    def upload(self, name: str, media_type: str, data: bytes) -> Picture:
        """Return a file that can be attached to a command."""
        picture = Picture(self._world.next_id(), name, media_type, data)
        self._files[picture.id] = picture
        return picture

    def file(self, file_id: str) -> Answer:
        """Serve a file as Discord's CDN does."""
        found = self._files.get(file_id)
        if found is None:
            posted = (one for m in self._world.board.messages.values() for one in m.pictures)
            found = next((one for one in posted if one.id == file_id), None)
        if found is None:
            return Answer(404, b"", media_type="text/plain")
        return Answer(200, found.data, media_type=found.media_type)

    async def say(
        self,
        text: str,
        *,
        user: str = USER,
        channel: str = CHANNEL,
        options: Mapping[str, str] | None = None,
        pictures: Sequence[Picture] = (),
        times: int = 1,
    ) -> Said:
        """Write a command: ``/imagine a red kite --ar 16:9``.

        Args:
            text: What follows the name is the command's text option; ``name:value`` within it
                is another option, if the command was registered with one of this name.
            user: Their id.
            channel: Its id; a direct conversation: ``world.direct(user).id``.
            options: Further options.
            pictures: From ``upload``.
            times: How often the same interaction is sent, all at once.

        Raises:
            LookupError: No such command was registered.
        """
        person = self._world.person(user)
        held = self._world.open(channel, person, _COMMAND, secrets.token_urlsafe(48))
        data = self._data(text, dict(options or {}), pictures)
        return await self._act(held, {"data": data}, times)

    async def press(
        self,
        message: Message,
        which: str,
        *,
        user: str = USER,
        times: int = 1,
        forged: bool = False,
    ) -> Said:
        """Press a button, by its label or its custom id.

        Args:
            message: It is under this one.
            which: Which.
            user: Who.
            times: How often the same press is sent, all at once.
            forged: The custom id is sent, whether there is such a button or not.

        Raises:
            LookupError: This person sees no such button, or it cannot be pressed.
        """
        custom_id = which if forged else _pressable(message, which, user)
        person = self._world.person(user)
        held = self._world.open(message.channel, person, _COMPONENT, secrets.token_urlsafe(48))
        held.pressed = message.id
        data = {"custom_id": custom_id, "component_type": _BUTTON}
        more = {"data": data, "message": self._world.message_json(message)}
        return await self._act(held, more, times)

    async def again(self, said: Said, times: int = 1) -> Said:
        """Send the same once more."""
        more = Said(said.path, said.headers, said.body, message=said.message, token=said.token)
        return await self.messenger.send(more, times=times, within=ANSWER_SECONDS)

    async def ping(self, *, forged: bool = False) -> Answer:
        """Ask whether the endpoint is there, as Discord does when it is entered.

        Args:
            forged: With a wrong signature, which must be answered with 401.
        """
        call = self.messenger.call
        if call is None:
            raise LookupError("connect the platform to a server first")
        told = {"id": "1", "application_id": APPLICATION, "type": _PING, "token": "t"}
        body = orjson.dumps({**told, "version": 1})
        headers = self._signed(body)
        return await call(PATH, headers, body + b" " if forged else body)

    async def _act(self, held: Interaction, more: Mapping[str, Any], times: int) -> Said:
        body = orjson.dumps({**self._head(held), **more})
        said = Said(PATH, self._signed(body), body, token=held.token)
        await self.messenger.send(said, times=times, within=ANSWER_SECONDS)
        if said.answer.status == _OK and said.seconds <= ANSWER_SECONDS:
            self._take(held, said)
        return said

    def _take(self, held: Interaction, said: Said) -> None:
        """Take the first answer as Discord takes it."""
        answer = said.answer
        request = Request("POST", PATH, headers=answer.headers, body=answer.body)
        try:
            written = read_written(request, "POST", _CALLBACK)
            message = accept(self._world, held, written)
        except RefusedError as refusal:
            if not refusal.expected:
                self._ledger.accuse(f"the answer to an interaction: {refusal}")
            return
        said.message = message
        if written.told["type"] == UPDATE and message is not None:
            self._world.board.wake()

    def _head(self, held: Interaction) -> dict[str, Any]:
        room = self._world.channel(held.channel)
        person = held.person
        head: dict[str, Any] = {
            "application_id": APPLICATION,
            "id": held.id,
            "token": held.token,
            "type": held.kind,
            "version": 1,
            "channel_id": room.id,
            "locale": "en-US",
            "app_permissions": "2147483647",
            "entitlements": [],
            "attachment_size_limit": self._world.file_limit,
        }
        if room.guild is None:
            owners, context = {"0": "0"}, _DM_CONTEXT
            head["user"] = person.json()
        else:
            owners, context = {"0": room.guild}, _GUILD_CONTEXT
            head |= {"guild_id": room.guild, "member": _member(person)}
        return {**head, "authorizing_integration_owners": owners, "context": context}

    def _data(
        self, text: str, options: dict[str, str], pictures: Sequence[Picture]
    ) -> dict[str, Any]:
        name, _, words = text.removeprefix("/").partition(" ")
        known = self._command(name)
        if known is None:
            text_option = _TEXT_OPTIONS.get(name, "prompt")
            attached = ["image"] if len(pictures) == 1 else [f"image{n}" for n in range(1, 11)]
        else:
            text_option, attached, words, named = _sorted_out(known, words)
            options = {**named, **options}
        if words.strip() and text_option:
            options = {text_option: words.strip(), **options}
        asked: list[dict[str, Any]] = [
            {"name": key, "type": _STRING, "value": value} for key, value in options.items()
        ]
        asked += [
            {"name": key, "type": _ATTACHMENT, "value": picture.id}
            for key, picture in zip(attached, pictures, strict=False)
        ]
        data: dict[str, Any] = {"id": self._world.next_id(), "name": name, "type": 1}
        if asked:
            data["options"] = asked
        if pictures:
            files = {one.id: self._world.attachment_json(one) for one in pictures}
            data["resolved"] = {"attachments": files}
        return data

    def _command(self, name: str) -> dict[str, Any] | None:
        commands = self._world.commands
        found = next((one for one in commands if one["name"] == name), None)
        if commands and found is None:
            raise LookupError(f"/{name}: there are {[one['name'] for one in commands]}")
        return found

    def _signed(self, body: bytes) -> dict[str, str]:
        stamp = str(int(self._world.clock.now().timestamp()))
        return {
            "X-Signature-Ed25519": _KEY.sign(stamp.encode() + body).hex(),
            "X-Signature-Timestamp": stamp,
            "Content-Type": "application/json",
        }


def _member(person: Person) -> dict[str, Any]:
    return {
        "user": person.json(),
        "roles": [],
        "permissions": str(person.permissions),
        "joined_at": "2024-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def _sorted_out(
    command: dict[str, Any], words: str
) -> tuple[str | None, list[str], str, dict[str, str]]:
    """Return the text's option, those of files, the text, and the options named in it."""
    options = listed(command, "options")
    strings = [one["name"] for one in options if one["type"] == _STRING]
    files = [one["name"] for one in options if one["type"] == _ATTACHMENT]
    named = {key: value for key, value in _NAMED.findall(words) if key in strings[1:]}
    left = _NAMED.sub(lambda m: "" if m[1] in named else m[0], words) if named else words
    return (strings[0] if strings else None), files, left, named


def _pressable(message: Message, which: str, user: str) -> str:
    if message.deleted or message.private_to not in {None, user}:
        raise LookupError("this person does not see that message")
    for button in message.buttons:
        if which not in {button.label, button.id}:
            continue
        if button.id is None or button.disabled:
            raise LookupError(f"{which!r} cannot be pressed")
        return button.id
    raise LookupError(f"no button {which!r}: there are {message.labels}")
