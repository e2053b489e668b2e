"""The doors of reviewers and of those who are judged: who may see what, and who decides."""

import asyncio
from typing import Any

import orjson
from sqlalchemy import text

from genq import AsyncGenq
from genq.review_models import Review
from infra.clock import SystemClock
from infra.new_ids import new_key as new_id
from infra.objectstore.keys import QUARANTINE
from infra.pending import PendingOutput, seal_pending
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.reviews import NewReview, open_reviews
from infra.sealing import sealer_for
from infra.settings import Settings
from schemas.ids import format_id, parse_id
from schemas.job import Artifact
from schemas.safety import Stage
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, run

VERDICT = {
    "stage": "prompt",
    "verdict": "review",
    "is_safe": False,
    "confidence": 0.5,
    "categories": {"violence": 0.5},
    "violations": ["violence"],
    "reasons": [
        {
            "rule": "categories.violence",
            "category": "violence",
            "action": "review",
            "detector": "ToxicityFilter",
            "score": 0.5,
            "threshold": 0.4,
            "text": "This looks like violence.",
        }
    ],
    "redactions": [],
    "coverage": "full",
    "policy": {"name": "genq-default", "version": 1, "digest": "00", "level": "standard"},
    "detectors": [],
    "input_digest": "00",
}
PICTURE = b"\x89PNG not really"
APPROVE = {"decision": "approve", "reason": "harmless"}


async def _hold(
    api: Served, *, category: str = "violence", output: bool = False
) -> tuple[str, str]:
    """Hold a job as a worker does; return its id and that of its item."""
    job = await api.submit()
    job_id, item_id = parse_id("job", job["id"]), new_id()
    made: PendingOutput | None = None
    if output:
        key = f"{QUARANTINE}t1/{job['id']}.1.0.png"
        await api.services.store.put(key, PICTURE, "image/png")
        now = SystemClock().now()
        artifact = Artifact(0, key, "image/png", len(PICTURE), "0" * 64, 8, 8)
        made = PendingOutput(1, 1, now, now, {}, [artifact])
    async with transaction(whole_transactions(api.services.engine)) as connection:
        held = await connection.execute(
            text("UPDATE live SET state = 0, hold = 1 WHERE job_id = :id RETURNING tenant_id"),
            {"id": job_id},
        )
        tenant_id = held.scalar_one()
        sealer = sealer_for(api.services.settings)
        pending = seal_pending(sealer, tenant_id, job_id, made) if made else None
        item = NewReview(
            id=item_id,
            tenant_id=tenant_id,
            job_id=job_id,
            stage=Stage.OUTPUT if output else Stage.PROMPT,
            category=category,
            verdict=orjson.dumps(VERDICT).decode(),
            pending=pending,
        )
        await open_reviews(connection, [item])
    return job["id"], format_id("rev", item_id)


async def _as(api: Served, tenant: str, *scopes: KeyScope) -> dict[str, str]:
    key = await new_key(api.services, tenant, *scopes)
    return {"Authorization": f"Bearer {key}"}


async def _audited(api: Served, action: str) -> list[Any]:
    async with transaction(api.services.engine) as connection:
        rows = await connection.execute(
            text("SELECT actor, detail FROM audit_log WHERE action = :a ORDER BY seq"),
            {"a": action},
        )
        return list(rows.all())


def _words(review: Review) -> str | None:
    return review.content.appeal if review.content else None


async def _sealed(api: Served) -> bytes:
    async with transaction(api.services.engine) as connection:
        kept = await connection.execute(text("SELECT body FROM appeal"))
        return bytes(kept.scalar_one())


def test_reviewers_see_what_is_theirs(settings: Settings) -> None:
    """Another tenant's items are not there; operators see all."""

    async def scenario(api: Served) -> None:
        _, item = await _hold(api)
        reader = await _as(api, "acme", KeyScope.SAFETY_READ)
        reviewer = await _as(api, "acme", KeyScope.REVIEW)
        other = await _as(api, "other", KeyScope.SAFETY_READ, KeyScope.REVIEW)
        operator = await _as(api, "ops", KeyScope.ADMIN, KeyScope.SAFETY_READ)

        async def get(path: str, who: dict[str, str]) -> Any:
            return await api.http.get(path, headers=who)

        listed = (await get("/v1/reviews?state=open", reader)).json()["data"]
        assert [(one["id"], one["content"]) for one in listed] == [(item, None)]
        assert (await get("/v1/reviews", other)).json()["data"] == []
        found = (await get("/v1/reviews?tenant=acme", operator)).json()["data"]
        assert [one["tenant"] for one in found] == ["acme"]
        assert (await get(f"/v1/reviews/{item}", reader)).json()["content"] is None
        assert await _audited(api, "review.looked_at") == []
        for path, who, status in (
            (f"/v1/reviews/{item}", other, 404),
            (f"/v1/reviews/{item}/pictures/0", other, 404),
            ("/v1/reviews?tenant=acme", other, 403),
            ("/v1/reviews?tenant=nobody", operator, 404),
            ("/v1/reviews?state=closed", reader, 400),
            ("/v1/reviews?category=%00", reader, 400),
            ("/v1/appeals?tenant=%00", operator, 400),
            ("/v1/reviews", reviewer, 403),
            ("/v1/reviews/rev_x", reader, 404),
            (f"/v1/reviews/rev_{'0' * 26}", reader, 404),
        ):
            assert (await get(path, who)).status_code == status, path

    run(settings, scenario)


def test_an_item_is_claimed_seen_and_let_go_and_every_look_is_told(settings: Settings) -> None:
    """Nobody decides what they have not claimed, or for a reason that is none."""

    async def scenario(api: Served) -> None:
        job, item = await _hold(api)
        reviewer = await _as(api, "acme", KeyScope.REVIEW)

        async def post(path: str, **body: Any) -> Any:
            return await api.http.post(f"/v1/reviews{path}", headers=reviewer, **body)

        claimed = (await post("/claim")).json()
        assert claimed["id"] == item
        assert claimed["content"]["input"]["prompt"] == "a red kite"
        assert claimed["verdict"]["reasons"][0]["text"] == "This looks like violence."
        (look,) = await _audited(api, "review.looked_at")
        assert look.actor == claimed["claimed_by"]
        assert look.detail == {"job": job, "what": "texts"}
        assert (await post("/claim", json={"origin": "appeal"})).status_code == 204
        wrong = {"decision": "approve", "reason": "illegal"}
        refused = await post(f"/{item}/decide", json=wrong)
        assert refused.status_code == 400
        assert "false_positive" in refused.text
        assert (await post(f"/{item}/release")).json()["claimed_by"] is None
        unclaimed = await post(f"/{item}/decide", json=APPROVE)
        assert unclaimed.json()["code"] == "review_not_yours"
        assert (await post(f"/{item}/claim")).status_code == 200
        assert (await post(f"/{item}/decide", json=APPROVE)).json()["outcome"] == "allow"
        over = await post(f"/{item}/decide", json=APPROVE)
        assert (over.status_code, over.json()["code"]) == (409, "review_over")

    run(settings, scenario)


def test_pictures_are_shown_to_reviewers_but_never_the_worst(settings: Settings) -> None:
    """What lies apart is served by no other route."""

    async def scenario(api: Served) -> None:
        reviewer = await _as(api, "acme", KeyScope.REVIEW)
        job, item = await _hold(api, output=True)
        path = f"/v1/reviews/{item}/pictures"
        shown = await api.http.get(f"{path}/0", headers=reviewer)
        assert (shown.status_code, shown.content) == (200, PICTURE)
        assert shown.headers["cache-control"] == "private, no-store"
        assert len(await _audited(api, "review.looked_at")) == 1
        assert (await api.http.get(f"{path}/1", headers=reviewer)).status_code == 404
        assert (await api.http.get(f"{path}/x", headers=reviewer)).status_code == 404
        reader = await _as(api, "acme", KeyScope.SAFETY_READ)
        assert (await api.http.get(f"{path}/0", headers=reader)).status_code == 403
        assert (await api.http.get(f"/v1/jobs/{job}/artifacts/0")).status_code == 409
        _, worst = await _hold(api, output=True, category="sexual_minors")
        hidden = await api.http.get(f"/v1/reviews/{worst}/pictures/0", headers=reviewer)
        assert hidden.json()["code"] == "review_barred"

    run(settings, scenario)


def test_a_blocked_job_is_appealed_once(settings: Settings) -> None:
    """By the SDK as a user has it; what the submitter writes is sealed."""

    async def scenario(api: Served) -> None:
        other = await new_key(api.services, "acme", KeyScope.REVIEW)
        job_id, _ = await _hold(api)
        early = await api.http.post(f"/v1/jobs/{job_id}/appeal", json={"text": "why?"})
        assert early.json()["code"] == "not_appealable"
        async with AsyncGenq(api.key, api.url) as acme, AsyncGenq(other, api.url) as ben:
            item = await acme.reviews.claim_next()
            assert item is not None
            assert item.reasons == ("This looks like violence.",)
            await acme.reviews.decide(item.id, "reject", reason="illegal", note="no kites")
            made = await acme.appeals.create(job_id, "it is a toy")
            assert (await acme.appeals.create(job_id, "again")).id == made.id
            assert await acme.reviews.claim_next() is None
            again = await ben.reviews.claim_next(origin="appeal")
            assert again is not None
            assert _words(again) == "it is a toy"
            await ben.reviews.decide(again.id, "approve", reason="false_positive")
            decided = await acme.appeals.get(job_id)
            redone = await acme.jobs.get(str(decided.requeued_as))
            told = (decided.state, redone.status, redone.retry_of)
            assert told == ("overturned", "queued", job_id)
            assert [one.id async for one in await acme.appeals.list()] == [made.id]
        assert b"toy" not in await _sealed(api)

    run(settings, scenario)


def test_reports_of_one_job_are_one_item(settings: Settings) -> None:
    """However many come at once; it holds nothing up."""

    async def scenario(api: Served) -> None:
        job = await api.submit()
        async with AsyncGenq(api.key, api.url) as acme:
            tell = acme.reviews.report
            reports = await asyncio.gather(
                *(tell(job["id"], "hate", note="ugly", reporter=f"user {n}") for n in range(3))
            )
            assert len({report.review for report in reports}) == 1
            asked = await acme.reviews.claim(reports[0].review)
            assert (asked.origin, asked.holds, asked.reports) == ("report", False, 3)
            assert asked.content is not None
            assert asked.content.reports == (("hate", "ugly"),) * 3
            stats = await acme.reviews.stats()
            assert [(one.origin, one.open) for one in stats.open] == [("report", 1)]
            await acme.reviews.decide(asked.id, "approve", reason="harmless")
            assert (await acme.reviews.stats()).decisions == (("approve", "harmless", 1),)
            assert (await acme.jobs.get(job["id"])).status == "queued"

    run(settings, scenario)
