"""Where the bot may not write: response_url within its uses, then a direct message."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from typing import Final

import pytest

from infra.chat.adapter import ChatHttpAnswer, Fate, SendResult
from schemas.chat import MessageRef, ref_json, ref_of
from schemas.chat_inbound import Command, Press
from schemas.chat_view import ChatStatus, View
from tests.fixtures.slack_scenes import (
    NOW,
    PICTURE,
    REF,
    UPLOADING,
    URL,
    ScriptedSlack,
    adapter,
    plain,
    press_body,
    result_buttons,
    slack,
    view,
)

SLACK: Final = adapter()
DONE: Final = view(ChatStatus.DONE, pictures=(PICTURE,), buttons=result_buttons())
MESSAGE: Final = replace(REF, message="1.1")
BY_URL: Final = replace(REF, rung=1)
DIRECT: Final = MessageRef("C1", rung=2)


def step(ref: MessageRef, shown: View, http: ScriptedSlack, now: datetime = NOW) -> SendResult:
    return asyncio.run(SLACK.send(ref, shown, http, now=now, nonce="n"))


def steps(
    ref: MessageRef, shown: View, http: ScriptedSlack, now: datetime = NOW
) -> tuple[MessageRef, Fate]:
    """Take steps as the sender does: the ref is written down, and read again."""
    for _ in range(10):
        result = step(ref, shown, http, now)
        ref = ref_of(json.loads(json.dumps(ref_json(result.ref))), result.ref.token)
        if result.fate is not Fate.NEXT:
            return ref, result.fate
    raise AssertionError("it goes on for ever")


def heard(body: bytes) -> Command | Press:
    said = SLACK.parse({}, body, NOW)
    assert isinstance(said, Command | Press)
    return said


def _no_file(status: int = 200) -> ChatHttpAnswer:
    told = {
        "ok": False,
        "error": "invalid_blocks",
        "errors": ["invalid slack file [json-pointer:/blocks/2/slack_file]"],
    }
    return plain(status, json.dumps(told).encode())


@pytest.mark.parametrize("error", ["not_in_channel", "channel_not_found", "is_archived"])
def test_where_the_bot_may_not_write_it_answers_by_the_response_url(error: str) -> None:
    http = slack(error, plain(200, b"ok"), *UPLOADING, plain(200, b"ok"))
    ref, fate = steps(REF, view(position=1), http)
    assert (fate, ref.uses, ref.rung) == (Fate.TAKEN, 1, 1)
    for percent in (10, 50, 90):
        form = view(ChatStatus.RUNNING, percent=percent)
        assert SLACK.digest(ref, form) == SLACK.digest(ref, view(ChatStatus.RUNNING))
        assert steps(ref, form, http) == (ref, Fate.TAKEN)

    ref, fate = steps(ref, DONE, http)

    assert (fate, ref.uses) == (Fate.TAKEN, 2)
    said = [call.body or {} for call in http.calls if call.bucket == "response_url"]
    assert [one["replace_original"] for one in said] == [False, True]
    assert [one["response_type"] for one in said] == ["in_channel"] * 2
    urls = [call for call in http.calls if call.bucket == "response_url"]
    assert all(call.url == URL and not call.headers for call in urls)


def test_a_first_result_by_the_response_url_edits_a_waiting_form_too() -> None:
    http = slack("not_in_channel", plain(200, b"ok"), *UPLOADING, plain(200, b"ok"))

    ref, fate = steps(REF, DONE, http)

    assert (fate, ref.uses) == (Fate.TAKEN, 2)
    assert "Waiting to start" in str(http.calls[1].body)


def test_a_picture_that_the_response_url_refuses_is_left_out_within_its_uses() -> None:
    http = slack(*UPLOADING, _no_file(404), _no_file(404), plain(200, b"ok"))
    ref, fate = steps(replace(BY_URL, uses=1), DONE, http)
    assert fate is Fate.AGAIN

    ref, fate = steps(ref, DONE, http)

    assert (fate, ref.uses) == (Fate.TAKEN, 4)
    assert "could not be shown here" in str(http.calls[-1].body)


@pytest.mark.parametrize(
    "ref",
    [
        replace(BY_URL, uses=4),
        replace(BY_URL, uses=1, token_until=NOW),
        replace(BY_URL, uses=1, token=None),
    ],
)
def test_when_the_response_url_is_used_up_only_the_result_goes_to_its_owner(
    ref: MessageRef,
) -> None:
    http = slack({"ts": "5.5", "channel": "D7"}, *UPLOADING, {})
    assert steps(ref, view(ChatStatus.RUNNING, percent=1), http)[1] is Fate.TAKEN
    assert http.calls == []

    after, fate = steps(ref, DONE, http)

    assert (fate, after.channel, after.message) == (Fate.TAKEN, "D7", "5.5")
    assert [(one.body or {}).get("channel") for one in http.calls[:: len(http.calls) - 1]] == [
        "U1",
        "D7",
    ]


@pytest.mark.parametrize(
    "ref",
    [
        heard(press_body()).ref,  # its URL replaces the message that was pressed
        MessageRef("C1"),
        replace(REF, token_until=NOW),
    ],
)
def test_where_no_url_serves_everything_is_shown_in_a_direct_message(ref: MessageRef) -> None:
    http = slack("not_in_channel", {"ts": "5.5", "channel": "D7"}, {}, *UPLOADING, {})

    for form in (view(), view(ChatStatus.RUNNING, percent=5), DONE):
        ref, fate = steps(ref, form, http)
        assert (fate, ref.channel, ref.message) == (Fate.TAKEN, "D7", "5.5")

    assert "response_url" not in http.buckets


@pytest.mark.parametrize(
    "answer", ["used_url", "expired_url", plain(404), plain(410, b"gone!")]
)
def test_a_response_url_that_ended_early_is_followed_by_a_direct_message(
    answer: ChatHttpAnswer | str,
) -> None:
    http = slack(answer)

    result = step(replace(BY_URL, uses=1), view(ChatStatus.FAILED), http)

    assert (result.fate, result.ref.rung, result.ref.message) == (Fate.NEXT, 2, None)


def test_a_lost_answer_counts_as_a_use_and_a_limit_does_not() -> None:
    assert step(BY_URL, view(), slack(None)).ref.uses == 1
    assert step(BY_URL, view(), slack(plain(429, retry_after="3"))).ref.uses == 0


def test_the_last_use_is_left_for_words_about_an_error() -> None:
    http = slack(*[plain(500)] * 9)
    ref = replace(BY_URL, uses=1)
    failed = view(ChatStatus.FAILED)
    while step(ref, failed, http).fate is Fate.AGAIN:
        ref = step(ref, failed, http).ref

    assert sum(call.bucket == "response_url" for call in http.calls) <= 9
    assert ref.uses == 4
