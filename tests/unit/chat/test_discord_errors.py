"""What Discord refuses is told apart: for how long, for whom, and whether it is any use."""

import pytest

from infra.chat.adapter import ChatHttpAnswer, Fate
from infra.chat.discord_ladder import decide
from schemas.chat import MessageRef
from tests.fixtures.discord_views import CHANNEL, MESSAGE, original, refused, said
from tests.unit.chat.test_discord_ladder import EDIT, LATER, ORIGINAL, step, steps

LIMITS: list[tuple[ChatHttpAnswer, float, bool, bool]] = [
    (said(429, {"retry_after": 0.65, "global": False, "message": "x"}), 0.65, False, True),
    (said(429, {"retry_after": 2, "global": True, "message": "x"}), 2.0, True, True),
    (
        said(
            429,
            {"retry_after": 1.5, "global": False, "message": "x"},
            {"x-ratelimit-scope": "shared"},
        ),
        1.5,
        False,
        False,
    ),
    (said(429, {"message": "x"}, {"retry-after": "7"}), 7.0, False, True),
    (ChatHttpAnswer(429, {"retry-after": "30"}, b"error 1015"), 30.0, True, True),
    (said(429, {"retry_after": -3, "message": "x"}), 0.0, False, True),
    (said(429, {"message": "x"}, {"retry-after": "nan"}), 5.0, False, True),
    (said(429, {"retry_after": 1e30, "message": "x"}), 86_400.0, False, True),
]


@pytest.mark.parametrize(("answer", "pause", "of_bot", "invalid"), LIMITS)
def test_a_429_says_for_how_long_and_for_whom(
    answer: ChatHttpAnswer, pause: float, of_bot: bool, invalid: bool
) -> None:
    for ref in (original(), MessageRef(CHANNEL, message=MESSAGE, rung=1)):
        result, _ = step(ref, answer)
        assert (result.fate, result.pause) == (Fate.LIMITED, pause)
        assert (result.of_bot, result.invalid) == (of_bot, invalid)
        assert result.ref == ref


def test_an_emptied_bucket_rests_the_lane_after_a_success() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.25"}
    result, _ = step(original(), said(200, {"id": MESSAGE}, headers))
    assert (result.fate, result.pause) == (Fate.TAKEN, 1.25)
    headers["x-ratelimit-remaining"] = "3"
    result, _ = step(original(), said(200, {"id": MESSAGE}, headers))
    assert result.pause == 0.0


@pytest.mark.parametrize("answer", [said(500), said(502), said(408), None])
def test_what_is_broken_for_a_while_is_tried_again(answer: ChatHttpAnswer | None) -> None:
    for ref in (original(), MessageRef(CHANNEL, rung=2), MessageRef(CHANNEL, rung=3)):
        result, _ = step(ref, answer)
        assert (result.fate, result.ref, result.pause) == (Fate.AGAIN, ref, 0.0)


@pytest.mark.parametrize("answer", [refused(413, 0), refused(400, 40005), said(413)])
def test_what_is_too_large_says_so(answer: ChatHttpAnswer) -> None:
    result, _ = step(original(), answer)
    assert (result.fate, result.detail) == (Fate.HOPELESS, "too large")


def test_an_invalid_form_is_hopeless_and_says_where_without_content() -> None:
    body = {
        "code": 50035,
        "message": "Invalid Form Body",
        "errors": {
            "embeds": {
                "0": {
                    "description": {
                        "_errors": [
                            {"code": "BASE_TYPE_BAD_LENGTH", "message": "secret prompt"}
                        ]
                    }
                }
            }
        },
    }
    for ref in (original(), MessageRef(CHANNEL, message=MESSAGE, rung=1)):
        result, _ = step(ref, said(400, body))
        assert result.fate is Fate.HOPELESS
        told = "50035: Invalid Form Body; embeds.0.description: BASE_TYPE_BAD_LENGTH"
        assert result.detail == told


def test_a_token_that_was_acknowledged_elsewhere_serves_no_more() -> None:
    _, discord = steps(original(message=MESSAGE), refused(400, 40060))
    assert discord.lines == [ORIGINAL, EDIT]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"code":"x"}', b'{"code":1e400}', b'{"id":7}', b"\xff", b"null"],
)
def test_no_answer_breaks_it(body: bytes) -> None:
    for status in (100, 200, 204, 301, 400, 401, 403, 404, 409, 429, 500, 599):
        for rung in range(4):
            ref = original(message=MESSAGE, rung=rung)
            result = decide(ref, ChatHttpAnswer(status, {}, body), LATER)
            assert result.status == status
