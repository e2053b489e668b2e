"""What Telegram's own request is answered with, and what is said besides."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from infra.chat.adapter import ChatAdapter, Fate, SendResult
from infra.chat.opening import adapters_of
from infra.chat.telegram import FILE_BYTES, TelegramAdapter
from infra.chat.telegram_setup import (
    COMMANDS,
    command_parameters,
    setup_calls,
    webhook_parameters,
)
from infra.simulator.chat.telegram_spec import telegram_spec
from schemas.chat import ChatUser, Place, Platform
from schemas.chat_errors import ChatNotConfiguredError, ChatUnreachableError
from schemas.chat_inbound import Command, Ignored, Ping, Press
from schemas.chat_view import Button, ChatAnswer, Defer, Mark, Notice, Reply, Show, Tell, Tone
from schemas.errors import SettingsError
from schemas.picture_errors import PictureUnavailableError
from tests.fixtures.telegram_scenes import (
    GROUP,
    NOW,
    PRIVATE,
    SECRET,
    TOKEN,
    WAITING,
    Script,
    ScriptedTelegram,
    adapter,
    refusal,
    settings,
)

ALONE = Place("", "123456", private=True)
AMONG = Place(GROUP.channel, GROUP.channel, thread="3")
FULL = Notice("Queue full", "Running 3/3, waiting 7/7: cancel one with /queue.", Tone.WARNING)
OPEN = Button("Open", url="https://g.example/l")
LINK = Notice("Link", "Open it within 15 minutes.", buttons=(OPEN,))
QUIET = ChatAnswer(200)


def command(name: str = "imagine", place: Place = ALONE) -> Command:
    ref = PRIVATE if place.private else GROUP
    user = ChatUser("123456", "Nelly")
    return Command(Platform.TELEGRAM, "1", user, place, ref, NOW, name=name, text="a secret")


def press(place: Place = ALONE) -> Press:
    ref = PRIVATE if place.private else GROUP
    user = ChatUser("123456", "Nelly")
    return Press(Platform.TELEGRAM, "2", user, place, ref, NOW, callback_id="q1")


def call_in(answer: ChatAnswer) -> dict[str, Any]:
    """The method call that an answer is, as documented."""
    told = json.loads(answer.body)
    method = told.pop("method")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert telegram_spec().faults(method, told) == []
    return {"method": method, **told}


def told(heard: Command | Press, notice: Notice, http: ScriptedTelegram) -> SendResult:
    return asyncio.run(adapter().tell(heard, notice, http))


def test_the_adapter_is_opened_where_a_bot_is_configured() -> None:
    one: ChatAdapter = TelegramAdapter(settings())

    assert one.platform is Platform.TELEGRAM
    assert one.limits.id_bytes == 64
    assert set(adapters_of(settings())) == {Platform.TELEGRAM}
    with pytest.raises(ChatNotConfiguredError):
        TelegramAdapter(settings(telegram_secret=None))


@pytest.mark.parametrize(
    ("heard", "reply"),
    [
        (Ping(), None),
        (Ignored("x"), None),
        (command(), Show(WAITING)),
        (command(), Defer()),
        (press(), Defer()),
        (command(), Mark(None)),
    ],
)
def test_where_nothing_is_to_be_said_the_answer_is_empty(
    heard: Any, reply: Reply | None
) -> None:
    assert adapter().answer(heard, reply) == QUIET


@pytest.mark.parametrize("place", [ALONE, AMONG])
def test_a_refusal_answers_the_command(place: Place) -> None:
    call = call_in(adapter().answer(command(place=place), Tell(FULL)))

    assert call["method"] == "sendMessage"
    assert call["chat_id"] == int(place.channel)
    assert call["text"] == "⚠️ Queue full\nRunning 3/3, waiting 7/7: cancel one with /queue."
    assert call["reply_parameters"]["message_id"] == (7 if place.private else 8)
    assert call.get("message_thread_id") == (None if place.private else 3)


def test_a_press_is_answered_so_that_the_button_rests() -> None:
    one = adapter()

    shown = call_in(one.answer(press(), Tell(replace(FULL, text="x" * 900))))
    assert shown["method"] == "answerCallbackQuery"
    assert shown["text"].startswith("Queue full: xxx")
    assert shown["show_alert"] is True
    for reply in (Show(WAITING), Mark(WAITING), Mark(None)):
        call = call_in(one.answer(press(), reply))
        assert call == {"method": "answerCallbackQuery", "callback_query_id": "q1"}


@pytest.mark.parametrize("name", ["link", "queue", "gallery", "info", "settings"])
def test_what_is_for_one_alone_is_not_said_in_a_group(name: str) -> None:
    one, http = adapter(), ScriptedTelegram()

    assert one.answer(command(name, AMONG), Tell(LINK)) == ChatAnswer(200, told=False)
    assert one.answer(command(name), Tell(LINK)).told
    assert told(command(name, AMONG), LINK, http).fate is Fate.TAKEN
    call = http.calls[0]
    assert (call.method, call.values["chat_id"]) == ("sendMessage", 123456)
    assert "reply_parameters" not in call.values
    assert call.values["reply_markup"]["inline_keyboard"][0][0]["url"] == "https://g.example/l"


def test_who_never_wrote_to_the_bot_is_asked_to() -> None:
    said: Script = (403, refusal("bot can't initiate conversation with a user", 403))
    http = ScriptedTelegram([said])
    result = told(command("link", AMONG), LINK, http)

    assert [call.values["chat_id"] for call in http.calls] == [123456, -1001234567890]
    assert "g.example" not in json.dumps(http.calls[1].json)
    assert "press Start" in http.calls[1].values["text"]
    assert result == SendResult(Fate.TAKEN, GROUP, status=200)


@pytest.mark.parametrize("place", [ALONE, AMONG])
def test_a_press_that_is_too_old_is_answered_by_a_message_to_its_user(place: Place) -> None:
    late = refusal("query is too old and response timeout expired or query ID is invalid")
    http = ScriptedTelegram([(400, late)])
    result = told(press(place), FULL, http)

    assert http.methods == ["answerCallbackQuery", "sendMessage"]
    assert http.calls[1].values["chat_id"] == 123456
    assert result.fate is Fate.TAKEN


@pytest.mark.parametrize(
    ("said", "fate"),
    [
        ("lost", Fate.AGAIN),
        ((429, refusal("x", 429, retry_after=3)), Fate.LIMITED),
        ((401, refusal("Unauthorized", 401)), Fate.STOPPED),
    ],
)
def test_what_could_not_be_said_is_known(said: Script, fate: Fate) -> None:
    for heard in (command(), press(), command("link", AMONG)):
        assert told(heard, FULL, ScriptedTelegram([said])).fate is fate


def test_what_was_deferred_is_finished() -> None:
    one, http = adapter(), ScriptedTelegram()

    async def finish() -> list[Fate]:
        pairs: list[tuple[Command | Press, Reply]] = [
            (command(), Show(WAITING)),
            (press(), Defer()),
            (press(), Show(WAITING)),
            (press(), Tell(FULL)),
            (command(place=AMONG), Tell(FULL)),
        ]
        return [(await one.finish_deferred(heard, reply, http)).fate for heard, reply in pairs]

    assert asyncio.run(finish()) == [Fate.TAKEN] * 5
    assert http.methods == ["answerCallbackQuery", "answerCallbackQuery", "sendMessage"]
    assert "text" not in http.calls[0].values
    assert told(replace(press(), callback_id=None), FULL, http).fate is Fate.TAKEN


def test_a_file_is_fetched_by_its_id() -> None:
    http = ScriptedTelegram(files={"photos/file_1.jpg": b"jpeg", "../x": b"x", "/var/x": b"x"})

    assert asyncio.run(adapter().fetch_file("photos/file_1.jpg", http)) == b"jpeg"
    for bad in ("unknown", "../x", "/var/x"):
        with pytest.raises(PictureUnavailableError) as caught:
            asyncio.run(adapter().fetch_file(bad, http))
        assert TOKEN not in str(caught.value)


def test_a_file_that_is_empty_or_too_large_is_refused() -> None:
    for data in (b"", b"x" * (FILE_BYTES + 1)):
        http = ScriptedTelegram(files={"f": data})
        with pytest.raises(PictureUnavailableError):
            asyncio.run(adapter().fetch_file("f", http))
    with pytest.raises(ChatUnreachableError):
        asyncio.run(adapter().fetch_file("f", ScriptedTelegram(["lost"])))


def test_the_bot_is_registered_as_documented() -> None:
    calls = setup_calls(settings(public_url="https://genq.example/"))
    faults = [telegram_spec().faults(call.bucket, call.body or {}) for call in calls]

    assert [call.bucket for call in calls] == ["setWebhook", "setMyCommands"]
    assert faults == [[], []]
    assert calls[0].body is not None
    assert calls[0].body["url"] == "https://genq.example/chat/telegram"
    assert calls[0].body["allowed_updates"] == ["message", "callback_query"]
    assert TOKEN not in repr(calls)
    assert [one["command"] for one in command_parameters()["commands"]] == list(COMMANDS)


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("http://genq.example/chat/telegram", SECRET, "public_url"),
        ("https://genq.example:9000/chat/telegram", SECRET, "public_url"),
        ("https://genq.example/chat/telegram", "a b", "telegram_secret"),
        ("https://genq.example/chat/telegram", "x" * 257, "telegram_secret"),
    ],
)
def test_what_telegram_would_refuse_is_said_before(url: str, secret: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        webhook_parameters(url, secret)
    with pytest.raises(SettingsError, match="not set"):
        setup_calls(settings(telegram_bot_token=None))
