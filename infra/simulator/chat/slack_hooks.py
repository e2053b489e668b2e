"""``response_url``: five answers in thirty minutes, also where the bot is no member."""

from collections.abc import Mapping
from typing import Any, Final

from infra.simulator.chat.ledger import Logged
from infra.simulator.chat.messages import Message
from infra.simulator.chat.slack_errors import fault
from infra.simulator.chat.slack_world import URL_LIFE, URL_USES, AnswerUrl, SlackWorld
from infra.simulator.chat.wire import (
    Answer,
    RefusedError,
    Request,
    UnreadableError,
    object_of,
    read_json,
    said,
)

_FIELDS: Final = frozenset(
    [
        "text",
        "blocks",
        "attachments",
        "response_type",
        "replace_original",
        "delete_original",
        "thread_ts",
        "mrkdwn",
        "unfurl_links",
        "unfurl_media",
    ]
)
_TYPES: Final = frozenset({"in_channel", "ephemeral"})


def answer_by_url(world: SlackWorld, request: Request, entry: Logged) -> Answer:
    """Take an answer at a ``response_url``.

    Raises:
        RefusedError: Its time or its uses are over, or this is no message.
    """
    held = world.urls.get(request.path)
    if held is None or request.method != "POST":
        raise _gone("no_such_url")
    if world.clock.monotonic() - held.born > URL_LIFE:
        raise _gone("expired_url")
    if held.uses >= URL_USES:
        raise _gone("used_url")
    told = entry.told = read_message(request.body, request.media_type)
    held.uses += 1
    place_answer(world, held, told)
    return Answer(200, b"ok", media_type="text/plain")


def read_message(body: bytes, media_type: str) -> dict[str, Any]:
    """Return the message that an answer holds.

    Raises:
        RefusedError: It is none.
    """
    if media_type == "text/plain":
        return {"text": body.decode("utf-8", "replace")}
    try:
        message = object_of(read_json(body))
    except UnreadableError:
        raise fault("invalid_payload") from None
    if media_type != "application/json" or message is None:
        raise fault("invalid_payload", "it is no JSON object")
    unknown = message.keys() - _FIELDS
    if unknown or message.get("response_type", "ephemeral") not in _TYPES:
        raise fault("invalid_payload", f"unknown: {sorted(unknown)}, or its response_type")
    return message


def place_answer(world: SlackWorld, held: AnswerUrl, told: Mapping[str, Any]) -> Message | None:
    """Put up, replace or delete a message as an answer says.

    Raises:
        RefusedError: It is not what Slack takes.
    """
    about = held.about
    if told.get("delete_original"):
        if about is not None:
            world.board.delete(about)
        return None
    if told.get("replace_original") and about is not None and not about.deleted:
        return world.edit(about, {**told, "blocks": told.get("blocks") or []})
    private = told.get("response_type", "ephemeral") == "ephemeral"
    made = world.post(held.channel, told, private_to=held.person if private else None)
    if held.about is None or told.get("replace_original"):
        held.about = made
    return made


def _gone(error: str) -> RefusedError:
    return RefusedError(said({"ok": False, "error": error}, 404), error)
