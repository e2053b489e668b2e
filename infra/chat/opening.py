"""Opens the adapters of the bots that are configured: where processes get them from."""

from collections.abc import Mapping

from infra.chat.adapter import ChatAdapter
from infra.settings import Settings
from schemas.chat import Platform


def adapters_of(settings: Settings) -> Mapping[Platform, ChatAdapter]:
    """Return one adapter for each platform that has a bot here.

    Nothing of a platform is imported where it has none.
    """
    found: dict[Platform, ChatAdapter] = {}
    if settings.discord_bot_token is not None:
        from infra.chat.discord import DiscordAdapter  # noqa: PLC0415 - only where it is used

        found[Platform.DISCORD] = DiscordAdapter(settings)
    if settings.slack_bot_token is not None:
        from infra.chat.slack import SlackAdapter  # noqa: PLC0415 - only where it is used

        found[Platform.SLACK] = SlackAdapter(settings)
    if settings.telegram_bot_token is not None:
        from infra.chat.telegram import TelegramAdapter  # noqa: PLC0415 - only where it is used

        found[Platform.TELEGRAM] = TelegramAdapter(settings)
    return found
