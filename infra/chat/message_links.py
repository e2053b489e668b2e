"""Links to messages, where a platform has such without asking it. Pure."""

from schemas.chat import MessageRef, Platform

_SUPERGROUP = "-100"


def message_link(platform: Platform, place_id: str, ref: MessageRef) -> str | None:
    """Return what leads to a message; ``None``: nobody knows.

    Args:
        platform: Where it is.
        place_id: As in ``Place``; empty in private.
        ref: Of the message; its channel and id are asked for.
    """
    channel, message = ref.channel, ref.message
    if message is None or not message.isascii() or not message.isdigit():
        return None
    match platform:
        case Platform.DISCORD if channel.isdigit():
            return f"https://discord.com/channels/{place_id or '@me'}/{channel}/{message}"
        case Platform.TELEGRAM if channel.startswith(_SUPERGROUP):
            return f"https://t.me/c/{channel.removeprefix(_SUPERGROUP)}/{message}"
        case _:
            # Slack's are below the workspace's own name, which no request tells.
            return None
