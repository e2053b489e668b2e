import base64
import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks import Webhook, WebhookVerificationError

from infra.clock import SystemClock
from infra.new_ids import new_key
from schemas.ids import format_id
from schemas.signature import SECRET_BYTES, format_secret, sign

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("standard-webhooks-vectors.json").read_text(encoding="utf-8")
)
SIGNED = [vector for vector in VECTORS["vectors"] if vector["scheme"] == "v1"]
# Headers that carry several signatures: ours must be among them.
MIXED = [vector for vector in VECTORS["vectors"] if vector["scheme"] == "header"]
REFUSED: list[dict[str, Any]] = VECTORS["must_reject"]


def signature_of(vector: dict[str, Any], secret: str) -> str:
    headers = sign(
        secret,
        message_id=vector["id"],
        at_seconds=vector["timestamp"],
        body=vector["body"].encode(),
    )
    assert headers["webhook-id"] == vector["id"]
    assert headers["webhook-timestamp"] == str(vector["timestamp"])
    return headers["webhook-signature"]


def names(vectors: list[dict[str, Any]]) -> list[str]:
    return [vector["name"] for vector in vectors]


@pytest.mark.parametrize("vector", SIGNED, ids=names(SIGNED))
def test_every_published_vector_is_signed_as_published(vector: dict[str, Any]) -> None:
    assert signature_of(vector, vector["secret"]) == vector["signature"]


@pytest.mark.parametrize("vector", MIXED, ids=names(MIXED))
def test_our_signature_is_one_that_a_mixed_header_offers(vector: dict[str, Any]) -> None:
    symmetric = [s for s in vector["accepts_with"] if s.startswith("whsec_")]
    assert symmetric
    offered = vector["header"].split(" ")
    assert all(signature_of(vector, secret) in offered for secret in symmetric)


@pytest.mark.parametrize("vector", REFUSED, ids=names(REFUSED))
def test_no_refused_vector_carries_our_signature(vector: dict[str, Any]) -> None:
    assert signature_of(vector, vector["secret"]) not in vector["header"].split(" ")


@pytest.mark.parametrize("size", [24, SECRET_BYTES, 64])
def test_standardwebhooks_and_openai_accept_what_we_sign(size: int) -> None:
    secret = format_secret(secrets.token_bytes(size))
    body = '{"type":"job.succeeded","data":{"text":"café ☕ 東京"}}'.encode()
    headers = signed_now(secret, body)
    assert Webhook(secret).verify(body, headers)["type"] == "job.succeeded"
    with OpenAI(api_key="unused", webhook_secret=secret) as client:
        client.webhooks.verify_signature(body, headers)


def test_standardwebhooks_and_openai_refuse_a_changed_body() -> None:
    secret = format_secret(secrets.token_bytes(SECRET_BYTES))
    headers = signed_now(secret, b'{"n":1}')
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"n":2}', headers)
    with (
        OpenAI(api_key="unused", webhook_secret=secret) as client,
        pytest.raises(InvalidWebhookSignatureError),
    ):
        client.webhooks.verify_signature(b'{"n":2}', headers)


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_padded_standard_base64_behind_its_prefix(key: bytes) -> None:
    secret = format_secret(key)
    assert secret.startswith("whsec_")
    assert base64.b64decode(secret.removeprefix("whsec_"), validate=True) == key


def signed_now(secret: str, body: bytes) -> dict[str, str]:
    at = int(SystemClock().now().timestamp())
    return sign(secret, message_id=format_id("evt", new_key()), at_seconds=at, body=body)
