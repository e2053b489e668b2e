"""Telegram: the webhook, and the commands that the bot offers."""

from http import HTTPStatus
from typing import Any, Final

from infra.chat.adapter import ChatCall
from infra.chat.telegram_calls import TelegramCalls
from infra.chat.telegram_setup import setup_calls
from infra.settings import Settings
from producer.chat.setup.steps import REACHED, Steps, Told, wrong
from schemas.chat_errors import ChatSetupRefusedError

_HIDDEN: Final = "***"
_NO_TOKEN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})


class TelegramSetup:
    """Registers one bot.

    Args:
        settings: Complete for Telegram.
        steps: Makes the calls.
        endpoint: Also tell Telegram where the API is.
    """

    def __init__(self, settings: Settings, steps: Steps, *, endpoint: bool) -> None:
        token = settings.telegram_bot_token
        self._calls: Final = TelegramCalls(
            settings.telegram_url, token.get_secret_value() if token else ""
        )
        self._settings: Final = settings
        self._steps: Final = steps
        self._endpoint: Final = endpoint

    async def run(self) -> None:
        """Check the token, then register; a second time changes nothing.

        Raises:
            SettingsError: A setting is wrong; nothing was changed.
            ChatSetupRefusedError: Telegram refuses.
            ChatUnreachableError: Telegram cannot be reached.
        """
        door = f"{self._settings.public_url.rstrip('/')}/chat/telegram"
        # The webhook's comes first; who wants commands alone may have no address yet.
        settings = self._settings
        if not self._endpoint:
            settings = settings.model_copy(update={"public_url": "https://genq.invalid"})
        wanted = setup_calls(settings)[0 if self._endpoint else 1 :]
        if self._steps.dry:
            for call in wanted:
                self._steps.would(call.bucket, "POST", _shown(call))
            return
        name = await self._name()
        for call in wanted:
            told = await self._ask(call)
            if told.status != HTTPStatus.OK:
                raise ChatSetupRefusedError(
                    f"Telegram does not take {call.bucket}: {told.words()}; set it right and "
                    "run this again: it may be run as often as you like"
                )
            self._steps.done(call.bucket, _what(call, door))
        if self._endpoint:
            await self._look(door)
        self._steps.show("address", f"https://t.me/{name}")
        self._steps.next("next: open this address, and write /imagine a red kite to the bot")

    async def _name(self) -> str:
        told = await self._ask(self._calls.method("getMe", {}))
        if told.status in _NO_TOKEN:
            raise wrong(
                "telegram_bot_token", "Telegram does not know this token; nothing was done"
            )
        if told.status != HTTPStatus.OK:
            raise ChatSetupRefusedError(f"Telegram: {told.words()}; nothing was done")
        name = str(_result(told).get("username"))
        name = name if name.isascii() and name.replace("_", "").isalnum() else "?"
        self._steps.done("token", f"of the bot @{name}")
        known = self._settings.telegram_bot_name
        if known != name:
            said = "is not set" if known is None else f"is {known}"
            self._steps.warn(
                "name", f"GENQ_TELEGRAM_BOT_NAME {said}; in groups with other bots: {name}"
            )
        return name

    async def _look(self, door: str) -> None:
        """Say how Telegram itself sees the webhook."""
        found = _result(await self._ask(self._calls.method("getWebhookInfo", {})))
        if found.get("url") != door:
            raise ChatSetupRefusedError("Telegram took the webhook, and tells another address")
        waiting = found.get("pending_update_count", 0)
        self._steps.done("seen", f"{waiting} updates wait; {REACHED} before the first one")
        if error := found.get("last_error_message"):
            shown = "".join(one for one in str(error)[:200] if one.isprintable())
            self._steps.warn("seen", f"the last update could not be brought: {shown}")

    async def _ask(self, call: ChatCall) -> Told:
        return await self._steps.ask(call)


def _result(told: Told) -> dict[str, Any]:
    found = told.body.get("result")
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType] - its values are looked at one by one


def _shown(call: ChatCall) -> dict[str, Any]:
    told = dict(call.body or {})
    return told | {"secret_token": _HIDDEN} if "secret_token" in told else told


def _what(call: ChatCall, door: str) -> str:
    commands = (call.body or {}).get("commands")
    return f"{len(commands)} commands" if commands else door
