"""The commands of the bot as Discord registers them, and the calls that set a bot up. Pure.

``PUT /applications/{id}/commands`` with ``COMMANDS`` replaces all global commands at once, as
often as one likes. What the options mean is read in ``infra/chat/discord_inbound.py``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from infra.chat.adapter import ChatCall, FilePart
from infra.chat.discord_calls import USER_AGENT
from schemas.lanes import Lane

_SLASH: Final = 1
_STRING, _ATTACHMENT = 3, 11
_MOST_TEXT: Final = 6000
_MOST_LINKS: Final = 2000
_SPEEDS: Final = (Lane.TURBO, Lane.FAST, Lane.RELAX)
# View channels, send messages, attach files, read history, send in threads: so that the bot
# reaches a message once its interaction's token is dead.
_PERMISSIONS: Final = 0x400 | 0x800 | 0x8000 | 0x10000 | 0x4000000000


def _command(name: str, description: str, *options: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": _SLASH, "name": name, "description": description}
    return {**made, "options": list(options)} if options else made


def _text(
    name: str, description: str, *, required: bool = False, most: int = _MOST_TEXT
) -> dict[str, Any]:
    return {
        "type": _STRING,
        "name": name,
        "description": description,
        "required": required,
        "max_length": most,
    }


def _picture(name: str, description: str) -> dict[str, Any]:
    return {"type": _ATTACHMENT, "name": name, "description": description, "required": False}


def _speed() -> dict[str, Any]:
    return {
        "type": _STRING,
        "name": "speed",
        "description": "How urgent it is",
        "required": False,
        "choices": [{"name": lane.value, "value": lane.value} for lane in _SPEEDS],
    }


_BLENDED: Final = tuple(_picture(f"image{n}", f"Picture {n} of 2 to 5") for n in range(1, 6))

COMMANDS: Final[Sequence[Mapping[str, Any]]] = (
    _command(
        "imagine",
        "Make pictures of what you describe",
        _text("prompt", "What to see, and flags: a red kite --ar 16:9", required=True),
        _speed(),
    ),
    _command(
        "ask",
        "Ask a language model",
        _text("prompt", "Your question", required=True),
        _speed(),
    ),
    _command(
        "describe",
        "Get prompts for a picture like this one",
        _picture("image", "The picture"),
        _text("link", "Or its address", most=_MOST_LINKS),
        _speed(),
    ),
    _command(
        "blend",
        "Make one picture of 2 to 5",
        *_BLENDED,
        _text("link", "Or their addresses, with a space between", most=_MOST_LINKS),
        _speed(),
    ),
    _command("queue", "See what you have under way, and cancel it"),
    _command(
        "cancel",
        "Cancel your newest job",
        _text("job", "Or another one: its id", most=64),
    ),
    _command("info", "See speeds, limits, and what is left"),
    _command("link", "Link yourself, or this server, to an account"),
    _command(
        "settings",
        "See the rules of this server",
        _text("change", "What to change, for those who manage it", most=200),
    ),
    _command("gallery", "See all that you made here"),
    _command("help", "See what there is"),
)


def register_commands(
    url: str, application: str, bot_token: str, guild: str | None = None
) -> ChatCall:
    """Return the call that replaces all commands of an application: global ones, or a server's.

    Args:
        url: Discord's API.
        application: Its id.
        bot_token: A secret.
        guild: Only those of this server, which it has at once; ``None``: those of all.
    """
    where = f"/guilds/{guild}" if guild else ""
    return ChatCall(
        "PUT",
        f"{url.rstrip('/')}/applications/{application}{where}/commands",
        "discord register_commands",
        # An array, which no other call has.
        raw=FilePart("", "", "application/json", orjson.dumps(COMMANDS)),
        headers={"Authorization": f"Bot {bot_token}", "User-Agent": USER_AGENT},
    )


def invitation(application: str) -> str:
    """Return the address at which whoever manages a server lets the bot in."""
    return (
        "https://discord.com/oauth2/authorize"
        f"?client_id={application}&scope=bot+applications.commands&permissions={_PERMISSIONS}"
    )
