"""Whoever debugs a receiver is told which part of a webhook's proof is wrong, and why."""

import json
from collections.abc import Mapping

import pytest

from genq.cli.webhook_proof import examine, proof_of
from schemas.signature import format_private_key, format_secret, sign

SECRET = format_secret(b"k" * 32)
OTHER = format_secret(b"o" * 32)
BODY = '{"id":"evt_1","type":"job.succeeded","data":{"text":"Käse"}}'.encode()
AT = 1_795_000_000


def headers(**more: str) -> dict[str, str]:
    signed = sign(SECRET, message_id="evt_1", at_seconds=AT, body=BODY)
    return {**{name.title(): value for name, value in signed.items()}, **more}


def told(
    body: bytes = BODY,
    sent: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (SECRET,),
    now: float = AT + 2,
) -> dict[str, tuple[bool, str]]:
    found = examine(proof_of(body, headers() if sent is None else sent), secrets, now)
    return {each.part: (each.ok, each.said) for each in found}


def test_a_genuine_webhook_holds_in_every_part() -> None:
    assert told() == {
        "id": (True, "evt_1"),
        "time": (True, "2 s old"),
        "signature": (True, "v1, by the secret"),
    }
    assert told(secrets=(OTHER, SECRET))["signature"] == (True, "v1, by secret 2 of 2")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BODY + b"\r\n", "has a newline at its end"),
        (json.dumps(json.loads(BODY), indent=2).encode(), "parsed and written anew"),
        (BODY.replace(b"succeeded", b"failed"), "none was made by this secret"),
        (b"", "none was made by this secret"),
        (b"\xff", "none was made by this secret"),
    ],
)
def test_a_body_that_was_changed_is_told_how_if_that_can_be_known(
    body: bytes, reason: str
) -> None:
    ok, said = told(body)["signature"]

    assert not ok
    assert reason in said


@pytest.mark.parametrize(
    ("part", "sent", "reason"),
    [
        ("id", {}, "no webhook-id header"),
        ("id", {"webhook-id": "evt_2"}, "the header says evt_2, the body evt_1"),
        ("time", {}, "no webhook-timestamp header"),
        ("time", {"webhook-timestamp": "soon"}, "no number of seconds"),
        ("time", {"webhook-timestamp": "\uff11"}, "no number of seconds"),
        ("signature", {}, "no webhook-signature header"),
        ("signature", {"webhook-signature": "v1a,YQ== v2,YQ=="}, "only v1a, v2 there"),
        ("signature", {"webhook-signature": "v1,YQ=="}, "none was made by this secret"),
    ],
)
def test_a_header_that_is_missing_or_wrong_is_told(
    part: str, sent: dict[str, str], reason: str
) -> None:
    ok, said = told(sent=sent)[part]

    assert not ok
    assert reason in said


@pytest.mark.parametrize(
    ("now", "ok", "said"),
    [
        (AT + 300, True, "5 min old"),
        (AT + 301, False, "5 min 1 s old; up to 5 min is allowed"),
        (AT + 200_000, False, "2 d 7 h old"),
        (AT - 299, True, "4 min 59 s in the future"),
        (AT - 301, False, "in the future; up to 5 min"),
    ],
)
def test_the_time_may_be_off_by_five_minutes(now: float, ok: bool, said: str) -> None:
    found = told(now=now)["time"]

    assert found[0] is ok
    assert said in found[1]


@pytest.mark.parametrize("wrong", ["whsec_", "whsec_a", "käse", format_private_key(b"s" * 32)])
def test_a_secret_that_is_none_is_told_with_its_place(wrong: str) -> None:
    ok, said = told(secrets=(SECRET, wrong))["signature"]

    assert not ok
    assert "secret 2 of 2 is not whsec_ and base64" in said
