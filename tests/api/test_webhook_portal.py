"""A portal link leads to one endpoint, for a while, and to nothing else."""

import base64
from datetime import timedelta
from typing import Any, Final

import httpx2
from sqlalchemy import text

from infra.portal_tokens import PortalGrant, PortalTokens
from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.api.webhook_delivery_operations import (
    LIST_ENDPOINT_DELIVERIES,
    RESEND_ENDPOINT_DELIVERY,
    SHOW_ENDPOINT_DELIVERY,
)
from producer.api.webhook_endpoint_operations import ROTATE_SECRET, SHOW_ENDPOINT
from schemas.ids import parse_id
from tests.api.served import Served, new_key, pointers, run
from tests.api.two_tenants import routes_of

ENDPOINTS: Final = "/v1/webhook_endpoints"
RIGHTS: Final = frozenset(
    operation.name
    for operation in (
        SHOW_ENDPOINT,
        ROTATE_SECRET,
        LIST_ENDPOINT_DELIVERIES,
        SHOW_ENDPOINT_DELIVERY,
        RESEND_ENDPOINT_DELIVERY,
    )
)
NOBODYS: Final = {
    "batch_id": "batch_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "delivery_id": "whd_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "file_id": "file-01kb0q5v3mf0t8w2c7d4e9g6hj",
    "model": "sim-chat-1",
    "server": "simulator",
    "switch": "drain",
    "platform": "discord",
    "binding_id": "chb_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "response_id": "resp_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "token": "gqa_none",
    "job_id": "job_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "key_id": "key_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "event_id": "evt_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "recovery_id": "whr_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "schedule_id": "sched_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "review_id": "rev_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "erasure_id": "ers_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "hold_id": "hold_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "list": "logos",
    "version": "1",
    "index": "0",
    "format": "png",
    "tenant": "acme",
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def registered(api: Served, key: str | None = None) -> str:
    answer = await api.http.post(
        ENDPOINTS,
        json={"name": "shop", "url": "https://example.com/hook"},
        headers=bearer(key or api.key),
    )
    return answer.json()["id"]


async def link(api: Served, endpoint: str, **body: Any) -> dict[str, Any]:
    answer = await api.http.post(f"{ENDPOINTS}/{endpoint}/portal_link", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def look(api: Served, endpoint: str, token: str) -> httpx2.Response:
    headers = {b"Authorization": f"Bearer {token}".encode("latin-1")}
    return await api.http.get(f"{ENDPOINTS}/{endpoint}", headers=headers)


def test_a_link_may_do_five_things_with_one_endpoint(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        mine, other = await registered(api), await registered(api)
        made = await link(api, mine)
        assert made["url"].endswith(f"#{made['token']}")
        headers = bearer(made["token"])

        for route in routes_of(api.services):
            (method,) = (route.methods or set()) - {"HEAD"}
            for endpoint in (mine, other):
                path = route.path_format.format(**NOBODYS, endpoint_id=endpoint)
                answer = await api.http.request(method, path, headers=headers, json={})
                allowed = route.name in RIGHTS and endpoint == mine
                if not allowed:
                    assert (answer.status_code, "portal link" in answer.text) == (404, True), (
                        route.name,
                        answer.text,
                    )
                elif "{delivery_id}" in route.path:
                    assert (answer.status_code, "whd_" in answer.text) == (404, True)
                else:
                    assert answer.status_code == 200, (route.name, answer.text)
        assert {route.name for route in routes_of(api.services)} >= RIGHTS
        told = (await api.http.get("/v1/audit")).json()["data"]
        (rotated,) = [one for one in told if one["action"].endswith("secret_rotated")]
        assert rotated["actor"] == f"portal link {mine}"

    run(settings, scenario)


def test_forged_foreign_and_mangled_tokens_are_unknown(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        mine = await registered(api)
        key = await new_key(api.services, "stranger")
        theirs = await registered(api, key)
        token = (await link(api, mine))["token"]
        tokens = PortalTokens(settings.key_pepper.get_secret_value())
        grant = tokens.read(token)
        assert grant is not None
        said = base64.urlsafe_b64decode(token.removeprefix("gqp_") + "=")

        def signed(**changes: Any) -> str:
            values = {name: getattr(grant, name) for name in PortalGrant.__slots__}
            return tokens.make(PortalGrant(**{**values, **changes}))

        longer = said[:24] + (grant.expires_at + 9_999).to_bytes(8, "big") + said[32:]
        forged = (
            PortalTokens("another pepper, 16 characters").make(grant),
            "gqp_" + base64.urlsafe_b64encode(longer).decode().rstrip("="),
            "gqp_" + base64.urlsafe_b64encode(said[:36]).decode(),
            token[:-1],
            f"{token}A",
            token.replace("gqp_", "gqp_!", 1),
            "gqp_",
            "gqp_\u00e9",
            # Made here, for an endpoint that this tenant does not have, or nobody has.
            signed(endpoint_id=parse_id("whe", theirs)),
            signed(tenant_id=grant.tenant_id + 1_000),
        )
        for one in forged:
            answer = await look(api, mine, one)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key"), one
        assert (await look(api, mine, token)).status_code == 200
        assert (await look(api, theirs, token)).status_code == 404

    run(settings, scenario)


def test_links_end_by_time_by_revocation_and_with_their_tenant(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        endpoint = await registered(api)
        tokens = PortalTokens(settings.key_pepper.get_secret_value())
        token = (await link(api, endpoint, expires_in=600))["token"]
        grant = tokens.read(token)
        assert grant is not None
        late = PortalGrant(
            grant.endpoint_id, grant.tenant_id, grant.expires_at - 601, grant.epoch
        )
        ended = await look(api, endpoint, tokens.make(late))
        assert (ended.status_code, "expired" in ended.text) == (401, True)

        again = (await link(api, endpoint))["token"]
        await api.http.post(f"{ENDPOINTS}/{endpoint}/portal_link/revoke")
        for one in (token, again):
            answer = await look(api, endpoint, one)
            assert (answer.status_code, "revoked" in answer.text) == (401, True)

        fresh = (await link(api, endpoint))["token"]
        async with transaction(api.services.engine) as connection:
            await connection.execute(text("UPDATE tenant SET suspended_at = now()"))
        suspended = await look(api, endpoint, fresh)
        assert (suspended.status_code, suspended.json()["code"]) == (403, "tenant_suspended")

    run(settings, scenario)


def test_a_links_life_is_what_was_asked_for(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        endpoint = await registered(api)
        tokens = PortalTokens(settings.key_pepper.get_secret_value())
        now = api.services.clock.now().timestamp()
        for asked, life in (({}, 3_600), ({"expires_in": 604_800}, 604_800)):
            grant = tokens.read((await link(api, endpoint, **asked))["token"])
            assert grant is not None
            assert abs(grant.expires_at - now - life) < timedelta(minutes=1).total_seconds()
        for wrong in (0, 604_801, "1h"):
            path = f"{ENDPOINTS}/{endpoint}/portal_link"
            answer = await api.http.post(path, json={"expires_in": wrong})
            assert list(pointers(answer)) == ["/expires_in"]

    run(settings, scenario)


def test_every_right_of_a_link_names_its_endpoint_in_the_path(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        paths = {one.name: one.path for one in routes_of(api.services)}
        assert all("{endpoint_id}" in paths[name] for name in RIGHTS)

    run(settings, scenario)
