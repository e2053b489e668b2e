"""The bots: who we are on each chat platform, and the rules that hold where none are set."""

import re
from datetime import timedelta
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds

TELEGRAM_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""What Telegram takes as the secret of a webhook."""

# They stand in headers and in URLs.
_SECRET: Final = re.compile(r"[!-~]{1,4096}")
_PRINTABLE: Final = re.compile(r"[!-~]+")


class ChatSettings(BaseSettings):
    """Discord, Slack and Telegram: a part of ``infra.settings``."""

    discord_application_id: str | None = Field(
        None, pattern=r"^[0-9]{1,20}$", description="the application's id"
    )
    discord_public_key: str | None = Field(
        None, pattern=r"^[0-9a-fA-F]{64}$", description="the application's public key, in hex"
    )
    discord_bot_token: SecretStr | None = Field(None, description="the bot's token")
    discord_url: str = Field("https://discord.com/api/v10", description="Discord's API")
    slack_signing_secret: SecretStr | None = Field(None, description="the app's signing secret")
    slack_bot_token: SecretStr | None = Field(None, description="xoxb-…")
    slack_url: str = Field("https://slack.com/api", description="Slack's API")
    telegram_bot_token: SecretStr | None = Field(None, description="from @BotFather")
    telegram_secret: SecretStr | None = Field(
        None, description="of the webhook: 1 to 256 of A-Z a-z 0-9 _ -"
    )
    telegram_bot_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_]{1,64}$",
        description="without @; in groups, commands for other bots are left alone then",
    )
    telegram_url: str = Field("https://api.telegram.org", description="the Bot API's server")
    chat_tenant: str | None = Field(
        None, description="tenant of places and people that are bound to none; none: refused"
    )
    chat_answer_budget: Seconds = Field(
        timedelta(seconds=1.5), description="a command is answered by then, or deferred"
    )
    chat_user_jobs: int = Field(
        10, ge=1, le=1000, description="unfinished jobs of one person in chats, unless bound"
    )
    chat_press_by: Literal["owner", "anyone"] = Field(
        "anyone", description="who may press the buttons under a result"
    )

    @field_validator(
        "discord_bot_token",
        "slack_signing_secret",
        "slack_bot_token",
        "telegram_bot_token",
        "telegram_secret",
    )
    @classmethod
    def _no_open_door(cls, told: SecretStr | None) -> SecretStr | None:
        """Refuse an empty secret: it is one that everybody knows."""
        if told is None:
            return None
        secret = told.get_secret_value().strip()
        if not secret:
            raise ValueError("it is empty; leave it out where there is no such bot")
        if _SECRET.fullmatch(secret) is None:
            raise ValueError("it holds a space, or what is no ASCII")
        return SecretStr(secret)

    @field_validator("telegram_secret")
    @classmethod
    def _as_telegram_takes_it(cls, told: SecretStr | None) -> SecretStr | None:
        if told is not None and not TELEGRAM_SECRET.fullmatch(told.get_secret_value()):
            raise ValueError("1 to 256 of A-Z a-z 0-9 _ - (openssl rand -hex 32 makes one)")
        return told

    @field_validator("discord_url", "slack_url", "telegram_url")
    @classmethod
    def _as_a_url(cls, told: str) -> str:
        if not _is_http(told):
            raise ValueError("http:// or https:// with a host, without a name or a query")
        return told

    @model_validator(mode="after")
    def _whole_bots(self) -> Self:
        groups = (
            ("discord_application_id", "discord_public_key", "discord_bot_token"),
            ("slack_signing_secret", "slack_bot_token"),
            ("telegram_bot_token", "telegram_secret"),
        )
        for names in groups:
            missing = [name for name in names if getattr(self, name) is None]
            if missing and len(missing) < len(names):
                raise ValueError(f"{missing[0]}: goes together with {', '.join(names)}")
        return self


def has_bot(settings: ChatSettings) -> bool:
    """Return whether any platform has a bot here."""
    tokens = (settings.discord_bot_token, settings.slack_bot_token, settings.telegram_bot_token)
    return any(token is not None for token in tokens)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, name, _ = parts.hostname, parts.username, parts.port
    except ValueError:
        return False
    plain = _PRINTABLE.fullmatch(url) and not (parts.query or parts.fragment)
    return bool(plain and parts.scheme in {"http", "https"} and host) and name is None
