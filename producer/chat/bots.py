"""Bots as operators see them: configured or not, and whether they may speak."""

from datetime import datetime
from typing import Any, Final

from infra.chat.bot_tokens import token_digests
from infra.chat_settings import ChatSettings
from infra.postgres.chat_bots import ChatBot
from infra.settings import Settings
from schemas.chat import Platform
from schemas.job import iso_ms

_CONFIGURED: Final = {
    Platform.DISCORD: "discord_application_id",
    Platform.SLACK: "slack_signing_secret",
    Platform.TELEGRAM: "telegram_bot_token",
}


def is_configured(settings: ChatSettings, platform: Platform) -> bool:
    """Return whether this installation has a bot there, as far as these settings say."""
    return getattr(settings, _CONFIGURED[platform]) is not None


def bot_view(
    settings: Settings, platform: Platform, known: ChatBot | None, now: datetime
) -> dict[str, Any]:
    """Return the JSON form of a bot: exactly the fields of ``ChatBotView``.

    A bot that has another token by now than the one that was refused is not stopped.

    Args:
        settings: Of this process.
        platform: Whose bot.
        known: What PostgreSQL has of it.
        now: Aware.
    """
    stopped_at = known.stopped_at if known else None
    token = token_digests(settings).get(platform)
    if known is not None and token is not None and not known.stopped(token):
        stopped_at = None
    paused_until = known.paused_until if known else None
    if paused_until is not None and paused_until <= now:
        paused_until = None
    state = "stopped" if stopped_at else "paused" if paused_until else "on"
    return {
        "object": "chat_bot",
        "platform": platform.value,
        "configured": is_configured(settings, platform),
        "state": state,
        "stopped_at": iso_ms(stopped_at) if stopped_at else None,
        "paused_until": iso_ms(paused_until) if paused_until else None,
        "reason": known.stopped_reason if known and stopped_at else None,
    }
