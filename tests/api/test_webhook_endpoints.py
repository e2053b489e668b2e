"""Endpoints are registered, changed and deleted, and nothing secret is shown twice."""

import asyncio
import base64

from infra.doorbells import DELIVER
from infra.settings import Settings
from schemas.events import SUBSCRIBABLE_TYPES, TERMINAL_TYPES
from schemas.scopes import KeyScope
from schemas.webhook_views import (
    EndpointOptionsView,
    WebhookEndpointView,
    WebhookEndpointWithSecretView,
)
from schemas.webhooks import Hears
from tests.api.served import Served, new_key, run
from tests.api.webhook_endpoints import ENDPOINTS, URL, changed, made, owe, rows


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
