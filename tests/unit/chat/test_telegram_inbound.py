"""What Telegram brings is read: commands and presses of people, and nothing else."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.chat import ChatAction, MessageRef, Place, Platform, Verb
from schemas.chat_errors import ChatUnauthorizedError, ChatUnreadableError
from schemas.chat_inbound import Attached, Command, Ignored, Inbound, Press
from tests.fixtures.telegram_scenes import NOW, SECRET, adapter

VECTORS = json.loads(Path(__file__).with_name("chat-inbound-vectors.json").read_text("utf-8"))[
    "telegram"
]
BODIES = [
    VECTORS["requests"][0 if one["body"].startswith("(body of the first") else n]["body"]
    for n, one in enumerate(VECTORS["requests"])
]
HEADER = "x-telegram-bot-api-secret-token"
GOOD = {HEADER: SECRET}
PERSON = {"id": 123456, "is_bot": False, "first_name": "Nelly"}
ALONE = {"id": 123456, "type": "private", "first_name": "Nelly"}
GROUP = {"id": -1001234567890, "type": "supergroup", "title": "g"}
PHOTO = [
    {"file_id": "large", "width": 1280, "height": 960, "file_size": 99},
    {"file_id": "small", "width": 90, "height": 67},
]


def update(**parts: Any) -> bytes:
    return json.dumps({"update_id": 5, **parts}).encode()


def said(text: Any = "/imagine a cat", **more: Any) -> bytes:
    message = {"message_id": 7, "from": PERSON, "chat": ALONE, "date": 1, "text": text, **more}
    return update(message={name: part for name, part in message.items() if part is not None})


def pressed(**more: Any) -> bytes:
    message = {"message_id": 9, "chat": GROUP, "date": 0}
    query = {"id": "q", "from": PERSON, "chat_instance": "1", "message": message, "data": "x"}
    return update(callback_query=query | more)


def read(body: bytes, **more: Any) -> Inbound:
    return adapter(**more).parse({}, body, NOW)


def command(body: bytes, **more: Any) -> Command:
    found = read(body, **more)
    assert isinstance(found, Command), found
    return found


@pytest.mark.parametrize("n", range(len(BODIES)), ids=lambda n: VECTORS["requests"][n]["name"])
def test_a_request_with_the_secret_passes_and_no_other(n: int) -> None:
    one = VECTORS["requests"][n]
    headers = {name.lower(): value for name, value in one["headers"].items()}

    if one["expect_status"] == 401:
        with pytest.raises(ChatUnauthorizedError):
            adapter().verify(headers, BODIES[n].encode(), NOW)
    else:
        adapter().verify(headers, BODIES[n].encode(), NOW)
        assert isinstance(read(BODIES[n].encode()), Command | Press)


def test_the_published_requests_say_what_was_asked() -> None:
    first, group, press, again = (read(body.encode()) for body in BODIES[:4])

    assert isinstance(first, Command)
    assert (first.name, first.text) == ("imagine", "a café --ar 16:9")
    assert first.place == Place("", "123456", private=True)
    assert first.ref == MessageRef("123456", reply_to="7")
    assert (first.end_user, first.received_at) == ("telegram:123456", NOW)
    assert isinstance(group, Command)
    assert (group.name, group.text) == ("imagine", "a cat")
    assert group.place == Place("-1001234567890", "-1001234567890")
    assert isinstance(press, Press)
    assert press.action is not None
    assert (press.action.verb, press.action.index) == (Verb.UPSCALE, 2)
    assert press.pressed == MessageRef("123456", message="9")
    assert press.callback_id == "4382bfdwdsb323b2d9"
    assert isinstance(again, Command)
    assert again == first
    assert {first.dedupe_key, group.dedupe_key, press.dedupe_key} == {"1000", "1001", "1002"}
    assert first.platform is Platform.TELEGRAM


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("/start", "start", ""),
        ("/IMAGINE  two   kites ", "imagine", "two   kites"),
        ("/imagine\na cat\non a mat", "imagine", "a cat\non a mat"),
        ("/imagine@GenqBot", "imagine", ""),
        ("/imagine —ar 16:9", "imagine", "—ar 16:9"),
        ("/blend_2 x", "blend_2", "x"),
    ],
)
def test_a_command_is_its_name_and_what_follows(text: str, name: str, rest: str) -> None:
    found = command(said(text), telegram_bot_name="genqbot")

    assert (found.name, found.text) == (name, rest)


@pytest.mark.parametrize(
    "text",
    ["hello", "a /imagine cat", "/", "/imagine, a cat", "//imagine", "/café x", "", "/a" * 40],
)
def test_what_begins_with_no_command_is_ignored(text: str) -> None:
    assert read(said(text)) == Ignored("no command")


def test_a_command_for_another_bot_is_left_to_it() -> None:
    assert isinstance(read(said("/imagine@other x"), telegram_bot_name="genqbot"), Ignored)
    assert command(said("/imagine@other x")).text == "x"


def test_a_caption_is_a_command_with_its_picture() -> None:
    found = command(said(None, caption="/describe", photo=PHOTO))

    assert found.name == "describe"
    assert found.pictures == (Attached(file_id="large", media_type="image/jpeg", size=99),)


def test_a_reply_to_a_picture_brings_that_picture_too() -> None:
    file = {"file_id": "doc", "mime_type": "image/png", "file_size": 3}
    found = command(said("/blend", reply_to_message={"document": file}, photo=PHOTO))

    assert [one.file_id for one in found.pictures] == ["large", "doc"]
    assert found.pictures[1].media_type == "image/png"


@pytest.mark.parametrize(
    "parts",
    [
        {"document": {"file_id": "x", "mime_type": "application/pdf"}},
        {"document": {"file_id": 5, "mime_type": "image/png"}},
        {"photo": [{"width": 3}, 7, None]},
        {"photo": "large", "reply_to_message": "x"},
        {"document": {"mime_type": None}},
    ],
)
def test_what_is_no_picture_is_not_attached(parts: Mapping[str, Any]) -> None:
    assert command(said(**parts)).pictures == ()


def test_of_an_album_the_part_with_the_caption_is_the_command() -> None:
    album = [
        said(None, photo=PHOTO, media_group_id="g", caption=caption)
        for caption in ("/describe", None, None)
    ]

    assert [type(read(part)) for part in album] == [Command, Ignored, Ignored]


def test_a_topic_of_a_forum_is_kept_and_a_thread_of_replies_is_none() -> None:
    topic = command(said(chat=GROUP, message_thread_id=3, is_topic_message=True))
    replies = command(said(chat=GROUP, message_thread_id=3))

    assert (topic.place.thread, topic.ref.thread) == ("3", "3")
    assert topic.place.channel == replies.place.channel
    assert (replies.place.thread, replies.ref.thread) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        update(edited_message=json.loads(said())["message"]),
        update(channel_post=json.loads(said())["message"]),
        update(my_chat_member={"chat": GROUP}),
        update(something_new={"text": "/imagine x"}),
        update(),
        update(message="/imagine x"),
        update(message={"text": "/imagine x"}),
        said(chat={"id": -5, "type": "channel"}),
        said(chat={"id": "5", "type": "private"}),
        said(**{"from": {**PERSON, "is_bot": True}}),
        said(**{"from": None}),
        said(message_id=True),
        said(None, photo=PHOTO),
        pressed(message=None, inline_message_id="x"),
        pressed(data=None, game_short_name="g"),
        pressed(id=7),
        pressed(**{"from": {}}),
    ],
)
def test_what_is_not_for_us_is_ignored(body: bytes) -> None:
    assert isinstance(read(body), Ignored)


@pytest.mark.parametrize("data", ["x", "", "g1:u:2:short", "g1:q:0:" + "0" * 26, "🎏" * 16])
def test_a_forged_or_stale_button_is_a_press_of_no_action(data: str) -> None:
    found = read(pressed(data=data))

    assert isinstance(found, Press)
    assert found.action is None


def test_a_press_on_a_message_too_old_to_be_told_is_a_press() -> None:
    action = ChatAction(Verb.VARY, 4, read_job())
    found = read(pressed(data=action.id))

    assert isinstance(found, Press)
    assert (found.action, found.place.id) == (action, "-1001234567890")


def read_job() -> Any:
    press = read(BODIES[2].encode())
    assert isinstance(press, Press)
    assert press.action is not None
    return press.action.job_id


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"[]", b"null", b"7", b'"x"', b"{", b"{}", b'{"update_id":"1"}', b"\xff",
        b'{"update_id":true}', b'{"update_id":1.5}', b"[" * 5000, b'{"update_id":1e400}',
        b'{"update_id":1,"message":{"text":"\\ud800"}}',
    ],
)  # fmt: skip
def test_what_is_no_update_is_unreadable(body: bytes) -> None:
    with pytest.raises(ChatUnreadableError):
        read(body)


@pytest.mark.parametrize(
    "told", ["", " ", SECRET + "x", SECRET[:-1], SECRET.lower(), "é", "\ud800"]
)
def test_an_odd_secret_is_refused_and_nothing_else_happens(told: str) -> None:
    with pytest.raises(ChatUnauthorizedError):
        adapter().verify({HEADER: told}, b"", NOW)


@settings(max_examples=100, deadline=None)
@given(st.integers(), st.text(max_size=20))
def test_no_changed_request_passes_or_breaks_anything(seed: int, piece: str) -> None:
    """Each example changes a hundred requests: ten thousand in all."""
    one, chance = adapter(), random.Random(seed)
    for _ in range(100):
        body = bytearray(chance.choice(BODIES).encode())
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(body))
            body[at : at + chance.randrange(3)] = chance.choice(
                [piece.encode("utf-8", "ignore"), b"null", b"-", b"{}", b"\x00", b'"', b"1e9"]
            )
        secret = chance.choice([piece, SECRET + piece, SECRET[: chance.randrange(13)] + piece])
        headers = {} if chance.random() < 0.1 else {HEADER: secret}
        if headers.get(HEADER) != SECRET:
            with pytest.raises(ChatUnauthorizedError):
                one.verify(headers, bytes(body), NOW)
        try:
            found = one.parse(headers, bytes(body), NOW)
        except ChatUnreadableError:
            continue
        assert isinstance(found, Command | Press | Ignored)
