import base64
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey
from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks import Webhook, WebhookVerificationError

from infra.clock import SystemClock
from infra.new_ids import new_key
from schemas.ids import format_id
from schemas.signature import (
    MOST_SIGNING,
    SECRET_BYTES,
    SEED_BYTES,
    format_private_key,
    format_public_key,
    format_secret,
    public_key_of,
    sign,
)

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("standard-webhooks-vectors.json").read_text(encoding="utf-8")
)
SIGNED = [vector for vector in VECTORS["vectors"] if vector["scheme"] == "v1"]
SIGNED_V1A = [vector for vector in VECTORS["vectors"] if vector["scheme"] == "v1a"]
# Headers that carry several signatures, v1 first.
MIXED = [vector for vector in VECTORS["vectors"] if vector["scheme"] == "header"]
REFUSED: list[dict[str, Any]] = VECTORS["must_reject"]


def signature_of(
    vector: dict[str, Any], *secrets: str, private_keys: Sequence[str] = ()
) -> str:
    headers = sign(
        *secrets,
        private_keys=private_keys,
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


@pytest.mark.parametrize("vector", SIGNED_V1A, ids=names(SIGNED_V1A))
def test_every_published_v1a_vector_is_signed_as_published(vector: dict[str, Any]) -> None:
    private_key = vector["whsk"]
    assert signature_of(vector, private_keys=[private_key]) == vector["signature"]
    assert format_public_key(public_key_of(private_key)) == vector["whpk"]
    seed = base64.b64decode(vector["secret_key_base64_seed_plus_public"])[:SEED_BYTES]
    assert format_private_key(seed) == private_key


@pytest.mark.parametrize("vector", MIXED, ids=names(MIXED))
def test_several_keys_sign_in_one_header_as_published(vector: dict[str, Any]) -> None:
    keys = vector["accepts_with"]
    symmetric = [key for key in keys if key.startswith("whsec_")]
    published = {format_public_key(public_key_of(v["whsk"])): v["whsk"] for v in SIGNED_V1A}
    private_keys = [published[key] for key in keys if key.startswith("whpk_")]
    assert signature_of(vector, *symmetric, private_keys=private_keys) == vector["header"]


def test_only_the_newest_five_of_each_kind_sign() -> None:
    symmetric = [format_secret(bytes([n] * SECRET_BYTES)) for n in range(7)]
    keys = [format_private_key(bytes([n] * SEED_BYTES)) for n in range(7)]
    [vector, *_] = SIGNED
    tokens = signature_of(vector, *symmetric, private_keys=keys).split(" ")
    ones = [signature_of(vector, secret) for secret in symmetric[:MOST_SIGNING]]
    assert tokens[:MOST_SIGNING] == ones
    assert [token[:4] for token in tokens[MOST_SIGNING:]] == ["v1a,"] * MOST_SIGNING


@pytest.mark.parametrize(
    "secret",
    [
        "yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f",
        "whsk_yMnKy8zN",
        "whsec_",
        "whsec_x",
        "whsec_a-_b",
        "whsec_yMnK yMnK",
        "whsec_yMnKyM",
        "whsec_☕",
    ],
)
def test_a_secret_in_any_other_form_signs_nothing_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret") as caught:
        sign(secret, message_id="evt_1", at_seconds=1, body=b"{}")
    if secret != "whsec_":
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "private_key",
    [
        "whsec_" + "A" * 43 + "=",
        "whsk_",
        "whsk_AAAA",
        "whsk_" + "A" * 42,
        "whsk_" + "A" * 84 + "==",
        "whsk_" + "-" * 43 + "=",
    ],
)
def test_a_private_key_in_any_other_form_signs_nothing(private_key: str) -> None:
    with pytest.raises(ValueError, match="private key") as caught:
        sign(private_keys=[private_key], message_id="evt_1", at_seconds=1, body=b"{}")
    assert private_key == "whsk_" or private_key not in str(caught.value)


def test_nothing_to_sign_with_is_an_error() -> None:
    with pytest.raises(ValueError, match="no secret"):
        sign(message_id="evt_1", at_seconds=1, body=b"{}")


def test_pynacl_accepts_what_an_ed25519_key_signs() -> None:
    private_key = format_private_key(secrets.token_bytes(SEED_BYTES))
    headers = sign(private_keys=[private_key], message_id="evt_1", at_seconds=1, body=b"{}")
    scheme, _, signature = headers["webhook-signature"].partition(",")
    assert scheme == "v1a"
    VerifyKey(public_key_of(private_key)).verify(b"evt_1.1.{}", base64.b64decode(signature))


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
