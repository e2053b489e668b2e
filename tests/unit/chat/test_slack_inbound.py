"""What Slack posts is read as it documents it, or is unreadable."""

import json
from datetime import timedelta
from typing import Any

import pytest

from schemas.chat import ChatAction, Verb
from schemas.chat_errors import ChatUnreadableError
from schemas.chat_inbound import Command, Ignored, Inbound, Ping, Press
from tests.fixtures.slack_scenes import (
    JOB,
    NOW,
    URL,
    action,
    adapter,
    command_body,
    press_body,
    signed,
)

SLACK = adapter()


def heard(body: bytes) -> Inbound:
    SLACK.verify(signed(body), body, NOW)
    return SLACK.parse({}, body, NOW)


def command(**changes: str) -> Command:
    said = heard(command_body(**changes))
    assert isinstance(said, Command)
    return said


def press(**changes: Any) -> Press:
    said = heard(press_body(**changes))
    assert isinstance(said, Press)
    return said


def test_a_command_says_who_where_and_how_it_is_answered() -> None:
    said = command(text=" a café --ar 16:9 ")

    assert (said.name, said.text, said.dedupe_key) == ("imagine", "a café --ar 16:9", "1.2.4")
    assert (said.end_user, said.user.name) == ("slack:U1", "nelly")
    assert (said.place.id, said.place.channel, said.place.private) == ("T1", "C1", False)
    assert (said.ref.channel, said.ref.token, said.ref.message) == ("C1", URL, None)
    assert said.ref.token_until == NOW + timedelta(minutes=30)
    assert URL not in repr(said)


def test_a_direct_message_is_private_and_in_its_workspace() -> None:
    said = command(channel_id="D1", channel_name="directmessage")

    assert (said.place.id, said.place.private) == ("T1", True)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("tom &amp; jerry &lt;3", "tom & jerry <3"),
        ("&amp;lt;!channel&amp;gt;", "&lt;!channel&gt;"),
        (
            "like <https://a.example/x?a=1&amp;b=2> but red",
            "like https://a.example/x?a=1&b=2 but red",
        ),
        ("<http://a.example|a.example>", "http://a.example"),
        ("<@U2|bob> and <!channel>", "<@U2|bob> and <!channel>"),
    ],
)
def test_what_was_typed_is_read(typed: str, read: str) -> None:
    assert command(text=typed).text == read


def test_pictures_of_a_command_are_the_urls_in_its_words() -> None:
    said = command(
        command="/blend",
        text="<https://a.example/1.png|1> https://b.example/2.png?a&amp;b --ar 1:1",
    )

    urls = [one.url for one in said.pictures]
    assert urls == ["https://a.example/1.png", "https://b.example/2.png?a&b"]
    assert said.text == "--ar 1:1"
    assert command(text="https://a.example/1.png").pictures == ()


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("queue", "queue", ""),
        ("/imagine a  cat\n--ar 1:1", "imagine", "a  cat\n--ar 1:1"),
        ("", "help", ""),
        ("💥 boom", "help", ""),
    ],
)
def test_every_command_is_also_one_of_genq(text: str, name: str, rest: str) -> None:
    said = command(command="/GenQ", text=text)

    assert (said.name, said.text) == (name, rest)


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/x", "ftp://x", ""),
        *("https://hooks.slack.com@evil.example/", "https://evil.example\\@hooks.slack.com/"),
        *("https://hooks.slack.com:8443/x", "https://hooks.slack.com:x/", "https://[::1/"),
        *("https://files.slack.com/x", "https://hooks.slack.com/a b"),
    ],
)
def test_a_response_url_that_does_not_lead_to_slack_is_left_out(url: str) -> None:
    assert command(response_url=url).ref.token is None


def test_a_response_url_of_the_configured_server_is_taken() -> None:
    local = adapter(slack_url="http://127.0.0.1:8080/slack/api")

    said = local.parse(
        {}, command_body(response_url="http://127.0.0.1:8080/slack/hooks/1"), NOW
    )

    assert isinstance(said, Command)
    assert said.ref.token == "http://127.0.0.1:8080/slack/hooks/1"


def test_a_button_says_which_job_and_on_which_message() -> None:
    said = press()

    assert said.action == action(Verb.UPSCALE, 2)
    assert said.dedupe_key == f"C1:1.1:{action(Verb.UPSCALE, 2).id}:U1:2.2"
    assert said.pressed is not None
    assert (said.pressed.channel, said.pressed.message) == ("C1", "1.1")
    assert (said.ref.message, said.ref.token) == (None, URL)


def test_a_button_may_have_its_job_in_its_value() -> None:
    job = action(Verb.UPSCALE, 2).id.rpartition(":")[2]
    button = {"type": "button", "action_id": "g1:u:2", "value": job, "action_ts": "2.2"}

    assert press(actions=[button]).action == ChatAction(Verb.UPSCALE, 2, JOB)


def test_a_button_of_another_app_or_a_damaged_one_has_no_action() -> None:
    for action_id in ("approve", "g1:u:2", "g1:z:2:01jd8t3z5q8w8n1n9e0y5a7k2b"):
        button = {"type": "button", "action_id": action_id, "value": None, "action_ts": "2.2"}
        assert press(actions=[button]).action is None


def test_a_button_in_a_thread_is_answered_there() -> None:
    container = {"type": "message", "message_ts": "1.1", "channel_id": "C1", "thread_ts": "0.9"}

    said = press(container=container)

    assert (said.place.thread, said.ref.thread) == ("0.9", "0.9")


def test_an_app_of_a_whole_organisation_is_in_the_users_workspace() -> None:
    assert press(team=None).place.id == "T1"
    assert press(team=None, user={"id": "U1"}, enterprise={"id": "E1"}).place.id == "E1"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "view_submission"},
        {"type": "shortcut"},
        {"type": None},
        {"container": {"type": "view", "view_id": "V1"}},
        {"actions": [{"type": "static_select", "action_id": "x"}]},
        {"actions": [{"type": "button", "action_id": "link:0:0", "action_ts": "2.2"}]},
    ],
)
def test_what_is_not_for_us_is_ignored(changes: dict[str, Any]) -> None:
    said = heard(press_body(**changes))

    assert isinstance(said, Ignored)
    assert SLACK.answer(said, None).status == 200


def test_the_challenge_is_given_back() -> None:
    said = heard(b'{"type": "url_verification", "token": "x", "challenge": "3eZbrw1aB"}')

    assert said == Ping("3eZbrw1aB")
    assert json.loads(SLACK.answer(said, None).body) == {"challenge": "3eZbrw1aB"}


def test_other_events_and_questions_about_tls_are_answered() -> None:
    assert isinstance(heard(b'{"type": "event_callback", "event": {}}'), Ignored)
    assert SLACK.answer(heard(b"ssl_check=1&token=x"), None).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}{}",
        b"[" * 100_000,
        b'{"type": "url_verification"}',
        b'{"type": "url_verification", "challenge": "\\u0000"}',
        b"payload=",
        b"payload=[]",
        b"payload={}&payload={}",
        b"payload=%7B%22type%22%3A%22block_actions%22%7D",
        b"text=%",
        b"text=%zz",
        b"text=%ff",
        b"text=\xff",
        b"text=%00",
        b"text=\0",
        command_body() + b"&text=again",
        command_body() + b"&more=%",
        command_body() + b"&more=%zz",
        command_body() + b"&more=%ff",
        command_body() + b"&te%78t=again",
        b"&".join(b"f%d=" % n for n in range(300)),
        command_body(text="nul\0"),
        command_body(trigger_id=""),
        command_body(user_id="U1\nU2"),
        command_body(channel_id="C1/../../x"),
        command_body(team_id="x" * 65),
        command_body(command="imagine"),
        command_body(command="/"),
        press_body(actions=[]),
        press_body(actions={}),
        press_body(actions=["x"]),
        press_body(container=None),
        press_body(user={"id": 7}),
        press_body(team=None, user={"id": "U1"}),
        press_body(actions=[{"type": "button", "action_id": "a\0b", "action_ts": "2.2"}]),
    ],
)
def test_what_slack_does_not_document_is_unreadable(body: bytes) -> None:
    with pytest.raises(ChatUnreadableError):
        SLACK.parse({}, body, NOW)


def test_escapes_of_any_characters_come_through() -> None:
    for text in ("+ %2B &=", "日本語 \U0001f600", 'quo"te\\'):
        assert command(text=text).text == text
