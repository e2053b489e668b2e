"""A message finds its way within 15 minutes and after, and is never made twice."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.chat.adapter import ChatHttpAnswer, Fate, SendResult
from infra.simulator.chat.discord_schema import schema_faults
from schemas.chat import MessageRef
from schemas.chat_view import View
from tests.fixtures.discord_views import (
    APPLICATION,
    CHANNEL,
    DONE,
    HEARD,
    MESSAGE,
    OWNER,
    TOKEN,
    ScriptedDiscord,
    discord_bot,
    original,
    refused,
    running,
    said,
)

WEBHOOK = f"/webhooks/{APPLICATION}/{TOKEN}"
ORIGINAL = f"PATCH {WEBHOOK}/messages/@original"
EDIT = f"PATCH /channels/{CHANNEL}/messages/{MESSAGE}"
POST = f"POST /channels/{CHANNEL}/messages"
OPEN = "POST /users/@me/channels"
DIRECT = "1100000000000000900"
DEAD = refused(401, 50027)
UNSEEN = refused(404, 10015)
LATER = HEARD + timedelta(minutes=5)
LATE = HEARD + timedelta(minutes=16)


def step(
    ref: MessageRef,
    *answers: ChatHttpAnswer | None,
    view: View = DONE,
    now: datetime = LATER,
    nonce: str = "n",
) -> tuple[SendResult, ScriptedDiscord]:
    discord = ScriptedDiscord(answers)
    result = asyncio.run(discord_bot().send(ref, view, discord, now=now, nonce=nonce))
    return result, discord


def steps(
    ref: MessageRef, *answers: ChatHttpAnswer | None, view: View = DONE, now: datetime = LATER
) -> tuple[list[SendResult], ScriptedDiscord]:
    """Step until it says anything but ``NEXT``."""
    discord = ScriptedDiscord(answers)
    results: list[SendResult] = []

    async def climb(ref: MessageRef) -> None:
        for _ in range(10):
            result = await discord_bot().send(ref, view, discord, now=now, nonce="n")
            results.append(result)
            if result.fate is not Fate.NEXT:
                return
            ref = result.ref
        raise AssertionError("it never ends")

    asyncio.run(climb(ref))
    return results, discord


def assert_waits_first(discord: ScriptedDiscord, line: str) -> None:
    """What is posted waits; the result itself is an edit, which nobody sees twice."""
    bodies = [call.body or {} for call in discord.calls]
    posted, last = bodies[discord.lines.index(line)], bodies[-1]
    assert "Waiting to start" in posted["content"]
    assert (posted["components"], posted["attachments"]) == ([], [])
    assert len(last["attachments"]) == 1


def test_a_result_whose_post_was_lost_for_long_stands_there_once() -> None:
    """The nonce is forgotten by then: what stands there twice is a form that waits."""
    ref = MessageRef(CHANNEL, message=MESSAGE, rung=2)
    result, lost = step(ref, None)
    assert (result.fate, result.ref) == (Fate.AGAIN, ref)
    results, discord = steps(result.ref)
    for told in (lost, discord):
        assert (told.calls[0].body or {})["attachments"] == []
    assert discord.lines == [POST, EDIT]
    assert results[-1].fate is Fate.TAKEN


def test_a_message_that_was_made_anew_and_is_out_of_reach_is_not_made_again_there() -> None:
    there = MessageRef(CHANNEL, message="77", rung=1, uses=2)
    result, _ = step(there, refused(403, 50001))
    assert (result.fate, result.ref.rung) == (Fate.NEXT, 3)
    result, _ = step(replace(there, uses=3), refused(403, 50001))
    assert result.fate is Fate.HOPELESS


@pytest.mark.parametrize("answer", [said(200, {}), ChatHttpAnswer(200, {}, b"<html>")])
def test_a_success_that_names_no_message_is_asked_again(answer: ChatHttpAnswer) -> None:
    for ref in (original(), MessageRef(CHANNEL, rung=2)):
        result, _ = step(ref, answer)
        assert (result.fate, result.ref) == (Fate.AGAIN, ref)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 405])
def test_what_a_proxy_says_ends_no_message_and_stops_no_bot(status: int) -> None:
    page = ChatHttpAnswer(status, {}, b"<html>nginx</html>")
    for ref in (original(), *(MessageRef(CHANNEL, message=MESSAGE, rung=n) for n in (1, 2, 3))):
        result, _ = step(ref, page)
        assert (result.fate, result.ref) == (Fate.AGAIN, ref)


def test_within_its_time_the_token_is_used_and_the_messages_id_is_learned() -> None:
    result, discord = step(original())
    assert discord.lines == [ORIGINAL]
    assert (result.fate, result.ref.message, result.ref.original) == (Fate.TAKEN, MESSAGE, True)
    assert "Authorization" not in discord.calls[0].headers


def test_after_fourteen_and_a_half_minutes_the_bot_edits_the_message_itself() -> None:
    (first, last), discord = steps(original(message=MESSAGE), now=LATE)
    assert (first.fate, first.ref.token, first.status) == (Fate.NEXT, None, None)
    assert discord.lines == [EDIT]
    assert discord.calls[0].headers["Authorization"] == "Bot bot-token"
    assert last.fate is Fate.TAKEN


def test_a_token_that_died_early_is_never_tried_again() -> None:
    results, discord = steps(original(message=MESSAGE), DEAD)
    assert discord.lines == [ORIGINAL, EDIT]
    assert results[0].ref.token is None
    assert results[0].invalid
    assert results[-1].ref.rung == 1


@pytest.mark.parametrize(
    ("age", "pause"), [(0.0, 0.5), (0.9, 0.5), (1.1, 1.0), (2.5, 2.0), (4.9, 2.0)]
)
@pytest.mark.parametrize("code", [10015, 10062, 10008, 0])
def test_a_404_in_the_first_five_seconds_is_only_too_early(
    age: float, pause: float, code: int
) -> None:
    now = HEARD + timedelta(seconds=age)
    result, _ = step(original(), refused(404, code), now=now)
    assert (result.fate, result.pause, result.ref) == (Fate.AGAIN, pause, original())


def test_a_404_later_is_never_asked_for_again() -> None:
    now = HEARD + timedelta(seconds=5)
    _, discord = steps(original(message=MESSAGE), UNSEEN, now=now)
    assert discord.lines == [ORIGINAL, EDIT]


def test_a_message_somebody_deleted_is_left_alone() -> None:
    for ref in (original(), MessageRef(CHANNEL, message=MESSAGE, rung=1)):
        result, discord = step(ref, refused(404, 10008))
        assert result.fate is Fate.GONE
        assert len(discord.calls) == 1


@pytest.mark.parametrize("code", [50001, 50013, 50005, 30046, 50083])
def test_where_the_bot_may_not_edit_it_answers_with_a_new_message_once(code: int) -> None:
    ref = MessageRef(CHANNEL, message=MESSAGE, rung=1)
    made = said(200, {"id": "77"})
    results, discord = steps(ref, refused(403, code), made, made)
    assert discord.lines == [EDIT, POST, f"PATCH /channels/{CHANNEL}/messages/77"]
    assert_waits_first(discord, POST)
    body = discord.calls[1].body
    assert body is not None
    assert schema_faults("POST", "/channels/{channel_id}/messages", body) == []
    assert (body["nonce"], body["enforce_nonce"]) == ("n", True)
    assert body["message_reference"] == {"message_id": MESSAGE, "fail_if_not_exists": False}
    assert body["allowed_mentions"] == {
        "parse": [],
        "users": [OWNER.id],
        "replied_user": False,
    }
    # From now on it is the new one that is edited.
    assert results[-1].ref == MessageRef(CHANNEL, message="77", rung=1, uses=2)


def test_the_last_way_is_a_direct_message() -> None:
    answers = (
        DEAD,
        refused(403, 50001),
        refused(403, 50001),
        said(200, {"id": DIRECT}),
        said(200, {"id": "88", "channel_id": DIRECT}),
        said(200, {"id": "88", "channel_id": DIRECT}),
    )
    results, discord = steps(original(message=MESSAGE), *answers)
    made = f"POST /channels/{DIRECT}/messages"
    edited = f"PATCH /channels/{DIRECT}/messages/88"
    assert discord.lines == [ORIGINAL, EDIT, POST, OPEN, made, edited]
    assert [one.fate for one in results] == [Fate.NEXT] * 4 + [Fate.TAKEN]
    opened, sent = discord.calls[-3].body, discord.calls[-2].body
    assert opened == {"recipient_id": OWNER.id}
    assert sent is not None
    assert "message_reference" not in sent
    assert results[-1].ref == MessageRef(DIRECT, message="88", rung=1, uses=3)
    assert_waits_first(discord, made)


def test_a_conversation_that_is_not_named_is_asked_for_again() -> None:
    result, discord = step(MessageRef(CHANNEL, rung=3), said(200, {}))
    assert (result.fate, discord.lines) == (Fate.AGAIN, [OPEN])


def test_with_no_way_left_it_is_given_up() -> None:
    ref = MessageRef(CHANNEL, message=MESSAGE, rung=2)
    answers = (refused(403, 50013), said(200, {"id": DIRECT}), refused(403, 50007))
    results, _ = steps(ref, *answers)
    assert (results[-1].fate, results[-1].detail) == (
        Fate.HOPELESS,
        "no way to the user is left",
    )
    assert results[-1].invalid


def test_an_unknown_original_whose_token_died_is_answered_anew() -> None:
    _, discord = steps(original(), now=LATE)
    assert discord.lines == [POST, EDIT]


def test_nobody_is_pinged_for_progress() -> None:
    bot = discord_bot()
    for rung in (2, 3):
        ref = MessageRef(CHANNEL, rung=rung)
        result, discord = step(ref, view=running(50))
        assert (result.fate, discord.calls) == (Fate.TAKEN, [])
        assert not bot.posts(ref, running(50))
        assert bot.posts(ref, DONE)


def test_a_bot_that_may_not_read_history_writes_without_answering() -> None:
    ref = MessageRef(CHANNEL, message=MESSAGE, rung=2)
    _, discord = steps(ref, refused(400, 160002))
    assert discord.lines == [POST, POST, EDIT]
    body = discord.calls[1].body
    assert body is not None
    assert "message_reference" not in body


@pytest.mark.parametrize("answer", [refused(403, 0), refused(403, 40007), refused(404, 10004)])
def test_a_bot_that_was_removed_has_left(answer: ChatHttpAnswer) -> None:
    result, _ = step(MessageRef(CHANNEL, message=MESSAGE, rung=1), answer)
    assert result.fate is Fate.LEFT


def test_a_wrong_bot_token_stops_the_bot() -> None:
    for rung in (1, 2, 3):
        result, discord = step(MessageRef(CHANNEL, message=MESSAGE, rung=rung), refused(401, 0))
        assert (result.fate, result.invalid, len(discord.calls)) == (Fate.STOPPED, True, 1)


def test_an_address_that_was_banned_waits_for_the_whole_bot() -> None:
    banned = ChatHttpAnswer(403, {}, b"<html>error 1015</html>")
    for ref in (original(), MessageRef(CHANNEL, message=MESSAGE, rung=1)):
        result, _ = step(ref, banned)
        assert (result.fate, result.pause, result.of_bot) == (Fate.AGAIN, 60.0, True)
        assert result.invalid


def test_of_a_follow_up_only_the_first_form_can_stand_there_twice() -> None:
    bot, ref = discord_bot(), original(original=False, reply_to=MESSAGE)
    assert bot.posts(ref, DONE)
    (first, last), discord = steps(ref, said(200, {"id": "77"}))
    assert discord.lines == [f"POST {WEBHOOK}?wait=true", f"PATCH {WEBHOOK}/messages/77"]
    made = discord.calls[0].body
    assert made is not None
    assert "Waiting to start" in made["content"]
    assert (made["components"], made["attachments"]) == ([], [])
    assert (first.fate, first.ref.message, last.fate) == (Fate.NEXT, "77", Fate.TAKEN)
    assert not bot.posts(first.ref, DONE)


def test_a_long_nonce_is_cut_to_what_discord_takes_and_stays_the_same() -> None:
    nonces: set[Any] = set()
    for _ in range(2):
        _, discord = step(MessageRef(CHANNEL, rung=2), nonce="m" * 40)
        nonces.add((discord.calls[0].body or {})["nonce"])
    assert len(nonces) == 1
    assert len(nonces.pop()) == 25
