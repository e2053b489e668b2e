"""The description of the Bot API refuses what Telegram refuses, and says where it is wrong."""

from typing import Any

import pytest

from infra.simulator.chat.telegram_spec import telegram_spec

BUTTON = {"text": "x", "callback_data": "y"}


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"reply_markup": {"inline_keyboard": [list(buttons)]}}


def entity(**parts: Any) -> dict[str, Any]:
    return {"entities": [{"type": "bold", "offset": 0, "length": 1} | parts]}


@pytest.mark.parametrize(
    ("method", "values", "words"),
    [
        ("sendMesage", {}, "no such method"),
        ("sendMessage", {"chat_id": 1}, "sendMessage.text: required"),
        ("sendMessage", {"chat_id": 1.5, "text": "x"}, "chat_id: no"),
        ("sendMessage", {"chat_id": True, "text": "x"}, "chat_id: no"),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", "txt": "y"},
            "txt: sendMessage has no such",
        ),
        ("sendMessage", {"chat_id": 1, "text": "🎏" * 2049}, "4098 characters, 1 to 4096"),
        ("sendMessage", {"chat_id": 1, "text": " \n"}, "is empty"),
        ("sendMessage", {"chat_id": 1, "text": "x", **entity(length=2)}, "beyond its text"),
        ("sendMessage", {"chat_id": 1, "text": "🎏", **entity()}, "cuts a character"),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", **entity(type="big")},
            "no entity is a big",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", **entity(type="text_link")},
            "url: required",
        ),
        ("sendMessage", {"chat_id": 1, "text": "x", **keyboard({"text": "x"})}, "one action"),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", **keyboard(BUTTON | {"url": "https://x.y"})},
            "one action",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", **keyboard(BUTTON | {"callback_data": "é" * 33})},
            "66 bytes, 1 to 64",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", **keyboard(BUTTON | {"style": "loud"})},
            "style: not a value",
        ),
        ("sendMessage", {"chat_id": 1, "text": "x", "reply_parameters": {}}, "message_id"),
        ("editMessageText", {"text": "x"}, "chat_id: required"),
        ("editMessageText", {"chat_id": 1, "message_id": 2}, "text: required"),
        ("editMessageCaption", {"chat_id": 1, "message_id": 2, "caption": "x" * 1025}, "1025"),
        (
            "editMessageMedia",
            {"chat_id": 1, "message_id": 2, "media": {"type": "photo", "media": "attach://a"}},
            "attach://a: there is no such file",
        ),
        (
            "editMessageMedia",
            {"chat_id": 1, "message_id": 2, "media": {"type": "poster", "media": "x"}},
            "media: none of",
        ),
        ("sendPhoto", {"chat_id": 1}, "photo: required"),
        ("sendChatAction", {"chat_id": 1, "action": "dance"}, "action: not a value"),
        (
            "answerCallbackQuery",
            {"callback_query_id": "q", "text": "x" * 201},
            "201 characters",
        ),
        ("sendMessageDraft", {"chat_id": 1, "draft_id": 0, "text": "x"}, "must be non-zero"),
        (
            "sendMessageDraft",
            {"chat_id": "1", "draft_id": 5, "text": "x"},
            "chat_id: no Integer",
        ),
        ("setWebhook", {"url": "http://x.y"}, "url: not a value"),
        (
            "setWebhook",
            {"url": "https://x.y", "secret_token": "a b"},
            "secret_token: not a value",
        ),
        (
            "setMyCommands",
            {"commands": [{"command": "Imagine", "description": "x"}]},
            "command: not a value",
        ),
    ],
)
def test_a_call_that_is_wrong_is_found(method: str, values: dict[str, Any], words: str) -> None:
    faults = telegram_spec().faults(method, values)

    assert any(words in fault for fault in faults), faults


def test_a_file_belongs_to_a_field_or_to_a_name() -> None:
    spec = telegram_spec()
    media = {"type": "photo", "media": "attach://a", "caption": "attach://b"}
    edit = {"chat_id": 1, "message_id": 2, "media": media}

    assert spec.faults("editMessageMedia", edit, ["a"]) == []
    assert spec.faults("editMessageMedia", edit, ["a", "c"]) == [
        "c: a file that nothing refers to"
    ]
    assert spec.faults("sendPhoto", {"chat_id": 1}, ["photo"]) == []
    assert spec.faults("sendPhoto", {"chat_id": 1, "photo": "file_id"}) == []


def test_a_form_is_read_as_its_fields_say() -> None:
    form = {"chat_id": "-1001", "caption": "5", "has_spoiler": "true", "caption_entities": "[]"}

    assert telegram_spec().read_form("sendPhoto", form) == {
        "chat_id": -1001,
        "caption": "5",
        "has_spoiler": True,
        "caption_entities": [],
    }
    torn = {"caption_entities": "["}
    assert telegram_spec().read_form("sendPhoto", torn) == torn
