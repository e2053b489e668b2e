"""Only what Discord signed is heard, and of that no more than it documents."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.chat.discord_inbound import TOKEN_LIFE, interaction_of, verify_signature
from schemas.chat import ChatAction, Platform, Verb
from schemas.chat_errors import ChatUnauthorizedError, ChatUnreadableError
from schemas.chat_inbound import Command, Ignored, Ping, Press
from tests.fixtures.discord_views import discord_bot

VECTORS = json.loads(Path(__file__).with_name("chat-inbound-vectors.json").read_bytes())[
    "discord"
]
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
THEN = datetime.fromtimestamp(VECTORS["clock"], UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BY_NAME: dict[str, dict[str, Any]] = {one["name"]: one for one in VECTORS["requests"]}
EXAMPLES = 200
EACH = 50


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def heard(name: str) -> Any:
    return interaction_of(BY_NAME[name]["body"].encode(), NOW)


def passes(headers: Mapping[str, str], body: bytes) -> bool:
    try:
        verify_signature(KEY.public_key(), headers, body, THEN)
    except ChatUnauthorizedError:
        return False
    return True


@lru_cache(64)
def signed(body: bytes, stamp: str = "1700000000") -> dict[str, str]:
    signature = KEY.sign(stamp.encode() + body).hex()
    return {"x-signature-ed25519": signature, "x-signature-timestamp": stamp}


@pytest.mark.parametrize("request_", VECTORS["requests"], ids=lambda one: one["name"])
def test_every_vector_is_judged_as_it_says(request_: dict[str, Any]) -> None:
    bot, body = discord_bot(), request_["body"].encode()
    verdict = 200
    try:
        bot.verify(lowered(request_["headers"]), body, THEN)
    except ChatUnauthorizedError:
        verdict = 401
    assert verdict == request_["expect_status"]


@pytest.mark.parametrize("request_", VECTORS["requests"], ids=lambda one: one["name"])
def test_every_vector_is_judged_as_discords_own_library_does(request_: dict[str, Any]) -> None:
    oracle = pytest.importorskip("discord_interactions")
    headers = request_["headers"]
    verdict = oracle.verify_key(
        request_["body"].encode(),
        headers.get("X-Signature-Ed25519", ""),
        headers.get("X-Signature-Timestamp", ""),
        VECTORS["public_key_hex"],
    )
    assert verdict == (request_["expect_status"] == 200)


@pytest.mark.parametrize("request_", VECTORS["requests"], ids=lambda one: one["name"])
def test_every_vector_is_judged_as_libsodium_does(request_: dict[str, Any]) -> None:
    signing = pytest.importorskip("nacl.signing")
    key = signing.VerifyKey(bytes.fromhex(VECTORS["public_key_hex"]))
    headers = request_["headers"]
    told = (headers.get("X-Signature-Timestamp", "") + request_["body"]).encode()
    try:
        key.verify(told, bytes.fromhex(headers.get("X-Signature-Ed25519", "")))
        verdict = 200
    except Exception:  # noqa: BLE001 - whatever it says, it does not accept it
        verdict = 401
    assert verdict == request_["expect_status"]


def test_a_command_in_a_guild_is_heard_with_all_that_it_says() -> None:
    command = heard("/imagine in a guild")
    assert isinstance(command, Command)
    assert (command.platform, command.dedupe_key) == (Platform.DISCORD, "1100000000000000100")
    assert (command.name, dict(command.options)) == ("imagine", {"speed": "relax"})
    assert command.text == 'a café in 東京, "quoted" --ar 16:9'
    assert command.end_user == "discord:80351110224678912"
    assert command.user.name == "Nelly"
    assert command.user.manages
    assert (command.place.id, command.place.private) == ("1100000000000000002", False)
    assert command.ref.original
    assert command.ref.token == "aW50ZXJhY3Rpb246dG9rZW4"
    assert (
        command.ref.token_until == NOW + timedelta(minutes=14, seconds=30) == NOW + TOKEN_LIFE
    )
    assert command.ref.limit == 10 * 1024 * 1024


def test_in_a_direct_message_the_user_is_who_is_bound() -> None:
    command = heard("/imagine in a DM (user instead of member)")
    assert (command.place.id, command.place.private) == ("", True)
    assert command.user.id == "80351110224678912"
    assert not command.user.manages


def test_a_press_says_which_button_of_which_message() -> None:
    press = heard("button U2")
    assert isinstance(press, Press)
    assert press.action is not None
    assert (press.action.verb, press.action.index) == (Verb.UPSCALE, 2)
    assert press.pressed is not None
    assert press.pressed.message == press.ref.reply_to == "1100000000000000200"
    assert not press.ref.original


def test_a_ping_is_heard_as_one() -> None:
    assert isinstance(heard("PING"), Ping)
    assert isinstance(interaction_of(b'{"type":1}', NOW), Ping)


def imagine(**changes: Any) -> dict[str, Any]:
    return {**json.loads(BY_NAME["/imagine in a guild"]["body"]), **changes}


def test_pictures_come_with_their_addresses_and_sizes() -> None:
    data = {
        "name": "Blend",
        "type": 1,
        "options": [
            {"name": "image1", "type": 11, "value": "7"},
            {"name": "image2", "type": 11, "value": "8"},
            {"name": "image3", "type": 11, "value": "9"},
            {"name": "loud", "type": 5, "value": True},
        ],
        "resolved": {
            "attachments": {
                "7": {"url": "https://cdn.test/7", "content_type": "image/png", "size": 12},
                "8": {"url": "https://cdn.test/8"},
            }
        },
    }
    command = interaction_of(json.dumps(imagine(data=data)).encode(), NOW)
    assert isinstance(command, Command)
    assert command.name == "blend"
    assert [one.url for one in command.pictures] == ["https://cdn.test/7", "https://cdn.test/8"]
    assert (command.pictures[0].media_type, command.pictures[0].size) == ("image/png", 12)
    assert dict(command.options) == {"loud": "true"}


def test_nul_and_turns_of_direction_are_dropped_as_they_come_in() -> None:
    options = [{"name": "prompt", "type": 3, "value": "a\0b\u202ec\nd"}]
    told = imagine(data={"name": "imagine", "type": 1, "options": options})
    command = interaction_of(json.dumps(told).encode(), NOW)
    assert isinstance(command, Command)
    assert command.text == "abc\nd"


def test_a_forged_button_has_no_action() -> None:
    body = json.loads(BY_NAME["button U2"]["body"])
    for forged in ("", "g1:u:2:" + "Z" * 26, "g1:q:1:01JD8T3Z5Q8W8N1N9E0Y5A7K2B", "MJ::JOB"):
        body["data"]["custom_id"] = forged
        press = interaction_of(json.dumps(body).encode(), NOW)
        assert isinstance(press, Press)
        assert press.action is None or press.action != ChatAction.parse(forged + "x")
    body["data"]["custom_id"] = "nonsense"
    press = interaction_of(json.dumps(body).encode(), NOW)
    assert isinstance(press, Press)
    assert press.action is None


@pytest.mark.parametrize("kind", [4, 5, 99])
def test_other_kinds_of_interaction_are_let_go(kind: int) -> None:
    assert isinstance(interaction_of(json.dumps(imagine(type=kind)).encode(), NOW), Ignored)


def test_menus_on_users_and_messages_are_let_go() -> None:
    told = imagine(data={"name": "Report", "type": 3})
    assert isinstance(interaction_of(json.dumps(told).encode(), NOW), Ignored)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"type":"2"' + b"}",
        b'{"type":2}',
        b'{"type":3}',
        b'{"type":2,"id":"x"}',
        b"\xff\xfe",
        b'{"type":1e400}',
        b'{"type":' + b"9" * 5000 + b"}",
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
    ],
)
def test_what_discord_does_not_document_is_unreadable(body: bytes) -> None:
    with pytest.raises(ChatUnreadableError) as caught:
        interaction_of(body, NOW)
    assert len(caught.value.message) < 200


def test_no_word_of_the_request_is_in_the_error() -> None:
    told = imagine(token="secret token")
    with pytest.raises(ChatUnreadableError) as caught:
        interaction_of(json.dumps(told).encode(), NOW)
    assert "secret" not in caught.value.message
    assert "token: string_pattern_mismatch" in caught.value.message


def test_digits_cannot_be_moved_from_the_timestamp_into_the_body() -> None:
    body = b'{"type":1}'
    headers = signed(body)
    assert passes(headers, body)
    assert not passes({**headers, "x-signature-timestamp": "170000000"}, b"0" + body)


@pytest.mark.parametrize(
    "stamp", ["", "abc", "\uff11\uff17", "1700000000\n", " 1700000000", "9" * 5000]
)
def test_an_odd_timestamp_does_not_pass(stamp: str) -> None:
    body = b'{"type":1}'
    signature = KEY.sign(stamp.encode() + body).hex()
    headers = {"x-signature-ed25519": signature, "x-signature-timestamp": stamp}
    assert not passes(headers, body)


def mutated(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    odd = chr(dice.choice([0, 9, 10, 32, 48, 49, 97, 102, 123, 127, 0xE9, 0x663, 0x1F600]))
    kind = dice.randrange(6)
    if kind == 0:
        return text[:at] + odd + text[at:]
    if kind == 1:
        return text[:at] + odd + text[at + 1 :]
    if kind == 2:
        return text[:at] + text[at + dice.randrange(1, 9) :]
    if kind == 3:
        return text * dice.randrange(3)
    if kind == 4:
        return text.upper()
    return text[at:] + text[:at]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**63))
def test_ten_thousand_changed_requests_never_pass_and_never_break_it(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(EACH):
        body = dice.choice(VECTORS["requests"])["body"]
        headers = signed(body.encode())
        part = dice.choice(["body", *headers])
        if part == "body":
            changed, same = mutated(body, dice), body
            told = (headers, changed)
        else:
            changed, same = mutated(headers[part], dice), headers[part]
            told = ({**headers, part: changed}, body)
        # Hex means the same in capitals.
        unchanged = changed == same or (part != "body" and changed.lower() == same)
        assert passes(told[0], told[1].encode()) == unchanged
        if part == "body":
            assert readable(changed.encode()) in {True, False}


def readable(body: bytes) -> bool:
    try:
        interaction_of(body, NOW)
    except ChatUnreadableError:
        return False
    return True
