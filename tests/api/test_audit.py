"""What operators and tenants do with keys and plans is in the audit log, under their names."""

from infra.settings import Settings
from tests.api.served import Served, run


def test_what_is_done_with_keys_and_tenants_is_told_to_those_it_concerns(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        made = await api.http.post("/v1/keys", json={"name": "robot", "scopes": ["jobs:read"]})
        assert made.status_code == 201, made.text
        key = made.json()
        assert (await api.http.delete(f"/v1/keys/{key['id']}")).status_code == 200

        page = (await api.http.get("/v1/audit", params={"limit": 1})).json()
        revoked = page["data"][0]
        assert (revoked["action"], revoked["target"]) == ("key.revoked", f"key {key['id']}")
        assert revoked["actor"].startswith("key gq_")
        assert page["has_more"]
        rest = (await api.http.get("/v1/audit", params={"after": page["next"]})).json()
        created = rest["data"][0]
        assert (created["action"], created["detail"]["scopes"]) == (
            "key.created",
            ["jobs:read"],
        )
        shown = str(page) + str(rest)
        assert key["key"] not in shown

    run(settings, scenario)


def test_the_routes_of_all_chains_need_the_admin_scope(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for path in ("/v1/admin/audit", "/v1/admin/tenants/acme/audit"):
            assert (await api.http.get(path)).status_code == 403

    run(settings, scenario)
