"""What reviewers write quotes what they decide about: it is sealed as that is."""

import base64
from typing import Any

import orjson
from pydantic import SecretStr
from sqlalchemy import text

from infra.new_ids import new_key as new_id
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erase_content import erase_content
from infra.postgres.reviews import NewReview, open_reviews
from infra.sealing import sealer_for
from infra.settings import Settings
from producer.webhooks.reseal import reseal
from schemas.ids import format_id, parse_id
from schemas.review import Origin
from schemas.safety import Stage
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, run

NOTE = "the kite in it says a name"


async def _told_of(api: Served) -> str:
    """Have a report looked at; return its item's id."""
    job = await api.submit()
    job_id, item_id = parse_id("job", job["id"]), new_id()
    async with transaction(whole_transactions(api.services.engine)) as connection:
        whose = text("SELECT tenant_id FROM job WHERE id = :id")
        item = NewReview(
            id=item_id,
            tenant_id=(await connection.execute(whose, {"id": job_id})).scalar_one(),
            job_id=job_id,
            stage=Stage.PROMPT,
            category="hate",
            verdict=orjson.dumps({}).decode(),
            origin=Origin.REPORT,
            holds=False,
        )
        await open_reviews(connection, [item])
    return format_id("rev", item_id)


async def _decided(api: Served, path: str) -> dict[str, Any]:
    key = await new_key(api.services, "acme", KeyScope.REVIEW)
    reviewer = {"Authorization": f"Bearer {key}"}
    await api.http.post(f"{path}/claim", headers=reviewer)
    said = {"decision": "approve", "reason": "harmless", "note": NOTE}
    return (await api.http.post(f"{path}/decide", headers=reviewer, json=said)).json()


async def _shown(api: Served, path: str) -> str | None:
    (said,) = (await api.http.get(path)).json()["decisions"]
    assert said["reason"] == "harmless"
    return said["note"]


async def _kept(api: Served, change: str = "") -> tuple[str | None, bytes | None]:
    async with transaction(api.services.engine) as connection:
        if change:
            await connection.execute(text(f"UPDATE review_decision SET {change}"))
        said = text("SELECT note, sealed_note FROM review_decision")
        note, sealed = (await connection.execute(said)).one()
    return note, bytes(sealed) if sealed is not None else None


async def _erase(api: Served, job: str) -> None:
    async with transaction(whole_transactions(api.services.engine)) as connection:
        ids = [parse_id("job", job)]
        await erase_content(connection, ids, prompts=False, results=True)


def test_what_a_reviewer_writes_is_sealed_and_goes_with_what_it_is_about(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        path = f"/v1/reviews/{await _told_of(api)}"
        decided = await _decided(api, path)
        assert decided["decisions"][0]["note"] == NOTE
        note, sealed = await _kept(api)
        assert (note, b"kite" in (sealed or b"kite")) == (None, False)
        assert await _shown(api, path) == NOTE

        newer = base64.b64encode(bytes(range(32))).decode()
        changed = settings.model_copy(update={"secrets_key": SecretStr(newer)})
        done = await reseal(api.services.engine, sealer_for(changed))
        assert (done.unreadable, (await _kept(api))[1] == sealed) == (0, False)
        # This process does not have the newest key: the rest is shown all the same.
        assert await _shown(api, path) is None

        # As a release before this one kept it.
        await _kept(api, "note = 'in the clear', sealed_note = NULL")
        assert await _shown(api, path) == "in the clear"
        await _erase(api, decided["job"])
        assert await _shown(api, path) is None

    run(settings, scenario)
