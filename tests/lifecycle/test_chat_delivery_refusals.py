"""Pictures that are refused, still looked at, or gone; and forms that are late."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.chat.adapter import ChatCall, ChatHttpAnswer
from infra.settings import Settings
from schemas.chat import MessageState, Platform
from schemas.claim import Claim
from schemas.errors import ModelUnavailableError
from schemas.job_states import JobState
from tests.fixtures.chat_platforms import PlayedPlatforms
from tests.fixtures.chat_play import ChatPlay, open_chat_play
from tests.fixtures.judging import judge
from tests.fixtures.reviewing import ADA, DOUBTFUL, Office, let_people_decide

INVALID = {"code": 50035, "message": "Invalid Form Body"}
# What Slack says of an upload that it still looks at.
UNREADY = {
    "ok": False,
    "error": "invalid_blocks",
    "response_metadata": {"messages": ["[ERROR] invalid slack file"]},
}


@pytest.fixture
def play(
    settings: Settings, tmp_path: Path, chat_platforms: PlayedPlatforms
) -> Iterator[ChatPlay]:
    with open_chat_play(settings, tmp_path, chat_platforms) as play:
        yield play


def test_a_sheet_that_slack_still_looks_at_is_uploaded_once_however_often_it_is_made(
    settings: Settings, tmp_path: Path, chat_platforms: PlayedPlatforms
) -> None:
    with open_chat_play(
        settings, tmp_path, chat_platforms, Platform.SLACK, provenance=True
    ) as play:
        play.imagine()
        play.deliver()
        play.pass_time(seconds=5)
        play.genq.run_until_idle()
        play.ledger.fail_next("chat.update", 200, UNREADY, times=2)
        play.settle()
        assert len(play.ledger.matching("files.completeUploadExternal")) == 1
        assert len(play.messages[0].pictures) == 1
        deferred = [one.n for one in play.attempts() if one.outcome == "deferred"]
        assert len(deferred) == 2


@pytest.mark.parametrize(("times", "pictures"), [(1, 1), (2, 0)])
def test_a_picture_that_is_refused_costs_nobody_the_result(
    play: ChatPlay, times: int, pictures: int
) -> None:
    play.imagine()
    play.genq.run_until_idle()
    play.ledger.fail_next("PATCH", 400, INVALID, times=times)
    play.settle()
    assert len(play.messages[0].pictures) == pictures
    assert ("/v1/artifacts/gqa_" in str(play.messages[0].raw)) is not bool(pictures)
    assert (play.message().state, play.owed()) == (MessageState.FINAL, 0)


def test_a_result_whose_files_are_gone_is_told_in_words(play: ChatPlay, tmp_path: Path) -> None:
    play.imagine()
    play.genq.run_until_idle()
    for one in (tmp_path / "objects").rglob("*"):
        if one.is_file():
            one.unlink()
    assert play.settle().total_seconds() < 5
    assert play.messages[0].pictures == ()
    assert "Its content was erased." in str(play.messages[0].raw)
    assert (play.message().state, play.owed()) == (MessageState.FINAL, 0)


def test_a_form_that_arrives_after_the_last_one_is_followed_by_the_last_one(
    play: ChatPlay,
) -> None:
    """As of a process that is slow to notice that its lane is another's."""
    play.imagine()
    inner, late = play.http, [True]

    class Late:
        async def send(self, call: ChatCall) -> ChatHttpAnswer:
            if late.pop() if late else False:
                await play.sql("DELETE FROM live")
                ended = f"final_state = {int(JobState.CANCELLED)}, finished_at = now()"
                await play.sql(f"UPDATE job SET {ended}")
                await play.sql("UPDATE chat_message SET state = 2, ended_at = now()")
            return await inner.send(call)

    play.http = Late()
    play.deliver()
    waiting, last = play.ledger.matching("PATCH")
    assert b"Waiting to start" in waiting.request.body
    assert b"cancelled" in last.request.body
    assert (play.message().state, play.owed()) == (MessageState.FINAL, 0)


def test_what_an_earlier_attempt_told_is_not_shown_of_this_one(play: ChatPlay) -> None:
    play.imagine()
    play.deliver()
    play.pass_time(seconds=10)

    async def paint(claim: Claim) -> None:
        await play.progress(replace(claim, attempt=claim.attempt + 1), 1, fraction=0.9)
        await play.delivering()

    play.during = paint
    play.genq.run_until_idle()
    assert "(0%)" in play.messages[0].text


def test_a_job_that_goes_back_to_the_queue_is_shown_waiting(play: ChatPlay) -> None:
    play.imagine()
    play.deliver()
    play.pass_time(seconds=10)
    shown: list[str] = []

    async def fail(claim: Claim) -> None:
        shown.append(play.messages[0].text)
        if claim.attempt == 1:
            await play.progress(claim, 1, fraction=0.9)
            await play.delivering()
            shown.append(play.messages[0].text)
            raise ModelUnavailableError("no answer")

    play.during = fail
    play.genq.run_until_idle()
    play.deliver()
    assert "(90%)" in shown[1]
    assert "(Waiting to start)" in play.messages[0].text


def test_what_is_held_is_shown_so_and_again_as_waiting_once_people_let_it_pass(
    play: ChatPlay,
) -> None:
    let_people_decide(play.genq)
    judge(play.genq)
    office = Office(play.genq)
    play.imagine(DOUBTFUL)
    play.deliver()
    play.genq.run_until_idle()
    # That it began is told, and that it is held: the first may be long gone by then.
    assert play.owed() == 2
    play.deliver()
    assert "(Waiting for review)" in play.messages[0].text
    office.decide(ADA, office.item(play.jobs[0]))
    play.deliver()
    assert "(Waiting to start)" in play.messages[0].text
