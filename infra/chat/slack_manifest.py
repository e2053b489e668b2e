"""The manifest of the Slack app: pasted at api.slack.com/apps, it sets all of the app up. Pure.

Fields: docs.slack.dev/reference/app-manifest.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

PATH: Final = "/chat/slack"

# Slack keeps some names for itself, and another app of the workspace may have taken others:
# every command is also one of /genq, as is the help.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "/genq": ("All commands under one name", "help, or any command and what belongs to it"),
        "/imagine": ("Make pictures of what you describe", "a red kite --ar 16:9"),
        "/ask": ("Ask a language model", "your question"),
        "/describe": ("Get prompts for a picture like this one", "https://…"),
        "/blend": ("Make one picture of 2 to 5", "https://… https://…"),
        "/queue": ("See what you have under way, and cancel it", ""),
        "/cancel": ("Cancel your newest job, or another one", "the job's id"),
        "/info": ("See speeds, limits, and what is left", ""),
        "/link": ("Link yourself, or this workspace, to an account", ""),
        "/settings": ("See the rules of this workspace", ""),
        "/gallery": ("See all that you made here", ""),
    }
)
SCOPES: Final = (
    "chat:write",
    # Into public channels without being invited first.
    "chat:write.public",
    "commands",
    "files:write",
    # The result, where neither the bot nor response_url may write any more.
    "im:write",
)
_NAME: Final = 35


def manifest_of(public_url: str, *, name: str = "genq") -> dict[str, Any]:
    """Return the manifest of an app, which may be written as JSON or as YAML.

    Args:
        public_url: Where Slack reaches the API: https, without a path or with that of a proxy.
        name: Of the app and of its bot, 1 to 35 characters.

    Raises:
        ValueError: Slack would not take the URL or the name.
    """
    parts = urlsplit(public_url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("public_url: Slack calls https://… alone, without query and fragment")
    if not 1 <= len(name.strip()) <= _NAME:
        raise ValueError(f"name: 1 to {_NAME} characters")
    url = f"{public_url.rstrip('/')}{PATH}"
    return {
        "display_information": {
            "name": name.strip(),
            "description": "Makes pictures and texts, and shows where they are in the queue.",
        },
        "features": {
            # Without its messages tab, the bot could not write to a person.
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name.strip(), "always_online": True},
            "slash_commands": [_command(url, *one) for one in COMMANDS.items()],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True, "request_url": url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }


def _command(url: str, command: str, told: tuple[str, str]) -> dict[str, Any]:
    description, hint = told
    made: dict[str, Any] = {
        "command": command,
        "url": url,
        "description": description,
        # Names of people and channels stay as they were typed.
        "should_escape": False,
    }
    return {**made, "usage_hint": hint} if hint else made
