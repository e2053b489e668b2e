"""What a platform does to a bot: limits, outages, deleted messages, removals, a dead token."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.chat.adapter import ChatCall, ChatHttpAnswer
from infra.postgres.chat_bindings import list_bindings, put_binding
from infra.postgres.engine import create_engine
from infra.settings import Settings
from infra.webhook_receivers import CHAT_SCHEDULE
from producer.dispatcher.chat_house import owe_looks
from producer.doctor.bots import look_at_bots
from producer.doctor.finding import Finding, Level
from producer.doctor.subject import Subject
from schemas.chat import MessageState, Platform
from schemas.chat_binding import ChatRules
from tests.fixtures.chat_platforms import GUILD, PlayedPlatforms
from tests.fixtures.chat_play import ChatPlay, open_chat_play

PATCH = "PATCH .*@original"
# What a process of a release before makes of a delivery whose URL it does not know.
_REFUSED = """
WITH d AS (DELETE FROM delivery RETURNING *)
INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, duration_ms, id, tenant_id,
  job_id, url, trigger, ended)
SELECT event_id, id, 1, 'refused', 0, uuidv7(), tenant_id, job_id, url, trigger, 2 FROM d
"""
LIMITED = {"message": "You are being rate limited.", "retry_after": 7.25, "global": False}


@pytest.fixture
def play(
    settings: Settings, tmp_path: Path, chat_platforms: PlayedPlatforms
) -> Iterator[ChatPlay]:
    with open_chat_play(settings, tmp_path, chat_platforms) as play:
        yield play


def lane(play: ChatPlay) -> Any:
    [row] = play.genq.sql(
        "SELECT *, EXTRACT(epoch FROM blocked_until - now()) AS rests FROM webhook_lane"
    )
    return row


def bots_of(play: ChatPlay) -> list[Finding]:
    """Return what the doctor says of the bots."""

    async def look() -> list[Finding]:
        engine = create_engine(play.genq.settings, process="doctor")
        nothing = timedelta()
        try:
            return await look_at_bots(
                Subject(play.genq.settings, engine, play.clock, nothing, nothing)
            )
        finally:
            await engine.dispose()

    return play.genq.do(look())


def test_a_rate_limit_rests_the_lane_for_exactly_as_long_as_it_says(play: ChatPlay) -> None:
    play.imagine()
    play.genq.run_until_idle()
    play.ledger.fail_next(PATCH, 429, LIMITED)
    play.deliver()
    row = lane(play)
    assert 6.0 < row.rests <= 7.25
    assert row.failures == 0
    passed = play.settle()
    assert timedelta(seconds=6) < passed < timedelta(seconds=12)
    assert play.messages[0].labels[0] == "U1"
    assert next(a.outcome for a in play.attempts() if a.status != 200) == "rate_limited"


def test_a_limit_of_the_whole_bot_holds_all_its_lanes(play: ChatPlay) -> None:
    play.imagine("one")
    play.genq.run_until_idle()
    headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
    play.ledger.fail_next("PATCH", 429, {**LIMITED, "global": True}, headers=headers)
    play.deliver()
    play.imagine("two", channel="1100000000000000777")
    play.genq.run_until_idle()
    play.deliver()
    assert len(play.ledger.matching("PATCH")) == 1
    play.settle()
    assert [one.labels[0] for one in play.messages] == ["U1", "U1"]


def test_an_outage_is_sat_out_by_the_schedule_of_chats(play: ChatPlay) -> None:
    play.imagine()
    play.genq.run_until_idle()
    play.ledger.fail_next("PATCH", 503, times=4)
    passed = play.settle()
    assert play.messages[0].labels[0] == "U1"
    assert passed >= sum(CHAT_SCHEDULE[:4], timedelta()) * 0.8
    assert passed < timedelta(minutes=2)


def test_a_message_that_was_deleted_is_left_alone_and_its_job_goes_on(
    play: ChatPlay, chat_platforms: PlayedPlatforms
) -> None:
    play.imagine()
    play.deliver()
    play.pass_time(seconds=10)
    chat_platforms.discord.delete(play.messages[0])
    before = len(play.ledger.matching("PATCH"))
    play.finish()
    assert len(play.ledger.matching("PATCH")) == before + 1
    row = play.message()
    assert (row.state, row.token, play.owed()) == (MessageState.GONE, None, 0)
    assert play.genq.job(play.jobs[-1]).state.name == "SUCCEEDED"
    assert lane(play).failures == 0
    chat_platforms.ledger.violations.clear()


def test_a_bot_that_was_thrown_out_of_a_place_has_its_binding_paused(
    play: ChatPlay, chat_platforms: PlayedPlatforms
) -> None:
    tenant = play.genq.tenant("acme").id
    play.genq.in_transaction(
        lambda c: put_binding(
            c,
            platform=Platform.DISCORD,
            place_id=GUILD,
            user_id="",
            tenant_id=tenant,
            rules=ChatRules(),
        )
    )
    play.imagine()
    play.deliver()
    play.pass_time(minutes=16)
    play.ledger.fail_next("/channels/", 403, {"code": 40007, "message": "The user is banned"})
    play.finish()
    [binding] = play.genq.in_transaction(lambda c: list_bindings(c, limit=9))
    assert binding.paused_at is not None
    assert play.message().state is MessageState.GONE
    assert len(play.ledger.matching("/channels/")) == 1


def test_a_refused_bot_token_is_told_once_and_what_is_owed_waits_for_another(
    play: ChatPlay, chat_platforms: PlayedPlatforms
) -> None:
    for number in range(3):
        play.imagine(f"kite {number}")
    play.deliver()
    play.pass_time(minutes=16)
    play.genq.run_until_idle()
    token = chat_platforms.discord.bot_token
    chat_platforms.discord.revoke_token()
    before = len(play.ledger.requests)
    with capture_logs() as logs:
        for _ in range(5):
            play.deliver()
            play.pass_time(minutes=2)
    assert len([one for one in logs if one["event"] == "chat_bot_stopped"]) == 1
    assert len(play.ledger.requests) == before + 1
    assert all(one.labels == ["Cancel"] for one in play.messages)
    assert {play.message(job).state for job in play.jobs} == {MessageState.OPEN}
    [found] = bots_of(play)
    assert (found.level, "Discord is stopped" in found.what) == (Level.ERROR, True)
    chat_platforms.discord.bot_token = token
    # Another token: what was refused is not this one.
    play.genq.sql("UPDATE chat_bot SET token_digest = 'another'")
    play.settle()
    assert [one.labels[0] for one in play.messages] == ["U1"] * 3


def test_a_file_that_is_too_large_is_made_smaller_and_then_a_link(play: ChatPlay) -> None:
    play.imagine("one")
    play.genq.run_until_idle()
    large = {"code": 40005, "message": "Request entity too large"}
    play.ledger.fail_next("PATCH", 413, large)
    play.settle()
    assert len(play.messages[0].pictures) == 1
    play.imagine("two")
    play.genq.run_until_idle()
    play.ledger.fail_next("PATCH", 413, large, times=2)
    play.settle()
    last = play.messages[-1]
    assert last.pictures == ()
    shown = str(last.raw)
    assert "/v1/artifacts/gqa_" in shown
    assert play.message().state is MessageState.FINAL


def test_where_no_way_is_left_it_is_told_and_the_result_waits(
    play: ChatPlay, chat_platforms: PlayedPlatforms
) -> None:
    play.imagine()
    play.deliver()
    play.pass_time(minutes=16)
    play.genq.run_until_idle()
    refused = {"code": 50013, "message": "Missing Permissions"}
    play.ledger.fail_next("/channels", 403, refused, times=9)
    with capture_logs() as logs:
        play.settle()
    row = play.message()
    assert (row.state, play.owed()) == (MessageState.UNDELIVERABLE, 0)
    assert [one["event"] for one in logs].count("chat_result_undeliverable") == 1
    assert play.genq.job(play.jobs[-1]).artifacts
    assert lane(play).failures == 0


def test_neither_tokens_nor_prompts_are_in_the_log_of_attempts(play: ChatPlay) -> None:
    said = play.imagine("a very secret kite")
    play.finish()
    told = str(play.attempts())
    assert "chat-discord://" in told
    assert said.token not in told
    assert "secret kite" not in told


def house(play: ChatPlay) -> None:
    """Let half an hour pass for messages, and keep house."""

    async def keep() -> None:
        engine = create_engine(play.genq.settings, process="house")
        try:
            await owe_looks(engine)
        finally:
            await engine.dispose()

    play.genq.sql("UPDATE chat_message SET created_at = created_at - interval '30 minutes'")
    play.genq.do(keep())


def test_a_message_whose_delivery_is_gone_is_looked_at_again(play: ChatPlay) -> None:
    play.imagine()
    play.deliver()
    house(play)
    assert play.owed() == 0  # Its job still waits.
    play.genq.run_until_idle()
    owed = play.owed()
    assert owed
    house(play)
    assert play.owed() == owed
    play.genq.sql("DELETE FROM delivery")  # As a process of a release before leaves it.
    house(play)
    assert play.owed() == 1
    play.settle()
    assert play.messages[0].labels[0] == "U1"
    assert (play.message().state, play.owed()) == (MessageState.FINAL, 0)
    house(play)
    assert play.owed() == 0


def test_a_message_that_is_looked_at_again_in_vain_ends_after_the_second_time(
    play: ChatPlay,
) -> None:
    play.imagine()
    play.genq.run_until_idle()
    play.genq.sql("DELETE FROM delivery")
    for _ in range(2):
        house(play)
        assert play.owed() == 1
        play.genq.sql(_REFUSED)
    with capture_logs() as logs:
        house(play)
    row = play.message()
    assert (row.state, row.token, play.owed()) == (MessageState.UNDELIVERABLE, None, 0)
    assert [one["event"] for one in logs] == ["chat_result_undeliverable"]


def test_nothing_more_is_sent_of_a_message_that_is_erased_between_two_requests(
    play: ChatPlay,
) -> None:
    play.imagine()
    play.deliver()
    play.pass_time(minutes=16)
    play.genq.run_until_idle()
    play.ledger.fail_next("/channels", 403, {"code": 50001, "message": "Missing Access"})
    before, way_out = len(play.ledger.requests), play.http

    class Erasing:
        async def send(self, call: ChatCall) -> ChatHttpAnswer:
            answer = await way_out.send(call)
            await play.sql("UPDATE chat_message SET state = 2, token = NULL")
            return answer

    play.http = Erasing()
    play.settle()
    assert len(play.ledger.requests) == before + 1
    assert (play.message().token, play.owed()) == (None, 0)
