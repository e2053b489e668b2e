"""A job's message in a chat follows it, whatever happens to events, processes and tokens."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from infra.settings import Settings
from schemas.chat import MessageState
from schemas.claim import Claim
from tests.fixtures.chat_platforms import CHANNEL, USER, PlayedPlatforms
from tests.fixtures.chat_play import ChatPlay, open_chat_play
from tests.fixtures.pictures import encoded, scene
from tests.fixtures.until import until

ALL_BUTTONS = ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]
PAST_THE_TOKEN = timedelta(minutes=16)


@pytest.fixture
def play(
    settings: Settings, tmp_path: Path, chat_platforms: PlayedPlatforms
) -> Iterator[ChatPlay]:
    with open_chat_play(settings, tmp_path, chat_platforms) as play:
        yield play


def test_a_message_waits_moves_on_and_ends_with_the_pictures_and_their_buttons(
    settings: Settings, tmp_path: Path, chat_platforms: PlayedPlatforms
) -> None:
    with open_chat_play(settings, tmp_path, chat_platforms, provenance=True) as play:
        play.imagine("a red kite")
        [message] = play.messages
        assert (message.text, message.labels) == (
            f"**a red kite** - <@{USER}> (Waiting to start) · position 1",
            ["Cancel"],
        )

        async def paint(claim: Claim) -> None:
            for step in (1, 2, 3):
                await play.passing(timedelta(seconds=3))
                seen = encoded(scene(1, 64), "JPEG") if step > 1 else None
                await play.progress(claim, step, fraction=step / 4, preview=seen)
                await play.delivering()

        play.during = paint
        play.finish()
        shown = [form.text.partition("> ")[2] for form in message.forms]
        assert shown == [
            "(Waiting to start) · position 1",
            "(25%) (fast)",
            "(50%) (fast)",
            "(75%) (fast)",
            "(fast)",
        ]
        previewed = [bool(form.pictures) for form in message.forms[-4:]]
        assert previewed == [False, True, True, True]
        [sheet] = message.pictures
        assert (sheet.media_type, sheet.alt) == (
            "image/jpeg",
            "4 pictures made by a machine: a red kite",
        )
        assert b"c2pa" in sheet.data
        assert message.labels == ALL_BUTTONS
        row = play.message()
        assert (row.state, row.posting_at, play.owed()) == (MessageState.FINAL, None, 0)


def test_a_backlog_of_events_costs_one_request_for_each_job(play: ChatPlay) -> None:
    for number in range(3):
        play.imagine(f"kite {number}", user=str(100 + number))

    async def paint(claim: Claim) -> None:
        for step in (1, 2):
            await play.progress(claim, step, fraction=step / 4)

    play.during = paint
    play.genq.run_until_idle()
    assert play.owed() >= 9
    before = len(play.ledger.requests)
    play.settle()
    assert len(play.ledger.requests) - before == 3
    assert [message.labels for message in play.messages] == [ALL_BUTTONS] * 3
    assert [message.edits for message in play.messages] == [1, 1, 1]


def test_progress_is_left_out_while_the_last_edit_is_younger_than_the_platform_likes(
    play: ChatPlay,
) -> None:
    play.imagine()
    edits: list[int] = []

    async def paint(claim: Claim) -> None:
        for step, seconds in enumerate((3.0, 0.5, 0.5, 2.0), 1):
            await play.passing(timedelta(seconds=seconds))
            await play.progress(claim, step, fraction=step / 10)
            await play.delivering()
            edits.append(play.messages[0].edits)

    play.during = paint
    play.finish()
    assert edits[1] == edits[2] == edits[0]
    assert edits[3] == edits[2] + 1
    assert play.messages[0].labels == ALL_BUTTONS


def test_after_the_tokens_life_the_bot_edits_the_same_message(play: ChatPlay) -> None:
    play.imagine()
    play.deliver()

    async def paint(claim: Claim) -> None:
        await play.delivering()
        await play.passing(PAST_THE_TOKEN)

    play.during = paint
    play.finish()
    [message] = play.messages
    assert message.labels == ALL_BUTTONS
    [last] = play.ledger.matching(r"PATCH .*/channels/")
    assert last.status == 200
    assert play.message().state is MessageState.FINAL


def test_where_the_bot_is_not_in_the_channel_the_result_comes_by_a_direct_message_once(
    play: ChatPlay, chat_platforms: PlayedPlatforms
) -> None:
    play.imagine()

    async def paint(claim: Claim) -> None:
        await play.delivering()
        chat_platforms.discord.remove_bot(CHANNEL)
        await play.passing(PAST_THE_TOKEN)

    play.during = paint
    play.finish()
    finals = [one for one in play.messages if one.labels == ALL_BUTTONS]
    direct = chat_platforms.discord.world.direct(USER).id
    assert [one.channel for one in finals] == [direct]
    assert play.message().state is MessageState.FINAL
    chat_platforms.ledger.violations.clear()


def test_a_process_that_is_cut_off_in_its_request_is_followed_by_one_that_goes_on(
    play: ChatPlay,
) -> None:
    play.imagine()
    play.genq.run_until_idle()
    gate = play.ledger.hold_next("PATCH")

    async def die() -> None:
        async with play.loop() as loop:
            await loop.look()
            await until(
                lambda: any(entry.status is None for entry in play.ledger.requests),
                "no request is under way",
            )
        gate.set()

    play.genq.do(die())
    play.settle()
    [message] = play.messages
    assert message.labels == ALL_BUTTONS
    assert play.message().state is MessageState.FINAL


def test_an_answer_that_is_lost_makes_no_second_message(play: ChatPlay) -> None:
    play.imagine()

    async def paint(claim: Claim) -> None:
        await play.passing(PAST_THE_TOKEN)

    play.during = paint
    # Nothing was edited in time, so nobody knows the message: a new one is posted.
    play.ledger.drop_next(r"POST .*/messages")
    play.finish()
    finals = [one for one in play.messages if one.labels == ALL_BUTTONS]
    assert len(finals) == 1
    assert len(play.ledger.matching(r"POST .*/messages")) == 2


def test_what_comes_after_the_last_form_is_done_without_a_call(play: ChatPlay) -> None:
    play.imagine()
    play.finish()
    before = len(play.ledger.requests)
    url = f"chat-discord://{CHANNEL}/{play.message().id}"
    play.genq.sql(
        "INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, kind, seq)"
        " SELECT uuidv7(), uuidv7(), job_id, tenant_id, :url, :origin, 1, 99 + n"
        " FROM chat_message, generate_series(1, 3) n",
        url=url,
        origin=f"chat-discord://{CHANNEL}",
    )
    play.genq.sql("UPDATE webhook_lane SET next_due_at = now()")
    play.settle()
    assert len(play.ledger.requests) == before
    assert [a.outcome for a in play.attempts()][-3:] == ["success"] * 3
