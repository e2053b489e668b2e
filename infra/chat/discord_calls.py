"""The requests that are made of Discord: addresses, and who speaks in each.

Calls with an interaction's token carry no bot token, and are not under its global limit. What
``bucket`` says is fit for metrics: no id, no token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

from infra.chat.adapter import ChatCall, FilePart
from infra.telemetry.metrics import installed_version

# Discord asks for this form, with an address and a version.
USER_AGENT: Final = f"DiscordBot (https://pypi.org/project/genq, {installed_version()})"
_NO_FILES: Final[tuple[FilePart, ...]] = ()


@dataclass(frozen=True, slots=True)
class DiscordCalls:
    """Makes the calls of one application.

    Attributes:
        url: Discord's API, without a slash at its end.
        application: Its id.
        bot_token: A secret.
    """

    url: str
    application: str
    bot_token: str = field(repr=False)

    def edit_original(
        self, token: str, body: Mapping[str, Any], files: tuple[FilePart, ...] = _NO_FILES
    ) -> ChatCall:
        """Edit the answer to an interaction; of a deferred update, the message pressed."""
        path = f"{self._webhook(token)}/messages/@original"
        return self._call("PATCH", path, "discord edit_original", body, files)

    def edit_followup(
        self,
        token: str,
        message: str,
        body: Mapping[str, Any],
        files: tuple[FilePart, ...] = _NO_FILES,
    ) -> ChatCall:
        """Edit a message that was made with a token."""
        path = f"{self._webhook(token)}/messages/{quote(message, safe='')}"
        return self._call("PATCH", path, "discord edit_followup", body, files)

    def follow_up(
        self, token: str, body: Mapping[str, Any], files: tuple[FilePart, ...] = _NO_FILES
    ) -> ChatCall:
        """Make a new message with a token; it is in the answer."""
        path = f"{self._webhook(token)}?wait=true"
        return self._call("POST", path, "discord follow_up", body, files)

    def edit_message(
        self,
        channel: str,
        message: str,
        body: Mapping[str, Any],
        files: tuple[FilePart, ...] = _NO_FILES,
    ) -> ChatCall:
        """Edit a message of the bot's."""
        path = f"/channels/{quote(channel, safe='')}/messages/{quote(message, safe='')}"
        return self._as_bot("PATCH", path, "discord edit_message", body, files)

    def post_message(
        self, channel: str, body: Mapping[str, Any], files: tuple[FilePart, ...] = _NO_FILES
    ) -> ChatCall:
        """Make a new message of the bot's."""
        path = f"/channels/{quote(channel, safe='')}/messages"
        return self._as_bot("POST", path, "discord post_message", body, files)

    def open_direct(self, user: str) -> ChatCall:
        """Open the conversation with a user; it is the same every time."""
        body = {"recipient_id": user}
        return self._as_bot("POST", "/users/@me/channels", "discord open_direct", body, ())

    def _webhook(self, token: str) -> str:
        return f"/webhooks/{self.application}/{quote(token, safe='')}"

    def _as_bot(
        self,
        method: str,
        path: str,
        bucket: str,
        body: Mapping[str, Any],
        files: tuple[FilePart, ...],
    ) -> ChatCall:
        call = self._call(method, path, bucket, body, files)
        headers = {**call.headers, "Authorization": f"Bot {self.bot_token}"}
        return replace(call, headers=headers)

    def _call(
        self,
        method: str,
        path: str,
        bucket: str,
        body: Mapping[str, Any],
        files: tuple[FilePart, ...],
    ) -> ChatCall:
        headers = {"User-Agent": USER_AGENT}
        return ChatCall(
            method, f"{self.url}{path}", bucket, body=body, files=files, headers=headers
        )
