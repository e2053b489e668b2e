"""Which bots are configured, and what stands for their tokens in the database."""

import hashlib
from collections.abc import Mapping
from typing import Final

from infra.settings import Settings
from schemas.chat import Platform

_DIGEST_BYTES: Final = 16


def token_digests(settings: Settings) -> Mapping[Platform, bytes]:
    """Return a digest of the token of each bot that is configured.

    ``chat_bot`` keeps that of a token that was refused: with another one the bot starts anew.
    """
    tokens = {
        Platform.DISCORD: settings.discord_bot_token,
        Platform.SLACK: settings.slack_bot_token,
        Platform.TELEGRAM: settings.telegram_bot_token,
    }
    return {
        platform: hashlib.blake2b(
            token.get_secret_value().encode(), digest_size=_DIGEST_BYTES
        ).digest()
        for platform, token in tokens.items()
        if token is not None
    }
