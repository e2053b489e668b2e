"""Deliveries verify by every key that is handed out, while their overlaps last."""

import base64
from typing import Any

from infra.settings import Settings
from schemas.signature import format_public_key
from tests.api.served import Served, run
from tests.api.test_webhook_endpoints_sdk import inside
from tests.fixtures.delivering import delivering
from tests.fixtures.receiver import Receiver
from tests.fixtures.verifying import know


def test_after_two_rotations_within_the_overlap_every_key_verifies(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with Receiver() as hook, delivering(api.services.settings):
            genq = {"signatures": ["v1", "v1a"]}
            made = await ask(api, "", name="n", url=hook.url, genq=genq)
            secrets = [made["signing_secret"]]
            for _ in range(2):
                step = f"/{made['id']}/rotate_secret"
                rotated = await ask(api, step, keep_old_secret_active_for_24_hours=True)
                secrets.insert(0, rotated["signing_secret"])
            published = await public_keys(api, made["id"])
            assert len(set(secrets)) == len(set(published)) == 3
            know(*secrets, *published)
            await ask(api, f"/{made['id']}/test")
            [request] = hook.requests
            assert request.keys[:3] == secrets
            assert set(request.keys[3:]) == set(published)

    run(inside(settings), scenario)


async def ask(api: Served, step: str, **body: Any) -> dict[str, Any]:
    answer = await api.http.post(f"/v1/webhook_endpoints{step}", json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def public_keys(api: Served, endpoint_id: str) -> list[str]:
    """Return what the key set of an endpoint publishes, as ``whpk_…``."""
    answer = await api.http.get(f"/.well-known/webhooks/{endpoint_id}/jwks.json")
    keys = answer.json()["keys"]
    return [format_public_key(base64.urlsafe_b64decode(key["x"] + "==")) for key in keys]
