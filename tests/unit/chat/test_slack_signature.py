"""What Slack signed passes, and nothing else does, whatever comes."""

from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.chat_errors import ChatUnauthorizedError, ChatUnreadableError
from tests.fixtures.slack_scenes import (
    NOW,
    VECTORS,
    adapter,
    command_body,
    signed,
)

SLACK = adapter()
REQUESTS: list[dict[str, Any]] = VECTORS["requests"]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: str(one["name"]))
def test_each_vector_passes_or_is_refused_as_it_says(request_: dict[str, Any]) -> None:
    headers = {name.lower(): value for name, value in request_["headers"].items()}
    body = request_["body"].encode()
    if request_["expect_status"] == 200:
        SLACK.verify(headers, body, NOW)
        SLACK.parse(headers, body, NOW)
    else:
        with pytest.raises(ChatUnauthorizedError):
            SLACK.verify(headers, body, NOW)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: str(one["name"]))
def test_each_vector_is_judged_as_slack_sdk_judges_it(request_: dict[str, Any]) -> None:
    signature = pytest.importorskip("slack_sdk.signature")

    class Then(signature.Clock):
        def now(self) -> float:
            return NOW.timestamp()

    verifier = signature.SignatureVerifier(VECTORS["signing_secret"], Then())
    try:
        passes = verifier.is_valid_request(request_["body"], request_["headers"])
    except ValueError:  # its fault: a time that is no number
        passes = False

    assert passes == (request_["expect_status"] == 200)


@pytest.mark.parametrize(
    ("seconds", "passes"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_a_signature_holds_for_five_minutes_each_way(seconds: int, passes: bool) -> None:
    body = command_body()
    headers = signed(body, NOW + timedelta(seconds=seconds))
    if passes:
        SLACK.verify(headers, body, NOW)
    else:
        with pytest.raises(ChatUnauthorizedError):
            SLACK.verify(headers, body, NOW)


@pytest.mark.parametrize(
    "odd",
    [
        *("", " ", "abc", "-1", "+1531420618", "1e9", "1531420618.0", " 1531420618", "0x5b47"),
        *("\uff19" * 10, "1" * 400, "1531420618\n", "ä", "\udcff", "\0"),
    ],
)
@pytest.mark.parametrize("name", ["x-slack-request-timestamp", "x-slack-signature"])
def test_an_odd_header_is_not_authorized_and_nothing_worse(name: str, odd: str) -> None:
    body = command_body()

    with pytest.raises(ChatUnauthorizedError):
        SLACK.verify({**signed(body), name: odd}, body, NOW)


def test_a_missing_header_is_not_authorized() -> None:
    body = command_body()
    for name in ("x-slack-request-timestamp", "x-slack-signature"):
        headers = {other: value for other, value in signed(body).items() if other != name}
        with pytest.raises(ChatUnauthorizedError):
            SLACK.verify(headers, body, NOW)


BODIES = [request_["body"].encode() for request_ in REQUESTS]
SIGNATURES = ("", "v0=", "v0=" + "0" * 64, "ä", None)
STAMPS = ("1531420618", "1531420617", "", "abc", "\u0663", "9" * 50)


def changed_at_random(body: bytes, random: Random) -> bytes:
    at = random.randrange(len(body))
    return body[:at] + random.randbytes(random.randrange(5)) + body[at + random.randrange(5) :]


@settings(max_examples=100, deadline=None, database=None)
@given(seed=st.integers(min_value=0))
def test_no_changed_request_passes_and_none_is_read_into_anything_else(seed: int) -> None:
    # A hundred changes of each seed: 10,000 examples of their own would take a minute.
    random = Random(seed)
    for _ in range(100):
        body, stamp = random.choice(BODIES), random.choice(STAMPS)
        changed = changed_at_random(body, random)
        signature = random.choice(SIGNATURES)
        headers = {**signed(body), "x-slack-request-timestamp": stamp}
        if signature is not None:
            headers["x-slack-signature"] = signature
        try:
            SLACK.verify(headers, changed, NOW)
        except ChatUnauthorizedError:
            pass
        else:
            assert (changed, stamp, signature) == (body, STAMPS[0], None)
        with suppress(ChatUnreadableError):
            SLACK.parse({}, changed, NOW)
