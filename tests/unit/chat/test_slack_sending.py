"""How a message on Slack comes to show a view: which calls, which way, and what of errors."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from infra.chat.adapter import ChatCall, ChatHttpAnswer, Fate, SendResult
from schemas.chat import MessageRef, ref_json, ref_of
from schemas.chat_inbound import Command, Press
from schemas.chat_view import ChatStatus, View
from tests.fixtures.slack_scenes import (
    NOW,
    PICTURE,
    POSTED,
    REF,
    TOKEN,
    UPLOADING,
    ScriptedSlack,
    adapter,
    plain,
    result_buttons,
    slack,
    view,
)

GOLDEN: Final = Path(__file__).parent / "golden/slack_journey.json"
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


def written(call: ChatCall) -> dict[str, Any]:
    """Return a call as it is kept in the golden file."""
    told: dict[str, Any] = {"method": call.method, "url": call.url, "bucket": call.bucket}
    told |= {"body": call.body} if call.body is not None else {}
    told |= {"form": call.form} if call.form is not None else {}
    if call.raw is not None:
        told["raw"] = {"type": call.raw.media_type, "bytes": call.raw.data.decode()}
    return {**told, "authorization": call.headers.get("Authorization")}


def test_a_job_from_waiting_to_its_result_is_told_in_the_stored_calls() -> None:
    http = slack(POSTED, {}, {}, {}, *UPLOADING, {})
    forms = [
        view(position=3, starts_at=NOW + timedelta(seconds=95)),
        *(view(ChatStatus.RUNNING, percent=percent) for percent in (0, 31, 75)),
        DONE,
    ]
    ref = REF
    for form in forms:
        ref, fate = steps(ref, form, http)
        assert fate is Fate.TAKEN

    calls = [written(call) for call in http.calls]
    if not GOLDEN.exists():
        GOLDEN.write_text(json.dumps(calls, indent=1, ensure_ascii=False) + "\n")
        pytest.fail(f"{GOLDEN.name} was written anew: read it, then run this again")
    assert json.loads(json.dumps(calls)) == json.loads(GOLDEN.read_text())
    assert (ref.channel, ref.message) == ("C1", "1.1")


def test_a_first_result_is_never_posted_but_edits_a_waiting_form() -> None:
    http = slack(POSTED, *UPLOADING, {})

    assert SLACK.posts(REF, DONE)
    ref, fate = steps(REF, DONE, http)

    assert (fate, SLACK.posts(ref, DONE)) == (Fate.TAKEN, False)
    assert http.buckets == [
        "chat.postMessage",
        "files.getUploadURLExternal",
        "upload",
        "files.completeUploadExternal",
        "chat.update",
    ]
    assert "Waiting to start" in str(http.calls[0].body)
    assert "slack_file" not in str(http.calls[0].body)


def test_a_post_gives_the_channel_a_second_of_rest() -> None:
    assert step(REF, view(), slack(POSTED)).pause == 1.0


def test_an_upload_is_not_made_twice_when_the_edit_has_to_wait() -> None:
    http = slack(*UPLOADING, plain(503), None, "ratelimited", {})
    ref, fate = steps(MESSAGE, DONE, http)
    for _ in range(2):
        assert fate in {Fate.AGAIN, Fate.LIMITED}
        ref, fate = steps(ref, DONE, http)
    ref, fate = steps(ref, DONE, http)

    assert (fate, http.buckets.count("upload")) == (Fate.TAKEN, 1)
    assert http.buckets.count("chat.update") == 4


def test_another_result_is_uploaded_itself() -> None:
    http = slack(*UPLOADING, {}, *UPLOADING, {})
    ref, _ = steps(MESSAGE, DONE, http)

    steps(ref, replace(DONE, pictures=(replace(PICTURE, data=b"other"),)), http)

    assert http.buckets.count("upload") == 2


def _no_file(status: int = 200) -> ChatHttpAnswer:
    told = {
        "ok": False,
        "error": "invalid_blocks",
        "errors": ["invalid slack file [json-pointer:/blocks/2/slack_file]"],
    }
    return plain(status, json.dumps(told).encode())


def test_a_file_that_slack_still_looks_at_is_waited_for_and_then_left_out() -> None:
    http = slack(*UPLOADING, _no_file(), _no_file(), {})
    ref, fate = steps(MESSAGE, DONE, http)
    assert fate is Fate.AGAIN

    ref, fate = steps(ref, DONE, http, NOW + timedelta(minutes=3))

    assert fate is Fate.TAKEN
    assert "could not be shown here" in str(http.calls[-1].body)
    assert "slack_file" not in str(http.calls[-1].body)


@pytest.mark.parametrize(
    "error", ["missing_scope", "file_upload_size_restricted", "posting_to_x"]
)
def test_a_result_whose_picture_slack_does_not_take_comes_without_it(error: str) -> None:
    http = slack(error, {})

    assert steps(MESSAGE, DONE, http)[1] is Fate.TAKEN
    assert "could not be shown here" in str(http.calls[-1].body)


def test_a_picture_goes_only_to_slack() -> None:
    ticket = {"upload_url": "https://evil.example/upload", "file_id": "F0000000001"}
    http = slack(ticket, {})

    assert steps(MESSAGE, DONE, http)[1] is Fate.TAKEN
    assert http.buckets == ["files.getUploadURLExternal", "chat.update"]


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        ("message_not_found", Fate.GONE),
        ("invalid_blocks", Fate.HOPELESS),
        ("a_word_of_tomorrow", Fate.HOPELESS),
        *(
            (word, Fate.STOPPED)
            for word in ("account_inactive", "token_revoked", "invalid_auth")
        ),
        *((word, Fate.STOPPED) for word in ("not_authed", "missing_scope", "token_expired")),
        *((word, Fate.AGAIN) for word in ("fatal_error", "internal_error", "request_timeout")),
        *((word, Fate.NEXT) for word in ("not_in_channel", "is_archived")),
        *((word, Fate.NEXT) for word in ("edit_window_closed", "cant_update_message")),
        *((plain(status), Fate.AGAIN) for status in (500, 502, 503, 504)),
        *((plain(status, b"<html>a proxy</html>"), Fate.AGAIN) for status in (301, 400, 403)),
        (plain(404, b'{"message": "no route"}'), Fate.AGAIN),
        (plain(200, b"<html>a login page</html>"), Fate.AGAIN),
        (plain(200, b"[]"), Fate.AGAIN),
        (plain(200, b'{"ok": 1}'), Fate.AGAIN),
        (plain(429), Fate.LIMITED),
        ("ratelimited", Fate.LIMITED),
        (None, Fate.AGAIN),
    ],
)
def test_what_slack_answers_to_an_edit_has_its_fate(
    answer: ChatHttpAnswer | str | None, fate: Fate
) -> None:
    result = step(MESSAGE, view(ChatStatus.RUNNING), slack(answer))

    assert result.fate is fate
    assert (result.ref == MESSAGE) == (fate is not Fate.NEXT)
    assert result.detail
    assert TOKEN not in repr(result)


@pytest.mark.parametrize(
    ("told", "pause"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ("", 5.0),
        ("x", 5.0),
        ("-1", 5.0),
        ("nan", 5.0),
        ("9" * 9, 3600.0),
    ],
)
def test_a_limit_pauses_as_long_as_slack_says(told: str, pause: float) -> None:
    edit = step(MESSAGE, view(), slack(plain(429, retry_after=told)))
    post = step(REF, view(), slack(plain(429, retry_after=told)))

    # Posts are limited in each channel, edits in the whole workspace.
    assert (edit.pause, edit.of_bot) == (pause, True)
    assert (post.pause, post.of_bot) == (pause, False)


@pytest.mark.parametrize(
    "error", ["user_not_found", "channel_not_found", "messages_tab_disabled"]
)
def test_a_direct_message_that_cannot_be_is_the_end(error: str) -> None:
    assert step(DIRECT, DONE, slack(error)).fate is Fate.HOPELESS


def test_a_post_without_a_time_stamp_is_hopeless_and_not_repeated() -> None:
    assert step(REF, view(), slack({"ts": 7})).fate is Fate.HOPELESS


def test_a_message_in_a_thread_stays_there() -> None:
    http = slack(POSTED)
    step(replace(REF, thread="0.9"), view(), http)

    assert (http.calls[0].body or {})["thread_ts"] == "0.9"
