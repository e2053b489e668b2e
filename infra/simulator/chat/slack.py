"""Slack's Web API under ``/slack/api``, uploads, and the addresses for answers.

Slack publishes no description that can be validated against: methods, their arguments and the
limits are written down here and in ``slack_blocks``.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.clock import Clock
from infra.simulator.chat.ledger import Ledger, Logged
from infra.simulator.chat.messages import Board, Message
from infra.simulator.chat.slack_errors import fault
from infra.simulator.chat.slack_files import SlackFiles
from infra.simulator.chat.slack_hooks import answer_by_url
from infra.simulator.chat.slack_people import SlackPeople
from infra.simulator.chat.slack_rates import SlackRates
from infra.simulator.chat.slack_world import TEAM, SlackChannel, SlackWorld
from infra.simulator.chat.wire import (
    Answer,
    Request,
    UnreadableError,
    form_of,
    object_of,
    read_json,
    said,
)

BOT_TOKEN: Final = "xoxb-fake-slack-bot-token"  # noqa: S105 - of a platform that is none
_API: Final = "/slack/api/"
_JSON: Final = "application/json"
_POSTED: Final = frozenset(
    [
        "channel",
        "text",
        "blocks",
        "attachments",
        "thread_ts",
        "reply_broadcast",
        "mrkdwn",
        "unfurl_links",
        "unfurl_media",
        "link_names",
        "parse",
        "metadata",
        "username",
        "icon_url",
        "icon_emoji",
        "client_msg_id",
    ]
)
# Required arguments, and all.
_ARGUMENTS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "chat.postMessage": (frozenset({"channel"}), _POSTED),
    "chat.postEphemeral": (frozenset({"channel", "user"}), _POSTED | {"user"}),
    "chat.update": (
        frozenset({"channel", "ts"}),
        frozenset(
            [
                "channel",
                "ts",
                "text",
                "blocks",
                "attachments",
                "link_names",
                "parse",
                "file_ids",
                "metadata",
                "reply_broadcast",
                "unfurl_links",
                "unfurl_media",
                "as_user",
            ]
        ),
    ),
    "chat.delete": (frozenset({"channel", "ts"}), frozenset({"channel", "ts"})),
    "conversations.open": (
        frozenset({"users"}),
        frozenset({"users", "return_im", "prevent_creation"}),
    ),
    "auth.test": (frozenset(), frozenset()),
    "files.getUploadURLExternal": (
        frozenset({"filename", "length"}),
        frozenset({"filename", "length", "alt_txt", "snippet_type"}),
    ),
    "files.completeUploadExternal": (
        frozenset({"files"}),
        frozenset({"files", "channel_id", "thread_ts", "initial_comment"}),
    ),
    "files.delete": (frozenset({"file"}), frozenset({"file"})),
}
# These read forms alone.
_FORMS_ONLY: Final = frozenset({"files.getUploadURLExternal"})
_PACKED: Final = frozenset({"blocks", "files", "attachments", "metadata", "file_ids"})

Act = Callable[[Mapping[str, Any]], dict[str, Any]]


class Slack:
    """The platform.

    Attributes:
        world: What is there.
        people: Acts as a user.
        bot_token: What the bot must show.
    """

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self.ledger: Final = ledger
        self.world: Final = SlackWorld(clock)
        self.rates: Final = SlackRates(clock)
        self.people: Final = SlackPeople(self.world, ledger)
        self.bot_token = BOT_TOKEN
        self._stopped: str | None = None
        self._files: Final = SlackFiles(self.world)
        self._methods: Final[Mapping[str, Act]] = {
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._whisper,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "conversations.open": self._open,
            "auth.test": self._test,
            **self._files.methods(),
        }

    @property
    def board(self) -> Board:
        """All messages."""
        return self.world.board

    def answer(self, request: Request, entry: Logged) -> Answer:
        """Answer one request of the bot.

        Raises:
            RefusedError: It is refused.
        """
        if request.path.startswith("/slack/upload/"):
            return self._files.take(request)
        if request.path.startswith("/slack/hooks/"):
            return answer_by_url(self.world, request, entry)
        name = request.path.removeprefix(_API)
        method = self._methods.get(name)
        if method is None or not request.path.startswith(_API):
            raise fault("unknown_method")
        self._check_token(request)
        told = entry.told = _arguments(name, request)
        self.rates.take(name, str(told.get("channel", "")))
        return said({"ok": True, **method(told)})

    def stop_bot(self, error: str = "account_inactive") -> None:
        """Refuse the bot's token from now on: ``token_revoked``, ``account_inactive``."""
        self._stopped = error

    def remove_bot(self, channel: str) -> None:
        """Take the bot out of a channel."""
        self.world.channel(channel).member = False

    def delete(self, message: Message) -> None:
        """Delete a message, as a user does."""
        self.world.board.delete(message)

    def _check_token(self, request: Request) -> None:
        shown = request.headers.get("authorization", "")
        if not shown:
            raise fault("not_authed")
        if self._stopped is not None:
            raise fault(self._stopped, expected=True)
        if shown != f"Bearer {self.bot_token}":
            raise fault("invalid_auth")

    def _post(self, told: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._writable(told["channel"])
        message = self.world.post(channel.id, told)
        return {
            "channel": channel.id,
            "ts": message.id,
            "message": {"type": "message", "ts": message.id, **message.raw},
        }

    def _whisper(self, told: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._writable(told["channel"])
        message = self.world.post(channel.id, told, private_to=told["user"])
        return {"message_ts": message.id}

    def _update(self, told: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._writable(told["channel"])
        message = self._message(channel, told["ts"], "cant_update_message")
        if "text" not in told and "blocks" not in told:
            raise fault("no_text")
        self.world.edit(message, told)
        return {"channel": channel.id, "ts": message.id, "text": message.raw["text"]}

    def _delete(self, told: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._writable(told["channel"])
        message = self._message(channel, told["ts"], "cant_delete_message")
        self.world.board.delete(message)
        return {"channel": channel.id, "ts": message.id}

    def _open(self, told: Mapping[str, Any]) -> dict[str, Any]:
        if not re.fullmatch(r"[UW]\w+", told["users"]):
            raise fault("user_not_found")
        return {"channel": {"id": self.world.direct(told["users"]).id}}

    def _test(self, told: Mapping[str, Any]) -> dict[str, Any]:
        del told
        url = f"{self.world.url}/slack"
        ids = {"team_id": TEAM, "user_id": "UBOT", "bot_id": "BBOT"}
        return {"url": url, "team": "genq", **ids}

    def _writable(self, channel_id: Any) -> SlackChannel:
        found = self.world.channels.get(str(channel_id))
        if found is None and re.fullmatch(r"[UW]\w+", str(channel_id)):
            return self.world.direct(str(channel_id))
        if found is None:
            raise fault("channel_not_found")
        if found.archived:
            raise fault("is_archived", expected=True)
        if not found.member:
            raise fault("not_in_channel", expected=True)
        return found

    def _message(self, channel: SlackChannel, ts: Any, error: str) -> Message:
        message = self.world.board.messages.get((channel.id, str(ts)))
        if message is None or message.private_to is not None:
            raise fault("message_not_found")
        if message.deleted:
            raise fault("message_not_found", expected=True)
        if message.author != "bot":
            raise fault(error)
        return message


def _arguments(method: str, request: Request) -> dict[str, Any]:
    """Return the arguments of a call, its packed ones read.

    Raises:
        RefusedError: They are not what the method takes.
    """
    try:
        told = _read(method, request)
    except UnreadableError as error:
        raise fault("invalid_json" if "JSON" in str(error) else "invalid_form_data") from None
    required, known = _ARGUMENTS[method]
    missing = [name for name in sorted(required) if told.get(name) in (None, "")]
    unknown = sorted(told.keys() - known)
    if missing or unknown:
        raise fault("invalid_arguments", f"missing: {missing}; unknown: {unknown}")
    return told


def _read(method: str, request: Request) -> dict[str, Any]:
    if request.media_type == _JSON and method not in _FORMS_ONLY:
        told = object_of(read_json(request.body))
        if told is None:
            raise UnreadableError("this JSON is no object")
        return told
    if not request.body and not request.media_type:
        return {}
    if request.media_type != "application/x-www-form-urlencoded":
        raise fault("invalid_arguments", f"{method} does not read {request.media_type}")
    form: dict[str, Any] = {**form_of(request)}
    for name in form.keys() & _PACKED:
        form[name] = read_json(form[name])
    return form
