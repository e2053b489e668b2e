"""What Slack's answers mean for a message. Pure.

Errors: docs.slack.dev/reference/methods/chat.postMessage, chat.update, and the files methods;
rate limits: docs.slack.dev/apis/web-api/rate-limits.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, cast

import orjson

from infra.chat.adapter import ChatHttpAnswer


class Meaning(StrEnum):
    """What an answer means, whichever call it answers."""

    DONE = "done"
    LIMITED = "limited"
    AGAIN = "again"
    GONE = "gone"
    STOPPED = "stopped"
    ELSEWHERE = "elsewhere"
    """Not by this way: another one may be left."""
    UNREADY = "unready"
    """A file that the message shows is not there yet, or is none to be shown."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Said:
    """What Slack answered.

    Attributes:
        status: HTTP's; ``None``: there was no answer.
        error: Slack's own word, if it is one.
        pause: Seconds to wait, if it is to be tried later and Slack told them.
        told: The body, where it is a JSON object.
    """

    meaning: Meaning
    status: int | None = None
    error: str | None = None
    pause: float = 0.0
    told: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, repr=False)

    @property
    def detail(self) -> str | None:
        """Return the same for a person: never content or a token."""
        if self.meaning is Meaning.DONE:
            return None
        if self.error is not None:
            return f"Slack: {self.error}"
        return "Slack gave no answer" if self.status is None else f"Slack: HTTP {self.status}"


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
UNREACHED: Final = Said(Meaning.AGAIN)
INVALID_BLOCKS: Final = "invalid_blocks"
TOO_LONG: Final = frozenset({"msg_too_long", "msg_blocks_too_long"})
"""Slack takes a shorter form of the message."""

_WORDS: Final[Mapping[Meaning, frozenset[str]]] = MappingProxyType(
    {
        Meaning.LIMITED: frozenset({"ratelimited", "rate_limited"}),
        Meaning.STOPPED: frozenset(
            {
                *("account_inactive", "token_revoked", "token_expired", "invalid_auth"),
                *("not_authed", "missing_scope", "not_allowed_token_type"),
                *("team_access_not_granted", "org_login_required"),
            }
        ),
        Meaning.GONE: frozenset({"message_not_found"}),
        Meaning.ELSEWHERE: frozenset(
            {
                *("not_in_channel", "channel_not_found", "is_archived", "restricted_action"),
                *("restricted_action_read_only_channel", "restricted_action_thread_locked"),
                *("restricted_action_thread_only_channel", "cannot_reply_to_message"),
                "restricted_action_non_threadable_channel",
                *("cant_update_message", "edit_window_closed", "posting_to_channel_denied"),
                *("used_url", "expired_url", "invalid_url", "url_not_found", "no_service"),
                *("action_prohibited", "posting_to_general_channel_denied", "no_permission"),
            }
        ),
        Meaning.AGAIN: frozenset(
            {
                *("fatal_error", "internal_error", "service_unavailable", "request_timeout"),
                *("team_added_to_org", "accesslimited", "rollup_error", "timeout"),
            }
        ),
    }
)
_BY_WORD: Final[Mapping[str, Meaning]] = MappingProxyType(
    {word: meaning for meaning, words in _WORDS.items() for word in words}
)
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FILE: Final = re.compile(r"slack[ _]file", re.IGNORECASE)
_PAUSE: Final = 5.0
_LONGEST: Final = 3600.0
_OK, _TOO_MANY, _FAULT = 200, 429, 500


def said_of(answer: ChatHttpAnswer) -> Said:
    """Return what an answer of the Web API, or of a ``response_url``, means."""
    told = _object(answer.body)
    error = _error(told, answer.body)
    pause = 0.0
    if answer.status == _TOO_MANY:
        meaning = Meaning.LIMITED
    elif answer.status >= _FAULT:
        meaning = Meaning.AGAIN
    elif answer.status == _OK and (told.get("ok") is True or answer.body.strip() == b"ok"):
        meaning = Meaning.DONE
    elif error is None:
        # An answer that is not Slack's came from something on the way.
        meaning = Meaning.AGAIN
    elif error == INVALID_BLOCKS and _of_a_file(told):
        meaning = Meaning.UNREADY
    else:
        meaning = _BY_WORD.get(error, Meaning.REFUSED)
    if meaning is Meaning.LIMITED:
        pause = _seconds(answer.headers.get("retry-after")) or _PAUSE
    return Said(meaning, answer.status, error, pause, told)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except ValueError:
        return _NOTHING
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else _NOTHING


def _error(told: Mapping[str, Any], body: bytes) -> str | None:
    """Return Slack's word; a ``response_url`` may say nothing else, and without JSON."""
    word = told.get("error") if told else body[:64].decode("ascii", "replace").strip()
    return word if isinstance(word, str) and _WORD.fullmatch(word) else None


def _of_a_file(told: Mapping[str, Any]) -> bool:
    """Return whether what is wrong with the blocks is a file.

    Slack looks at an upload for some moments after it was completed, and says until then that
    it is no file (github.com/slackapi/java-slack-sdk/issues/1349).
    """
    more = told.get("response_metadata")
    messages = cast("Mapping[str, Any]", more).get("messages") if isinstance(more, dict) else ()
    return _FILE.search(f"{told.get('errors')} {messages}") is not None


def _seconds(text: str | None) -> float:
    """Return the seconds of a ``Retry-After``; 0: it tells none."""
    try:
        seconds = float(text or "")
    except ValueError:
        return 0.0
    return min(seconds, _LONGEST) if math.isfinite(seconds) and seconds > 0 else 0.0
