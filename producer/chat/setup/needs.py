"""What each platform needs to know of us, and where its pages have it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from infra.setting_faults import variable
from schemas.chat import Platform
from schemas.errors import SettingsError

_DISCORD: Final = "https://discord.com/developers/applications > your application"
_SLACK: Final = "https://api.slack.com/apps > your app"

# By field: where it is found, and a value with which the other settings can be read meanwhile.
NEEDED: Final[Mapping[Platform, Mapping[str, tuple[str, str]]]] = MappingProxyType(
    {
        Platform.DISCORD: {
            "discord_application_id": (
                f"{_DISCORD} > General Information: Application ID",
                "0",
            ),
            "discord_public_key": (
                f"{_DISCORD} > General Information: Public Key",
                "0" * 64,
            ),
            "discord_bot_token": (f"{_DISCORD} > Bot: Reset Token", "-"),
        },
        Platform.SLACK: {
            "slack_signing_secret": (
                f"{_SLACK} > Basic Information > App Credentials: Signing Secret",
                "-",
            ),
            "slack_bot_token": (
                f"{_SLACK} > OAuth & Permissions: Bot User OAuth Token, once it is installed",
                "-",
            ),
        },
        Platform.TELEGRAM: {
            "telegram_bot_token": (
                "write /newbot to @BotFather; it answers with the token",
                "-",
            ),
            "telegram_secret": ("choose one: openssl rand -hex 32", "-"),
        },
    }
)


def missing_of(platform: Platform, fields: list[str]) -> SettingsError:
    """Return the error that tells which settings are missing, and where to find them."""
    lines = [f"  {variable(field)}: {NEEDED[platform][field][0]}" for field in fields]
    told = [f"of the {platform} bot is not set, neither here nor where `genq up` runs:", *lines]
    return SettingsError("\n".join(told))


def fault_of(public_url: str) -> str | None:
    """Return what keeps a platform from reaching us at this address; ``None``: nothing seen."""
    parts = urlsplit(public_url)
    if parts.scheme == "https" and parts.hostname and not parts.query and not parts.fragment:
        return None
    return (
        f"{public_url} is no https:// address: platforms call no other; set it to where they "
        "reach the API, such as https://genq.example.com (a proxy or a tunnel in front of it)"
    )
