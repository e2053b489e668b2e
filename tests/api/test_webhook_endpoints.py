"""Endpoints are registered, changed and deleted, and nothing secret is shown twice."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any, Final

import httpx2
from sqlalchemy import text

from infra.doorbells import DELIVER
from infra.postgres.engine import transaction
from infra.sealing import sealer_for
from infra.settings import Settings
from infra.webhook_receivers import Destinations
from schemas.events import SUBSCRIBABLE_TYPES, TERMINAL_TYPES
from schemas.receiver import Receiver
from schemas.scopes import KeyScope
from schemas.signature import public_key_of
from schemas.webhook_views import (
    EndpointOptionsView,
    WebhookEndpointView,
    WebhookEndpointWithSecretView,
)
from schemas.webhooks import AuthKind, Hears, Ordering, Payload, Signatures
from tests.api.served import Served, new_key, pointers, run

ENDPOINTS: Final = "/v1/webhook_endpoints"
URL: Final = "https://example.com/hook?k=very-secret"


async def made(api: Served, **body: Any) -> dict[str, Any]:
    """Register an endpoint and return it with its secret."""
    answer = await api.http.post(ENDPOINTS, json={"name": "shop", "url": URL, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def changed(api: Served, endpoint: Mapping[str, Any], **body: Any) -> dict[str, Any]:
    answer = await api.http.post(f"{ENDPOINTS}/{endpoint['id']}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def rows(api: Served, statement: str, **values: Any) -> list[Any]:
    async with transaction(api.services.engine) as connection:
        found = await connection.execute(text(statement), values)
        return list(found.all()) if found.returns_rows else []


async def owe(api: Served, endpoint: Mapping[str, Any]) -> None:
    """Let a delivery to an endpoint wait in its lane."""
    await rows(
        api,
        "WITH d AS ("
        " INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, endpoint_id)"
        " SELECT uuidv7(), uuidv7(), uuidv7(), tenant_id, url, origin, id"
        " FROM webhook_endpoint WHERE name = :name"
        " RETURNING lane_id, tenant_id, endpoint_id, origin)"
        " INSERT INTO webhook_lane (id, tenant_id, endpoint_id, origin, blocked_until, breaker,"
        "  failures) SELECT *, now() + interval '1 hour', 1, 9 FROM d",
        name=endpoint["name"],
    )


async def receiver(api: Served) -> Receiver:
    """What a sender reads of the one lane that there is."""
    destinations = Destinations(
        sealer_for(api.services.settings), timeout=api.services.settings.webhook_timeout
    )
    async with transaction(api.services.engine) as connection:
        lanes = (await connection.execute(text("SELECT id FROM webhook_lane"))).scalars().all()
        found = await destinations.read(connection, lanes)
    (one,) = found.values()
    assert one.fault is None
    return one.receiver


def test_an_endpoint_shows_all_but_its_secrets(settings: Settings) -> None:
    options = {
        "channels": ["berlin", "paris"],
        "filter": {"shop": "7"},
        "payload": "full",
        "ordering": "fifo",
        "signatures": ["v1", "v1a"],
        "max_in_flight": 8,
        "throttle_rate": 2.5,
        "timeout_s": 20,
        "retry_schedule": [5, 60],
        "headers": {"X-Shop": "header-secret"},
        "auth": {"kind": "bearer", "token": "token-secret"},
        "metadata": {"team": "kites"},
    }

    async def scenario(api: Served) -> None:
        plain, rich = await made(api), await made(api, event_types=["job.*"], genq=options)

        assert set(plain) == set(WebhookEndpointWithSecretView.model_fields)
        assert set(plain["genq"]) == set(EndpointOptionsView.model_fields)
        assert plain["event_types"] == list(TERMINAL_TYPES)
        secret = plain["signing_secret"]
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
        assert plain["signing_secret_hint"] == f"whsec_…{secret.rstrip('=')[-4:]}"
        shown = {name: rich["genq"][name] for name in options}
        hidden = {"headers": ["X-Shop"], "auth": {"kind": "bearer"}}
        assert shown == {**options, **hidden}
        assert rich["genq"]["public_keys"][0].startswith("whpk_")
        assert plain["genq"]["public_keys"] == []

        answer = await api.http.get(f"{ENDPOINTS}/{rich['id']}")
        assert answer.json() == {k: v for k, v in rich.items() if k != "signing_secret"}
        assert set(answer.json()) == set(WebhookEndpointView.model_fields)
        listed = (await api.http.get(ENDPOINTS)).text
        audit = (await api.http.get("/v1/audit")).text
        for hush in ("header-secret", "token-secret", rich["signing_secret"], secret):
            assert hush not in listed + audit
        assert "very-secret" not in audit
        assert await rows(api, "SELECT hears FROM tenant WHERE name = 'acme'") == [(7,)]

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


def test_a_change_wakes_its_lane_and_no_change_changes_nothing(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        options = {"headers": {"X-A": "1"}, "auth": {"kind": "bearer", "token": "t"}}
        endpoint = await made(api, genq=options)
        await owe(api, endpoint)
        lane = "SELECT next_due_at IS NULL, breaker, failures FROM webhook_lane"
        of = "SELECT revision, updated_at FROM webhook_endpoint"
        before = await rows(api, of)

        async with api.services.doorbells.listen(DELIVER) as bell:
            same = {k: endpoint[k] for k in ("name", "url", "event_types")}
            shown = await changed(api, endpoint, **same, genq={**options, "payload": "thin"})
            assert shown["updated_at"] == endpoint["updated_at"]
            assert await rows(api, of) == before
            assert await rows(api, lane) == [(True, 1, 9)]

            # Another limit says nothing of the receiver, another address everything.
            await changed(api, endpoint, genq={"max_in_flight": 2})
            assert await rows(api, lane) == [(False, 1, 9)]
            await changed(api, endpoint, url="https://other.example/x")
            assert await rows(api, lane) == [(False, 0, 0)]
            assert (await rows(api, of))[0].revision == before[0].revision + 2
            assert await bell.wait(5)

    run(settings, scenario)


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


def test_disabling_and_enabling_are_told_to_jobs_and_senders(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        endpoint = await made(api, event_types=["job.started", "job.failed"])
        await owe(api, endpoint)
        path = f"{ENDPOINTS}/{endpoint['id']}"
        hears = "SELECT hears FROM tenant WHERE name = 'acme'"
        assert await rows(api, hears) == [(Hears.STARTED,)]

        for _ in range(2):
            off = (await api.http.post(f"{path}/disable", json={"reason": "moving"})).json()
            assert off["genq"]["disabled"]["reason"] == "moving"
            assert off["genq"]["health"]["breaker"] == "open"
            assert off["genq"]["health"]["pending"] == 1
        assert await rows(api, hears) == [(0,)]
        on = (await api.http.post(f"{path}/enable")).json()
        assert on["genq"]["disabled"] is None
        assert on["genq"]["health"]["breaker"] == "closed"
        assert await rows(api, hears) == [(Hears.STARTED,)]
        actions = [one["action"] for one in (await api.http.get("/v1/audit")).json()["data"]]
        steps = ("created", "disabled", "enabled")
        assert [one for one in actions if one.startswith("webhook_endpoint")] == [
            f"webhook_endpoint.{step}" for step in reversed(steps)
        ]

    run(settings, scenario)


def test_a_deleted_endpoint_is_owed_nothing_and_its_log_stays(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        endpoint, other = await made(api, event_types=["job.*"]), await made(api, name="other")
        await owe(api, endpoint)
        await owe(api, other)
        await rows(
            api,
            "INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, duration_ms,"
            " endpoint_id) SELECT event_id, id, 1, 'timeout', 5, endpoint_id FROM delivery",
        )

        gone = await api.http.delete(f"{ENDPOINTS}/{endpoint['id']}")
        assert gone.json() == {
            "id": endpoint["id"],
            "object": "webhook_endpoint.deleted",
            "deleted": True,
        }
        for table in ("webhook_endpoint", "webhook_secret", "webhook_lane", "delivery"):
            assert (await rows(api, f"SELECT count(*) FROM {table}"))[0][0] == 1, table
        assert (await rows(api, "SELECT count(*) FROM delivery_attempt"))[0][0] == 2
        assert await rows(api, "SELECT hears FROM tenant WHERE name = 'acme'") == [(0,)]
        again = [
            await api.http.request(method, f"{ENDPOINTS}/{endpoint['id']}{step}", json={})
            for method, step in (
                ("DELETE", ""),
                ("GET", ""),
                ("POST", ""),
                ("POST", "/test"),
                ("POST", "/portal_link"),
            )
        ]
        jwks = await api.http.get(f"/.well-known/webhooks/{endpoint['id']}/jwks.json")
        assert {one.status_code for one in (*again, jwks)} == {404}

    run(settings, scenario)


def test_a_tenant_has_so_many_endpoints_and_no_more(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answers = await asyncio.gather(
            *(api.http.post(ENDPOINTS, json={"name": "n", "url": URL}) for _ in range(5))
        )
        codes = sorted(one.status_code for one in answers)
        assert codes == [201, 201, 201, 409, 409]
        refused = next(one for one in answers if one.status_code == 409)
        assert refused.json()["code"] == "too_many_endpoints"

        first = (await api.http.get(ENDPOINTS, params={"limit": 2})).json()
        assert first["has_more"]
        second = (await api.http.get(ENDPOINTS, params={"after": first["next"]})).json()
        ids = [one["id"] for one in (*first["data"], *second["data"])]
        assert (len(ids), ids) == (3, sorted(ids, reverse=True))
        assert not second["has_more"]
        assert (await api.http.get(ENDPOINTS, params={"after": "x"})).status_code == 400
        types = (await api.http.get("/v1/webhook_event_types")).json()
        assert types == {"object": "list", "data": list(SUBSCRIBABLE_TYPES)}

    run(settings.model_copy(update={"webhook_endpoints": 3}), scenario)


def test_reading_and_writing_are_rights_of_their_own(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        endpoint = await made(api)
        keys = {
            scope: {"Authorization": f"Bearer {await new_key(api.services, 'acme', scope)}"}
            for scope in (KeyScope.WEBHOOKS_READ, KeyScope.WEBHOOKS_WRITE, KeyScope.JOBS_WRITE)
        }

        async def codes(scope: KeyScope) -> list[int]:
            headers, path = keys[scope], f"{ENDPOINTS}/{endpoint['id']}"
            answers = [
                await api.http.get(path, headers=headers),
                await api.http.post(path, json={}, headers=headers),
            ]
            return [answer.status_code for answer in answers]

        assert await codes(KeyScope.WEBHOOKS_READ) == [200, 403]
        assert await codes(KeyScope.WEBHOOKS_WRITE) == [403, 200]
        assert await codes(KeyScope.JOBS_WRITE) == [403, 403]

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


CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
BAD: Final[tuple[tuple[dict[str, Any], str, str], ...]] = (
    ({"url": "ftp://example.com"}, "/url", "https://"),
    ({"url": "//example.com/x"}, "/url", "https://"),
    ({"url": "https://"}, "/url", ""),
    ({"url": "https://u:p@example.com/"}, "/url", "user or password"),
    ({"url": "https://example.com:22/"}, "/url", "port 22"),
    ({"url": "https://127.0.0.1/"}, "/url", "not public"),
    ({"url": "https://①②⑦.⓪.⓪.①/"}, "/url", ""),
    ({"url": "https://2130706433/"}, "/url", "not public"),
    ({"url": "https://[::ffff:169.254.169.254]/"}, "/url", "not public"),
    ({"url": "https://localhost/"}, "/url", "not public"),
    ({"url": "https://metadata.google.internal/"}, "/url", "not public"),
    ({"url": "https://example.com/a b"}, "/url", "spaces or control"),
    ({"url": "https://example.com/\n"}, "/url", "spaces or control"),
    ({"url": f"https://example.com/{'x' * 2048}"}, "/url", "2048"),
    ({"url": "http://example.com/"}, "/url", "GENQ_WEBHOOK_ALLOW_HTTP"),
    ({"name": " "}, "/name", "printable"),
    ({"name": ""}, "/name", ""),
    ({"event_types": []}, "/event_types", "disable"),
    ({"event_types": ["video.completed"]}, "/event_types", "known: job.queued"),
    ({"event_types": ["endpoint.test"]}, "/event_types", "known"),
    ({"event_types": ["*"]}, "/event_types", "job.*"),
    ({"evnt_types": ["job.*"]}, "/evnt_types", "did you mean 'event_types'"),
    ({"genq": {"chanels": ["a"]}}, "/genq/chanels", "did you mean 'channels'"),
    ({"genq": {"channels": ["a b"]}}, "/genq/channels/0", ""),
    ({"genq": {"channels": []}}, "/genq/channels", "null"),
    ({"genq": {"channels": [f"c{n}" for n in range(11)]}}, "/genq/channels", "10"),
    ({"genq": {"filter": {}}}, "/genq/filter", "1"),
    ({"genq": {"filter": {f"k{n}": "v" for n in range(11)}}}, "/genq/filter", "10"),
    ({"genq": {"filter": {"k": 1}}}, "/genq/filter/k", "string"),
    ({"genq": {"payload": "fat"}}, "/genq/payload", "thin"),
    ({"genq": {"signatures": ["v2"]}}, "/genq/signatures/0", "v1a"),
    ({"genq": {"max_in_flight": 65}}, "/genq/max_in_flight", "64"),
    ({"genq": {"max_in_flight": True}}, "/genq/max_in_flight", "integer"),
    ({"genq": {"throttle_rate": 0}}, "/genq/throttle_rate", "0.01"),
    ({"genq": {"timeout_s": 31}}, "/genq/timeout_s", "30"),
    ({"genq": {"retry_schedule": [0]}}, "/genq/retry_schedule/0", "1"),
    ({"genq": {"retry_schedule": [86_400] * 4}}, "/genq/retry_schedule", "76 h"),
    ({"genq": {"headers": {"Host": "x"}}}, "/genq/headers", "Host"),
    ({"genq": {"headers": {"webhook-id": "x"}}}, "/genq/headers", "genq's to set"),
    ({"genq": {"headers": {"X Y": "x"}}}, "/genq/headers", "name"),
    ({"genq": {"headers": {"X-Y": "a\r\nb"}}}, "/genq/headers", "printable ASCII"),
    ({"genq": {"headers": {"X-Y": "1", "x-y": "2"}}}, "/genq/headers", "twice"),
    ({"genq": {"headers": {f"X-{n}": "1" for n in range(21)}}}, "/genq/headers", "20"),
    ({"genq": {"auth": {"kind": "digest"}}}, "/genq/auth/kind", "basic"),
    ({"genq": {"auth": {"kind": "basic", "username": "u"}}}, "/genq/auth", "password"),
    ({"genq": {"auth": {"kind": "none", "token": "t"}}}, "/genq/auth", "no token"),
    (
        {"genq": {"auth": {"kind": "basic", "username": "a:b", "password": "p"}}},
        "/genq/auth",
        "colon",
    ),
    (
        {
            "genq": {
                "auth": {
                    "kind": "oauth2",
                    "token_url": "https://10.0.0.1/",
                    "client_id": "i",
                    "client_secret": "s",
                }
            }
        },
        "/genq/auth/token_url",
        "not public",
    ),
    (
        {"genq": {"auth": {"kind": "mtls", "certificate": CERTIFICATE, "key": "k"}}},
        "/genq/auth/certificate",
        "PEM",
    ),
    (
        {"genq": {"auth": {"kind": "bearer", "token": "t"}, "headers": {"Authorization": "x"}}},
        "/genq/headers",
        "Authorization",
    ),
    ({"genq": {"metadata": {"a": "\u0000"}}}, "/genq/metadata/a", "U+0000"),
)


def test_bad_endpoints_are_refused_with_the_place_and_the_reason(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        good = await made(api)
        for wrong, pointer, hint in BAD:
            for path in (ENDPOINTS, f"{ENDPOINTS}/{good['id']}"):
                body = wrong if path != ENDPOINTS else {"name": "n", "url": URL, **wrong}
                answer: httpx2.Response = await api.http.post(path, json=body)
                assert answer.status_code == 400, (path, wrong, answer.text)
                told = pointers(answer)
                assert pointer in told, (wrong, told)
                assert hint in told[pointer], (wrong, told)
        still = await api.http.get(f"{ENDPOINTS}/{good['id']}")
        assert still.json()["updated_at"] == good["updated_at"]
        assert await rows(api, "SELECT revision FROM webhook_endpoint") == [(1,)]

    run(settings.model_copy(update={"production": True, "outbound_allow": ()}), scenario)
