"""Slack: the manifest that one pastes, and whether the token is right."""

from http import HTTPStatus
from typing import Final

import orjson

from infra.chat.adapter import ChatCall
from infra.chat.slack_manifest import manifest_of
from infra.settings import Settings
from producer.chat.setup.steps import REACHED, Steps, wrong
from schemas.chat_errors import ChatSetupRefusedError

PASTE: Final = (
    "1. https://api.slack.com/apps > Create New App > From a manifest > JSON: paste it, Create",
    "   (of an app that is there: App Manifest, paste it, Save Changes)",
    "2. Install App > Install to Workspace > Allow",
    "3. Basic Information > App Credentials has GENQ_SLACK_SIGNING_SECRET",
    "   OAuth & Permissions has GENQ_SLACK_BOT_TOKEN (xoxb-…)",
    "4. start genq with both, then run this again: it tries the token",
)
_TOKEN_ERRORS: Final = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}
)


class SlackSetup:
    """Prints the manifest of one app, and tries its token.

    Args:
        settings: Of the app; its token may be missing yet.
        steps: Makes the calls.
        name: Of the app.
    """

    def __init__(self, settings: Settings, steps: Steps, *, name: str) -> None:
        self._settings: Final = settings
        self._steps: Final = steps
        self._name: Final = name

    def show(self) -> None:
        """Print the manifest, and where to paste it.

        Raises:
            SettingsError: Slack would not take the public URL or the name.
        """
        try:
            manifest = manifest_of(self._settings.public_url, name=self._name)
        except ValueError as error:
            field, _, said = str(error).partition(": ")
            raise wrong(field if field == "public_url" else "--name", said) from None
        self._steps.show(
            "manifest", orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode()
        )
        for line in PASTE:
            self._steps.next(line)

    async def run(self) -> None:
        """Try the token, and print the manifest.

        Raises:
            SettingsError: The token is wrong.
            ChatSetupRefusedError: Slack refuses for another reason.
            ChatUnreachableError: Slack cannot be reached.
        """
        if not self._steps.dry:
            await self._try_token()
        self.show()

    async def _try_token(self) -> None:
        token = self._settings.slack_bot_token
        call = ChatCall(
            "POST",
            f"{self._settings.slack_url.rstrip('/')}/auth.test",
            "slack auth.test",
            form={},
            headers={"Authorization": f"Bearer {token.get_secret_value() if token else ''}"},
        )
        told = await self._steps.ask(call)
        if told.body.get("ok") is True and told.status == HTTPStatus.OK:
            who = f"the bot {told.body.get('user')} in the workspace {told.body.get('team')}"
            shown = "".join(one for one in who[:200] if one.isprintable())
            self._steps.done("token", f"of {shown}; {REACHED}")
            return
        if told.body.get("error") in _TOKEN_ERRORS:
            raise wrong("slack_bot_token", f"Slack does not take it: {told.words()}")
        raise ChatSetupRefusedError(f"Slack: {told.words()}")
