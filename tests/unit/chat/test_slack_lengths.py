"""Slack takes only so much in one message; what a model wrote is cut, and never lost for it."""

import asyncio
import json
from dataclasses import replace
from typing import Any, Final

import pytest

from infra.chat.adapter import ChatCall, Fate, SendResult
from infra.chat.slack_view import SHORT, WHOLE, message_of
from infra.simulator.chat.slack_blocks import length_of
from schemas.chat import MessageRef
from schemas.chat_view import ChatStatus
from tests.fixtures.slack_scenes import (
    NOW,
    PICTURE,
    POSTED,
    REF,
    ScriptedSlack,
    adapter,
    length_of_blocks,
    result_buttons,
    slack,
    view,
)

LONG: Final = "x <y> " * 4000
TEXT: Final = view(ChatStatus.DONE, text=LONG)
STANDS: Final = MessageRef("C1", message="1.1")


def step(ref: MessageRef, http: ScriptedSlack, shown: Any = TEXT) -> SendResult:
    return asyncio.run(adapter().send(ref, shown, http, now=NOW, nonce="n"))


def length(call: ChatCall) -> int:
    return length_of_blocks(call.body)


@pytest.mark.parametrize("most", [WHOLE, SHORT])
def test_all_blocks_together_stay_under_what_slack_takes(most: int) -> None:
    long = "x <y> " * 4000
    shown = view(
        ChatStatus.DONE,
        prompt=long,
        text=long,
        notice=long,
        title=long,
        link=None if most == SHORT else "https://g.example/" + "l" * 2900,
        pictures=(replace(PICTURE, alt=long),) * 3,
        buttons=result_buttons(),
    )
    message = message_of(shown, ("F1", "F2", "F3"), most=most)
    assert length_of_blocks(message) <= most
    assert length_of(message["blocks"]) <= length_of_blocks(message)
    assert "Z" in json.dumps(message_of(replace(shown, prompt="", text="Z"), most=most))


def test_a_run_of_spaces_makes_no_empty_block() -> None:
    for spaces in (3_000, 7_000, 30_000):
        blocks = message_of(view(text="a" + " " * spaces + "b"))["blocks"]
        assert [one["text"]["text"] for one in blocks[2:]] == ["a", "b"]


@pytest.mark.parametrize("word", ["msg_blocks_too_long", "msg_too_long"])
def test_a_message_that_slack_calls_too_long_comes_in_a_shorter_form(word: str) -> None:
    edit = slack(word, POSTED)
    assert step(STANDS, edit).fate is Fate.TAKEN
    post = slack(word, POSTED)
    assert step(REF, post, replace(TEXT, status=ChatStatus.RUNNING)).fate is Fate.TAKEN
    for told in (edit, post):
        assert length(told.calls[0]) > SHORT >= length(told.calls[1])
    by_url = slack(word, {})
    result = step(replace(REF, rung=1, uses=1), by_url)
    assert (result.fate, result.ref.uses) == (Fate.TAKEN, 3)
    # It is tried once: what is too long even so has no end in sight.
    assert step(STANDS, slack(word, word)).fate is Fate.HOPELESS
