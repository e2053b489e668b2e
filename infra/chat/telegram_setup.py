"""What a bot is registered with at Telegram: its webhook, and the commands that it offers.

https://core.telegram.org/bots/api#setwebhook
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from infra.chat.adapter import ChatCall
from infra.chat.telegram_calls import TelegramCalls
from infra.chat_settings import TELEGRAM_SECRET
from infra.settings import Settings
from schemas.errors import SettingsError

CONNECTIONS: Final = 40
"""Updates that Telegram brings at once; 1 to 100."""
UPDATES: Final = ("message", "callback_query")
COMMANDS: Final[Mapping[str, str]] = {
    "imagine": "Paint pictures: what to paint, and flags such as --ar 16:9",
    "ask": "Ask a question",
    "describe": "Describe the picture that this is a caption of, or a reply to",
    "blend": "Make one picture of several",
    "queue": "What you have under way",
    "cancel": "Cancel your newest job, or the one that you name",
    "info": "Your limits, and what is left of them",
    "gallery": "Your pictures of late",
    "link": "Link this chat, or yourself, to an account",
    "settings": "The rules that hold here",
    "help": "What I can do",
}

_PORTS: Final = frozenset({None, 443, 80, 88, 8443})


def webhook_parameters(url: str, secret: str) -> dict[str, Any]:
    """Return the parameters of ``setWebhook``.

    Args:
        url: Of the door: ``<public URL>/chat/telegram``.
        secret: That comes with every update.

    Raises:
        SettingsError: Telegram would refuse one of them, or never come.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.port not in _PORTS:
        raise SettingsError(
            "public_url: Telegram brings updates to https alone, on port 443, 80, 88 or 8443"
        )
    if not TELEGRAM_SECRET.fullmatch(secret):
        raise SettingsError("telegram_secret: 1 to 256 of A-Z a-z 0-9 _ -")
    return {
        "url": url,
        "secret_token": secret,
        "allowed_updates": list(UPDATES),
        "max_connections": CONNECTIONS,
    }


def command_parameters() -> dict[str, Any]:
    """Return the parameters of ``setMyCommands``."""
    told = [{"command": name, "description": what} for name, what in COMMANDS.items()]
    return {"commands": told}


def setup_calls(settings: Settings) -> tuple[ChatCall, ...]:
    """Return the calls that register the bot; they may be made any number of times.

    Raises:
        SettingsError: The bot is not configured, or Telegram would refuse what is.
    """
    token, secret = settings.telegram_bot_token, settings.telegram_secret
    if token is None or secret is None:
        raise SettingsError("telegram_bot_token, telegram_secret: not set")
    calls = TelegramCalls(settings.telegram_url, token.get_secret_value())
    door = f"{settings.public_url.rstrip('/')}/chat/telegram"
    return (
        calls.method("setWebhook", webhook_parameters(door, secret.get_secret_value())),
        calls.method("setMyCommands", command_parameters()),
    )
