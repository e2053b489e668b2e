"""What Slack posts: slash commands, buttons that are pressed, and its own questions. Pure.

Slash commands: docs.slack.dev/interactivity/implementing-slash-commands; buttons:
docs.slack.dev/reference/interaction-payloads/block_actions-payload; a question whether we are
there: docs.slack.dev/reference/events/url_verification.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

import orjson

from infra.chat.slack_form import form_of
from infra.chat.slack_text import unescaped
from infra.chat.slack_view import LINK_ACTION
from schemas.chat import ChatAction, ChatUser, MessageRef, Place, Platform
from schemas.chat_errors import ChatUnreadableError
from schemas.chat_inbound import Attached, Command, Ignored, Inbound, Ping, Press

URL_LIFE: Final = timedelta(minutes=30)
"""How long a ``response_url`` serves."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.:-]{1,255}")
_ACTION: Final = re.compile(r"[\x20-\x7e]{1,255}")
_CHALLENGE: Final = re.compile(r"[\x20-\x7e]{1,1024}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LINK: Final = re.compile(r"<(https?://[^\s<>|]+)(?:\|[^<>]*)?>")
_URL: Final = re.compile(r"https?://[^\s<>|]+")
# All commands under one name, for workspaces in which another app has taken one.
_UMBRELLA: Final = "genq"
_WITH_PICTURES: Final = frozenset({"describe", "blend"})
_PICTURES: Final = 10
_DIRECT: Final = "D"

Fields = Mapping[str, Any]


def parse(body: bytes, now: datetime, trusts: Callable[[str], bool]) -> Inbound:
    """Return what a verified request asks.

    Args:
        body: As it came.
        now: Aware.
        trusts: Whether a ``response_url`` leads to Slack; one that does not is left out.

    Raises:
        ChatUnreadableError: It is not what Slack documents.
    """
    if body.lstrip()[:1] == b"{":
        return _event(_json(body))
    form = form_of(body)
    if "payload" in form:
        return _interaction(_json(form["payload"]), now, trusts)
    if form.get("ssl_check") == "1":
        return Ping()
    return _command(form, now, trusts)


def _event(event: Fields) -> Inbound:
    kind = event.get("type")
    if kind == "url_verification":
        return Ping(_matched(event, "challenge", _CHALLENGE))
    return Ignored(f"event {_name(kind)}")


def _command(form: Mapping[str, str], now: datetime, trusts: Callable[[str], bool]) -> Command:
    slash, named = form.get("command", "")[:1], form.get("command", "")[1:]
    if slash != "/" or _NAME.fullmatch(named) is None:
        raise ChatUnreadableError("command: it is to be a slash and a name")
    name, text = named.lower(), form.get("text", "").strip()
    if name == _UMBRELLA:
        name, text = _umbrella(text)
    channel = _matched(form, "channel_id", _ID)
    words, pictures = _pictures(text) if name in _WITH_PICTURES else (text, ())
    return Command(
        platform=Platform.SLACK,
        dedupe_key=_matched(form, "trigger_id", _TOKEN),
        user=ChatUser(_matched(form, "user_id", _ID), form.get("user_name", "")),
        place=_place(_matched(form, "team_id", _ID), channel),
        ref=_ref(form.get("response_url"), channel, now, trusts),
        received_at=now,
        name=name,
        text=unescaped(_LINK.sub(r"\1", words)),
        pictures=pictures,
    )


def _umbrella(text: str) -> tuple[str, str]:
    """Return the command that the words begin with, and the rest; help, if they name none."""
    first, *rest = text.split(None, 1)[:2] or [""]
    named = _NAME.fullmatch(first.removeprefix("/"))
    return (named[0].lower(), "".join(rest)) if named else ("help", "")


def _interaction(payload: Fields, now: datetime, trusts: Callable[[str], bool]) -> Inbound:
    kind = payload.get("type")
    if kind != "block_actions":
        return Ignored(f"interaction {_name(kind)}")
    container = _object(payload, "container")
    if container.get("type") != "message":
        return Ignored("a button that is on no message")
    actions = payload.get("actions")
    first = cast("list[object]", actions)[0] if isinstance(actions, list) and actions else None
    if not isinstance(first, dict):
        raise ChatUnreadableError("actions: none is there")
    action = cast("Fields", first)
    if action.get("type") != "button":
        return Ignored("an element that is no button")
    if _matched(action, "action_id", _ACTION).startswith(f"{LINK_ACTION}:"):
        return Ignored("a button that leads somewhere")
    return _press(payload, container, action, now, trusts)


def _press(
    payload: Fields,
    container: Fields,
    action: Fields,
    now: datetime,
    trusts: Callable[[str], bool],
) -> Press:
    user = _object(payload, "user")
    user_id, ts = _matched(user, "id", _ID), _matched(container, "message_ts", _TOKEN)
    channel, action_id = _matched(container, "channel_id", _ID), action["action_id"]
    thread = container.get("thread_ts")
    thread = thread if isinstance(thread, str) and _TOKEN.fullmatch(thread) else None
    ref = _ref(payload.get("response_url"), channel, now, trusts, thread)
    name = user.get("username") or user.get("name")
    parts = (channel, ts, action_id, user_id, _matched(action, "action_ts", _TOKEN))
    return Press(
        platform=Platform.SLACK,
        dedupe_key=":".join(parts),
        user=ChatUser(user_id, name if isinstance(name, str) else ""),
        place=_place(_team(payload, user), channel, thread),
        ref=replace(ref, reply_to=ts),
        received_at=now,
        action=_action(action_id, action.get("value")),
        pressed=MessageRef(
            channel, ts, token=ref.token, token_until=ref.token_until, thread=thread
        ),
    )


def _action(action_id: str, value: object) -> ChatAction | None:
    """Return what a button does: its id says it, or the id's beginning and its value."""
    whole = ChatAction.parse(action_id)
    if whole is None and isinstance(value, str):
        whole = ChatAction.parse(f"{action_id}:{value}")
    return whole


def _team(payload: Fields, user: Fields) -> str:
    """Return the workspace: of an app of a whole organisation, the user's, or that itself."""
    team, whole = payload.get("team"), payload.get("enterprise")
    if isinstance(team, dict):
        return _matched(cast("Fields", team), "id", _ID)
    if "team_id" in user:
        return _matched(user, "team_id", _ID)
    if isinstance(whole, dict):
        return _matched(cast("Fields", whole), "id", _ID)
    raise ChatUnreadableError("team: it is missing")


def _place(team: str, channel: str, thread: str | None = None) -> Place:
    # A direct message is in the workspace all the same, and what is bound is the workspace.
    return Place(team, channel, private=channel.startswith(_DIRECT), thread=thread)


def _ref(
    url: object,
    channel: str,
    now: datetime,
    trusts: Callable[[str], bool],
    thread: str | None = None,
) -> MessageRef:
    if not isinstance(url, str) or not trusts(url):
        return MessageRef(channel, thread=thread)
    return MessageRef(channel, token=url, token_until=now + URL_LIFE, thread=thread)


def _pictures(text: str) -> tuple[str, tuple[Attached, ...]]:
    """Return the words and the pictures of a command: Slack lets none be attached."""
    bare = _LINK.sub(r"\1", text)
    urls = tuple(Attached(url=unescaped(url)) for url in _URL.findall(bare)[:_PICTURES])
    return " ".join(_URL.sub(" ", bare).split()), urls


def _json(text: str | bytes) -> Fields:
    try:
        value = orjson.loads(text)
    except ValueError:
        raise ChatUnreadableError("it is not JSON") from None
    if not isinstance(value, dict):
        raise ChatUnreadableError("it is not a JSON object")
    return cast("Fields", value)


def _object(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise ChatUnreadableError(f"{name}: it is to be an object")
    return cast("Fields", value)


def _matched(fields: Fields, name: str, pattern: re.Pattern[str]) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ChatUnreadableError(f"{name}: it is missing, or is not as Slack writes it")
    return value


def _name(kind: object) -> str:
    known = isinstance(kind, str) and _ID.fullmatch(kind) is not None
    return str(kind) if known else "of no known kind"
