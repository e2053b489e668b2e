"""Receivers trust a webhook only if genq signed exactly these bytes a moment ago."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from genq import (
    AsyncGenq,
    ConfigurationError,
    Genq,
    UnexpectedAnswerError,
    WebhookInvalidError,
    verify_webhook,
)
from infra.clock import SystemClock
from schemas.signature import format_secret, sign
from tests.fixtures.api_stub import Home
from tests.fixtures.sample_job import JOB

SECRET = format_secret(b"k" * 32)
OTHER = format_secret(b"o" * 32)
BODY = '{"id": "evt_1", "type": "job.succeeded", "data": {"text": "Käse"}}'.encode()


def headers(body: bytes = BODY, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    now = int(SystemClock().now().timestamp())
    return sign(secret, message_id="evt_1", at_seconds=now - age, body=body)


def test_a_signed_event_is_returned() -> None:
    event = verify_webhook(BODY, headers(), SECRET)

    assert event["type"] == "job.succeeded"


def test_a_client_verifies_with_the_secret_that_it_knows(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = json.dumps(
        {"id": "evt_1", "type": "job.levitated", "timestamp": JOB["created_at"], "data": JOB}
    ).encode()
    with Genq("k", "http://127.0.0.1:1") as client:
        event = client.webhooks.verify(whole, headers(whole), SECRET)
        assert event.type == "job.levitated"
        assert event.job is not None
        assert (event.job.id, event.job.succeeded) == ("job_01", True)
        with pytest.raises(ConfigurationError, match="GENQ_WEBHOOK_SECRET"):
            client.webhooks.verify(whole, headers(whole))
        monkeypatch.setenv("GENQ_WEBHOOK_SECRET", OTHER)
        with pytest.raises(WebhookInvalidError):
            client.webhooks.verify(whole, headers(whole))
        home.write_profile(f'webhook_secret = "{SECRET}"\n')
        monkeypatch.delenv("GENQ_WEBHOOK_SECRET")
        assert client.webhooks.verify(whole, headers(whole)) == event
    known = AsyncGenq("k", "http://127.0.0.1:1", webhook_secret=f"{OTHER} {SECRET}")
    assert known.webhooks.verify(whole, headers(whole)).id == "evt_1"
    with pytest.raises(UnexpectedAnswerError, match="event lacks timestamp"):
        known.webhooks.verify(BODY, headers())


def test_header_names_may_be_in_any_case_and_the_body_text() -> None:
    shouted = {name.title(): value for name, value in headers().items()}

    assert verify_webhook(BODY.decode(), shouted, SECRET)["id"] == "evt_1"


def test_either_secret_verifies_while_one_is_replaced() -> None:
    assert verify_webhook(BODY, headers(), f"{OTHER} {SECRET}")["id"] == "evt_1"


def test_secrets_may_come_as_a_list() -> None:
    assert verify_webhook(BODY, headers(), [OTHER, f"{OTHER},{SECRET}"])["id"] == "evt_1"
    with pytest.raises(WebhookInvalidError, match="no signing secret"):
        verify_webhook(BODY, headers(), [])


@pytest.mark.parametrize("kind", ["endpoint.disabled", "batch.completed", "moon.risen"])
def test_an_event_that_is_about_no_job_has_its_data(home: Home, kind: str) -> None:
    told = {"id": "evt_1", "type": kind, "timestamp": JOB["created_at"], "sequence": 7}
    body = json.dumps({**told, "data": {"id": "whe_1"}}).encode()
    with Genq("k", "http://127.0.0.1:1", webhook_secret=SECRET) as client:
        event = client.webhooks.verify(body, headers(body))

    assert (event.type, event.job, event.data) == (kind, None, {"id": "whe_1"})
    assert event.sequence == 7


def changed(name: str, value: str) -> dict[str, str]:
    return {**headers(), name: value}


# Signed when the test runs: what is signed when tests are collected may be too old by then.
@pytest.mark.parametrize(
    ("body", "sent", "secret", "reason"),
    [
        (BODY + b" ", headers, SECRET, "No matching signature"),
        (BODY, headers, OTHER, "No matching signature"),
        (BODY, partial(headers, age=600), SECRET, "too old"),
        (BODY, partial(headers, age=-600), SECRET, "too new"),
        (BODY, dict[str, str], SECRET, "Missing required headers"),
        (BODY, partial(changed, "webhook-signature", "v1"), SECRET, "Malformed"),
        (BODY, partial(changed, "webhook-signature", "v1,\u20ac"), SECRET, "Malformed"),
        (BODY, partial(changed, "webhook-signature", "v2,abc"), SECRET, "No matching"),
        (BODY, partial(changed, "webhook-signature", "v1a,YQ=="), SECRET, "are v1a, which"),
        (BODY, partial(changed, "webhook-timestamp", "soon"), SECRET, "Invalid Signature"),
        (b"\xff", partial(headers, b"\xff"), SECRET, "Malformed"),
        (BODY, headers, "", "no signing secret"),
        (BODY, headers, "whsec_", "secret is not valid"),
        (BODY, headers, "whsec_a", "secret is not valid"),
        (BODY, headers, "whsec_\u20ac", "secret is not valid"),
    ],
)
def test_everything_else_is_refused_with_a_reason(
    body: bytes, sent: Callable[[], Mapping[str, str]], secret: str, reason: str
) -> None:
    with pytest.raises(WebhookInvalidError, match=reason):
        verify_webhook(body, sent(), secret)


@pytest.mark.parametrize("body", [b"[]", b"hello", base64.b64encode(b"x")])
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookInvalidError, match="not a JSON object"):
        verify_webhook(body, headers(body), SECRET)
