"""Secrets of endpoints and tenants: sealed, rotated with an overlap, never shown twice."""

import base64
from typing import Any

from infra.settings import Settings
from schemas.scopes import KeyScope
from schemas.signature import public_key_of
from schemas.webhooks import AuthKind, Ordering, Payload, Signatures
from tests.api.served import Served, new_key, run
from tests.api.webhook_endpoints import ENDPOINTS, changed, made, owe, receiver, rows


def test_secrets_overlap_as_long_as_asked_and_five_sign_at_most(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        endpoint = await made(api, genq={"signatures": ["v1", "v1a"]})
        await owe(api, endpoint)
        path = f"{ENDPOINTS}/{endpoint['id']}/rotate_secret"

        async def rotated(**body: Any) -> dict[str, Any]:
            answer = await api.http.post(path, json=body)
            assert answer.status_code == 200, answer.text
            assert answer.headers["cache-control"] == "no-store"
            return answer.json()

        two = await rotated(keep_old_secret_active_for_24_hours=True)
        (newest, former) = two["genq"]["signing_secrets"]
        assert (newest["expires_at"], former["expires_at"] is None) == (None, False)
        assert former["hint"] == endpoint["signing_secret_hint"]
        found = await receiver(api)
        assert found.secrets == (two["signing_secret"], endpoint["signing_secret"])
        assert len(found.private_keys) == len(two["genq"]["public_keys"]) == 2

        made_since = [await rotated(genq={}) for _ in range(5)]
        found = await receiver(api)
        assert found.secrets == tuple(one["signing_secret"] for one in made_since[::-1])

        # As OpenAI's client means it: without a wish, the former ones end.
        last = await api.http.post(path)
        found = await receiver(api)
        assert (len(found.secrets), len(found.private_keys)) == (1, 1)
        assert found.secrets[0] == last.json()["signing_secret"]
        both = {"keep_old_secret_active_for_24_hours": True, "genq": {"grace_seconds": 1}}
        for body in (both, {"genq": {"grace_seconds": 604_801}}):
            assert (await api.http.post(path, json=body)).status_code == 400

    run(settings, scenario)


def test_the_secret_for_urls_of_jobs_overlaps_too(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await rows(
            api,
            "INSERT INTO webhook_lane (id, tenant_id, origin)"
            " SELECT 1, id, 'https://example.com' FROM tenant WHERE name = 'acme'",
        )
        first = (await receiver(api)).secrets
        hint = (await api.http.get("/v1/webhook_secret")).json()
        assert (hint["signing_secret_hint"], hint["former"]) == ("whsec_…LaSw", [])

        one = (await api.http.post("/v1/webhook_secret/rotate")).json()
        assert (await receiver(api)).secrets == (one["signing_secret"], *first)
        key = await new_key(api.services, "operator", KeyScope.ADMIN)
        two = await api.http.post(
            "/v1/admin/tenants/acme/webhook_secret", headers={"Authorization": f"Bearer {key}"}
        )
        newest = two.json()["webhook_secret"]
        assert (await receiver(api)).secrets == (newest, one["signing_secret"], *first)
        told = (await api.http.get("/v1/webhook_secret")).json()
        assert [former["hint"] for former in told["former"]] == [
            one["signing_secret_hint"],
            hint["signing_secret_hint"],
        ]
        none = await api.http.post("/v1/webhook_secret/rotate", json={"grace_seconds": 0})
        assert (await receiver(api)).secrets == (none.json()["signing_secret"],)

    run(settings, scenario)


def test_what_cannot_be_opened_any_more_is_told_and_can_be_set_anew(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        endpoint = await made(api, genq={"headers": {"X-A": "1"}})
        await rows(api, "UPDATE webhook_endpoint SET headers = decode('010203', 'hex')")

        assert (await api.http.get(ENDPOINTS)).json()["data"][0]["genq"]["headers"] is None
        mended = await changed(api, endpoint, genq={"headers": {"X-B": "2"}})
        assert mended["genq"]["headers"] == ["X-B"]

    run(settings, scenario)


def test_a_sender_reads_what_an_owner_wrote(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        options = {
            "signatures": ["v1a"],
            "headers": {"X-Shop": "7"},
            "auth": {"kind": "basic", "username": "u", "password": "p"},
            "payload": "full",
            "ordering": "none",
            "retry_schedule": [],
        }
        endpoint = await made(api, genq=options)
        await owe(api, endpoint)

        found = await receiver(api)
        assert found.secrets == (endpoint["signing_secret"],)
        (private,) = found.private_keys
        jwks = await api.http.get(endpoint["genq"]["jwks_url"], headers={"Authorization": ""})
        (key,) = jwks.json()["keys"]
        assert base64.urlsafe_b64decode(key["x"] + "=") == public_key_of(private)
        assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
        assert "max-age" in jwks.headers["cache-control"]
        assert (found.headers, found.auth_kind) == ({"X-Shop": "7"}, AuthKind.BASIC)
        assert found.auth == {"username": "u", "password": "p"}
        assert (found.payload, found.ordering) == (Payload.FULL, Ordering.NONE)
        assert (found.signatures, found.schedule) == (Signatures.V1A, ())

        # Null means the default again; what is absent stays.
        again = {"headers": None, "auth": None, "payload": None, "ordering": None}
        await changed(api, endpoint, url="https://other.example/x", genq=again)
        found = await receiver(api)
        assert (found.headers, found.auth_kind, found.auth) == ({}, AuthKind.NONE, {})
        assert (found.payload, found.ordering) == (Payload.THIN, Ordering.JOB)
        assert (found.signatures, found.url) == (Signatures.V1A, "https://other.example/x")

    run(settings, scenario)
