"""What Telegram refuses, and what only stands before it: neither ends more than it must."""

import asyncio
import io
from dataclasses import replace
from typing import Any

import orjson
import pytest
from PIL import Image

from infra.chat.adapter import ChatHttpAnswer, Fate, SendResult
from infra.chat.blank_picture import blank_picture
from infra.chat.telegram_errors import read_answer, refused
from infra.chat.telegram_inbound import parse_update
from infra.chat.telegram_text import plain
from schemas.chat_inbound import Ignored
from schemas.chat_view import View
from tests.fixtures.telegram_scenes import (
    DONE,
    NOW,
    PRIVATE,
    REFUSED,
    ScriptedTelegram,
    adapter,
    refusal,
)

WORDS = replace(PRIVATE, message="100")
PHOTO = replace(PRIVATE, message="100", rung=1)
KEPT = (400, refusal("message can't be deleted for everyone"))
REFUSED_PICTURE = (400, refusal("not enough rights to send photos to the chat"))


def step(shown: View, http: ScriptedTelegram, ref: Any = PHOTO) -> SendResult:
    return asyncio.run(adapter().send(ref, shown, http, now=NOW, nonce="n"))


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 407])
@pytest.mark.parametrize("body", [b"<html>nginx</html>", b"", b"[]", b'{"error": "x"}'])
def test_what_a_proxy_says_ends_no_message_and_stops_no_bot(status: int, body: bytes) -> None:
    result = refused(read_answer(ChatHttpAnswer(status, {}, body)), WORDS)
    assert (result.fate, result.ref, result.status) == (Fate.AGAIN, WORDS, status)


def test_a_proxys_limits_are_limits() -> None:
    page = b"<html>nginx</html>"
    large = refused(read_answer(ChatHttpAnswer(413, {}, page)), WORDS)
    assert (large.fate, large.detail) == (Fate.HOPELESS, "too large")
    often = refused(read_answer(ChatHttpAnswer(429, {"retry-after": "9" * 400}, page)), WORDS)
    assert (often.fate, often.pause) == (Fate.LIMITED, 86_400.0)


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize(
    "words",
    [
        "not enough rights to send photos to the chat",
        "CHAT_SEND_PHOTOS_FORBIDDEN",
        "CHAT_SEND_MEDIA_FORBIDDEN",
        "PHOTO_INVALID_DIMENSIONS",
    ],
)
def test_where_no_picture_is_taken_the_bot_has_not_left(status: int, words: str) -> None:
    result = step(DONE, ScriptedTelegram([(status, refusal(words, status))]), WORDS)
    # Not LEFT: whoever sends it makes the picture smaller, and then leaves it out.
    assert (result.fate, result.ref) == (Fate.HOPELESS, WORDS)


def test_a_refused_preview_that_cannot_be_deleted_gives_way_to_a_plain_one() -> None:
    http = ScriptedTelegram([KEPT])
    result = step(REFUSED, http)
    assert (result.fate, result.ref) == (Fate.TAKEN, PHOTO)
    assert http.methods == ["deleteMessage", "editMessageMedia"]
    assert http.calls[1].files["picture"].startswith("removed.png image/png")
    assert "refused" in orjson.dumps(http.calls[1].values).decode().lower()
    with Image.open(io.BytesIO(blank_picture().data)) as shown:
        shown.load()
        assert (shown.size, shown.getcolors()) == ((320, 320), [(320 * 320, 0x99)])


def test_a_refused_preview_that_has_to_stay_is_told() -> None:
    http = ScriptedTelegram([KEPT, REFUSED_PICTURE])
    result = step(REFUSED, http)
    assert http.methods == ["deleteMessage", "editMessageMedia", "editMessageCaption"]
    assert result.fate is Fate.HOPELESS
    assert result.detail == "a preview of what was refused could not be taken away"
    later = step(REFUSED, ScriptedTelegram([KEPT, "lost"]))
    assert later.fate is Fate.AGAIN


@pytest.mark.parametrize("before", ["", " ", "-", ".", "+", "(", "ä", "-+.", "@"])
def test_no_character_before_it_makes_a_mention_ring(before: str) -> None:
    assert plain(f"{before}@name").endswith("@\u2060name")
    assert plain("me@mail.example") == "me@mail.example"


@pytest.mark.parametrize("kind", [[], {}, None, 7, True, "channel"])
def test_an_odd_kind_of_chat_is_let_go(kind: Any) -> None:
    message = {
        "message_id": 1,
        "text": "/imagine x",
        "from": {"id": 5, "is_bot": False},
        "chat": {"id": 5, "type": kind},
    }
    body = orjson.dumps({"update_id": 1, "message": message})
    assert isinstance(parse_update(body, NOW, None), Ignored)
