"""A job is one message: each step towards it, and what becomes of every answer."""

import asyncio
import json
from dataclasses import replace

import pytest

from infra.chat.adapter import Fate, SendResult
from schemas.chat import MessageRef
from schemas.chat_view import ChatStatus, View
from tests.fixtures.telegram_scenes import (
    ANSWERED,
    ASKED,
    DONE,
    GOLDEN,
    GROUP,
    HALF,
    JOURNEYS,
    NOW,
    PRIVATE,
    REFUSED,
    RUNNING,
    TOKEN,
    WAITING,
    WRITING,
    Script,
    ScriptedTelegram,
    adapter,
    journey,
    picture,
    refusal,
    show,
    view,
)

WORDS = replace(PRIVATE, message="100")
PHOTO = replace(PRIVATE, message="100", rung=1)
DRAFTED = replace(PRIVATE, message="100", rung=2)
LOST: Script = "lost"
REFUSALS: list[tuple[Script, Fate]] = [
    (
        (400, refusal("message is not modified: specified new message content …")),
        Fate.TAKEN,
    ),
    ((400, refusal("message to edit not found")), Fate.GONE),
    ((400, refusal("message can't be edited")), Fate.GONE),
    ((400, refusal("MESSAGE_ID_INVALID")), Fate.GONE),
    ((400, refusal("message thread not found")), Fate.GONE),
    ((400, refusal("chat not found")), Fate.LEFT),
    ((400, refusal("not enough rights to send text messages to the chat")), Fate.LEFT),
    ((403, refusal("bot was blocked by the user", 403)), Fate.LEFT),
    ((403, refusal("bot was kicked from the supergroup chat", 403)), Fate.LEFT),
    ((401, {"ok": False, "error_code": 401, "description": "Unauthorized"}), Fate.STOPPED),
    ((404, {"ok": False, "error_code": 404, "description": "Not Found"}), Fate.STOPPED),
    ((404, refusal("Not Found: method not found", 404)), Fate.HOPELESS),
    ((400, refusal("IMAGE_PROCESS_FAILED")), Fate.HOPELESS),
    ((413, {}), Fate.HOPELESS),
    ((409, refusal("x", 409)), Fate.HOPELESS),
    ((500, {"ok": False}), Fate.AGAIN),
    ((502, {}), Fate.AGAIN),
    ((302, {}), Fate.AGAIN),
    ((200, {"ok": False}), Fate.AGAIN),
    (LOST, Fate.AGAIN),
    ((429, refusal("Too Many Requests: retry after 7", 429, retry_after=7)), Fate.LIMITED),
]


def step(ref: MessageRef, shown: View, http: ScriptedTelegram) -> SendResult:
    return asyncio.run(adapter().send(ref, shown, http, now=NOW, nonce="n"))


def steps(
    ref: MessageRef, shown: View, http: ScriptedTelegram
) -> tuple[SendResult, list[Fate]]:
    return asyncio.run(show(ref, shown, http))


@pytest.mark.parametrize("name", JOURNEYS)
def test_a_journey_makes_the_calls_that_are_kept(name: str) -> None:
    kept = json.loads((GOLDEN / f"telegram_{name}.json").read_text("utf-8"))

    assert journey(*JOURNEYS[name]) == kept


@pytest.mark.parametrize(
    ("ref", "shown", "methods"),
    [
        (PRIVATE, WAITING, ["sendMessage"]),
        (PRIVATE, HALF, ["sendPhoto"]),
        (PRIVATE, DONE, ["sendMessage", "editMessageMedia"]),
        (PRIVATE, ANSWERED, ["sendMessage", "editMessageText"]),
        (PRIVATE, WRITING, ["sendMessage", "sendMessageDraft"]),
        (GROUP, WRITING, ["sendMessage"]),
        (WORDS, RUNNING, ["editMessageText"]),
        (WORDS, HALF, ["editMessageMedia"]),
        (WORDS, DONE, ["editMessageMedia"]),
        (WORDS, REFUSED, ["editMessageText"]),
        (WORDS, WRITING, ["sendMessageDraft"]),
        (WORDS, ANSWERED, ["editMessageText"]),
        (DRAFTED, WRITING, ["sendMessageDraft"]),
        (DRAFTED, ANSWERED, ["deleteMessage", "sendMessage", "editMessageText"]),
        (PHOTO, RUNNING, ["editMessageCaption"]),
        (PHOTO, view(ChatStatus.FAILED), ["editMessageCaption"]),
        (PHOTO, REFUSED, ["deleteMessage", "sendMessage", "editMessageText"]),
        (replace(GROUP, message="5"), WRITING, ["editMessageText"]),
    ],
)
def test_each_view_takes_its_way(ref: MessageRef, shown: View, methods: list[str]) -> None:
    http = ScriptedTelegram()
    result, fates = steps(ref, shown, http)

    assert http.methods == methods
    assert fates == [Fate.NEXT] * (len(methods) - 1) + [Fate.TAKEN]
    assert result.pause == (4.0 if ref.channel == GROUP.channel else 1.5)


def test_the_first_form_of_an_end_is_one_that_waits() -> None:
    """A lost answer may leave it behind: it is never a second result."""
    http = ScriptedTelegram()
    steps(PRIVATE, replace(ANSWERED, notice="n", link="https://l.example"), http)

    first, last = http.calls
    assert first.values["text"] == "Why is the sky blue? (Running) (fast)"
    assert "reply_markup" not in first.values
    assert last.values["text"].startswith("Why is the sky blue? (fast)\n\nIt scatters.")


def test_a_new_message_is_known_before_it_is_posted() -> None:
    one = adapter()

    assert one.posts(PRIVATE, DONE)
    assert not one.posts(WORDS, DONE)
    assert not one.posts(DRAFTED, ANSWERED)


def test_a_message_of_a_topic_answers_what_was_said_there() -> None:
    http = ScriptedTelegram()
    steps(GROUP, WAITING, http)

    values = http.calls[0].values
    assert values["chat_id"] == -1001234567890
    assert values["message_thread_id"] == 3
    assert values["reply_parameters"] == {"message_id": 8, "allow_sending_without_reply": True}


def test_a_large_picture_is_announced_and_nothing_depends_on_that() -> None:
    large = replace(DONE, pictures=(picture(size=1_000_001), picture("second.webp")))
    http = ScriptedTelegram([(400, refusal("x"))], at=frozenset({"sendChatAction"}))
    result, _ = steps(WORDS, large, http)

    assert http.methods == ["sendChatAction", "editMessageMedia"]
    assert http.calls[1].files == {"picture": "grid.webp image/webp 1000001"}
    assert (result.fate, result.ref.rung) == (Fate.TAKEN, 1)


@pytest.mark.parametrize(("said", "fate"), REFUSALS)
def test_every_refusal_has_its_fate(said: Script, fate: Fate) -> None:
    result = step(WORDS, RUNNING, ScriptedTelegram([said]))

    assert result.fate is fate
    assert result.ref == WORDS
    assert result.status == (None if said == LOST else said[0])
    assert (result.detail is None) == (fate is Fate.TAKEN)


@pytest.mark.parametrize(
    ("body", "pause"),
    [
        (refusal("Too Many Requests: retry after 7", 429, retry_after=35), 35.0),
        (refusal("Too Many Requests: retry after 7", 429), 7.0),
        (refusal("slow down", 429), 5.0),
        ({}, 5.0),
        (refusal("slow down", 429, retry_after=10**9), 86_400.0),
    ],
)
def test_a_pause_is_as_long_as_telegram_says(body: dict[str, object], pause: float) -> None:
    result = step(PRIVATE, WAITING, ScriptedTelegram([(429, body)]))

    assert (result.fate, result.pause, result.of_bot) == (Fate.LIMITED, pause, False)


def test_a_group_that_moved_is_followed_with_a_new_message() -> None:
    moved = refusal("group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009)
    http = ScriptedTelegram([(400, moved)])
    result, fates = steps(replace(GROUP, message="5", rung=1), DONE, http)

    assert fates == [Fate.NEXT, Fate.NEXT, Fate.TAKEN]
    assert http.methods == ["editMessageMedia", "sendMessage", "editMessageMedia"]
    assert result.ref == MessageRef("-1009", message="101", rung=1)


@pytest.mark.parametrize(
    ("ref", "words", "shown", "methods"),
    [
        (WORDS, "there is no text in the message to edit", RUNNING, ["Text", "Caption"]),
        (PHOTO, "there is no caption in the message to edit", RUNNING, ["Caption", "Text"]),
    ],
)
def test_a_message_of_another_kind_than_was_kept_is_edited_as_it_is(
    ref: MessageRef, words: str, shown: View, methods: list[str]
) -> None:
    http = ScriptedTelegram([(400, refusal(words))])
    result, _ = steps(ref, shown, http)

    assert http.methods == [f"editMessage{one}" for one in methods]
    assert result.ref.rung == 1 - ref.rung


def test_a_picture_whose_edit_was_lost_is_a_picture_all_the_same() -> None:
    """The answer to it said "not modified", or never came: the next edit finds out."""
    http = ScriptedTelegram([LOST])
    again = step(WORDS, HALF, http)
    assert again == SendResult(Fate.AGAIN, WORDS, detail="no answer")

    same = ScriptedTelegram([(400, refusal("message is not modified"))])
    assert step(WORDS, HALF, same).pause == 1.5


def test_a_draft_that_is_refused_is_an_edit_instead() -> None:
    http = ScriptedTelegram([(404, refusal("Not Found: method not found", 404))])
    result = step(WORDS, WRITING, http)

    assert http.methods == ["sendMessageDraft", "editMessageText"]
    assert (result.fate, result.ref) == (Fate.TAKEN, WORDS)


def test_a_draft_shows_the_words_so_far_under_the_number_of_its_message() -> None:
    http = ScriptedTelegram()
    result, _ = steps(WORDS, WRITING, http)

    assert http.calls[0].values["draft_id"] == 100
    assert http.calls[0].values["text"].endswith("\n\nBecause light")
    assert result.ref == DRAFTED


def test_a_preview_of_what_is_refused_then_does_not_stay() -> None:
    gone = ScriptedTelegram([(400, refusal("message to delete not found"))])
    stays = ScriptedTelegram([(400, refusal("message can't be deleted for everyone"))])

    assert steps(PHOTO, REFUSED, gone)[0].ref.message == "101"
    assert steps(PHOTO, REFUSED, stays)[0].ref == PHOTO
    assert stays.methods == ["deleteMessage", "editMessageMedia"]
    assert step(PHOTO, REFUSED, ScriptedTelegram([LOST])).fate is Fate.AGAIN


def test_a_message_whose_number_is_not_told_is_tried_again() -> None:
    result = step(PRIVATE, ASKED, ScriptedTelegram([(200, {"ok": True, "result": True})]))

    assert (result.fate, result.ref) == (Fate.AGAIN, PRIVATE)


def test_what_telegram_quotes_is_in_no_detail() -> None:
    words = "Inline keyboard button URL 'https://x.example/?token=s3cret' is invalid: Wrong"
    quoted = refusal(f'can\'t parse entities "a secret\nprompt" {words}')
    result = step(WORDS, RUNNING, ScriptedTelegram([(400, quoted)]))

    assert result.detail is not None
    assert result.detail.startswith("Bad Request: can't parse entities …")
    for secret in ("s3cret", "secret", "example", TOKEN):
        assert secret not in result.detail
    long = step(WORDS, RUNNING, ScriptedTelegram([(400, refusal("x" * 900))]))
    assert len(long.detail or "") == 160
    huge = step(WORDS, DONE, ScriptedTelegram([(400, refusal("file is too big"))]))
    assert huge.detail == "too large"
