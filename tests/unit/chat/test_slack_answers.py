"""What Slack's own requests are answered with, and words for one person."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest

from infra.chat.adapter import ChatHttpAnswer, Fate, SendResult
from schemas.chat import MessageRef
from schemas.chat_inbound import Command, Ignored, Ping, Press
from schemas.chat_view import ChatStatus, Defer, Mark, Notice, Show, Tell, View
from tests.fixtures.slack_scenes import (
    NOW,
    PICTURE,
    POSTED,
    REF,
    TOKEN,
    URL,
    ScriptedSlack,
    adapter,
    command_body,
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


def heard(body: bytes) -> Command | Press:
    said = SLACK.parse({}, body, NOW)
    assert isinstance(said, Command | Press)
    return said


NOTICE: Final = Notice("Queue full", "Running 3/3, waiting 7/7.")


def tell(who: Command | Press, http: ScriptedSlack) -> SendResult:
    return asyncio.run(SLACK.tell(who, NOTICE, http))


def test_words_about_a_command_are_in_its_answer_and_private() -> None:
    answer = SLACK.answer(heard(command_body()), Tell(NOTICE))
    told: Mapping[str, Any] = json.loads(answer.body)

    assert (answer.status, answer.content_type, answer.told) == (200, "application/json", True)
    assert told["response_type"] == "ephemeral"
    assert told["text"].startswith("Queue full")


@pytest.mark.parametrize("reply", [Show(view()), Defer(), Mark(None), Mark(view())])
@pytest.mark.parametrize("body", [command_body(), press_body()])
def test_every_other_answer_is_empty(reply: Show | Defer | Mark, body: bytes) -> None:
    answer = SLACK.answer(heard(body), reply)

    assert (answer.status, answer.body, answer.told) == (200, b"", True)


def test_words_about_a_button_come_by_its_response_url_and_replace_nothing() -> None:
    press = heard(press_body())
    assert SLACK.answer(press, Tell(NOTICE)).told is False
    http = slack(plain(200, b"ok"))

    assert tell(press, http).fate is Fate.TAKEN

    said = http.calls[0].body or {}
    assert (said["response_type"], said["replace_original"]) == ("ephemeral", False)


@pytest.mark.parametrize("ended", ["used_url", plain(404), plain(410, b"expired")])
def test_words_whose_response_url_ended_are_whispered(ended: str | ChatHttpAnswer) -> None:
    http = slack(ended, {})

    assert tell(heard(press_body()), http).fate is Fate.TAKEN
    assert http.buckets == ["response_url", "chat.postEphemeral"]
    assert (http.calls[1].body or {})["user"] == "U1"


def test_words_without_a_response_url_are_whispered() -> None:
    http = slack("user_not_in_channel")

    assert (
        tell(heard(press_body(response_url="https://evil.example")), http).fate is Fate.HOPELESS
    )
    assert http.buckets == ["chat.postEphemeral"]


def test_a_deferred_request_is_told_what_came_of_it() -> None:
    http = slack(plain(200, b"ok"))
    command = heard(command_body())
    for reply in (Tell(NOTICE), Show(view()), Mark(None)):
        told = asyncio.run(SLACK.finish_deferred(command, reply, http))
        assert told.fate is Fate.TAKEN

    assert http.buckets == ["response_url"]


def test_what_needs_no_words_is_answered_empty() -> None:
    assert SLACK.answer(Ignored("x"), None).body == b""
    assert SLACK.answer(Ping(), None).body == b""


def test_no_secret_is_in_what_may_be_logged() -> None:
    http = slack(POSTED)
    step(REF, view(prompt="a secret cat"), http)

    assert "secret cat" not in repr(http.calls)
    assert TOKEN not in repr(http.calls)
    assert URL not in repr(http.calls) + repr(REF)
