"""Content is kept for as long as its tenant says, and not from under a legal hold."""

from typing import Any

import pytest

from infra.clock import SystemClock
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.retention import look_again
from infra.settings import Settings
from producer.operator.plans import find
from producer.privacy.janitor import Janitor
from schemas.errors import ObjectStoreError
from schemas.ids import parse_id
from tests.api.people import (
    ANSWER,
    HOLDS,
    RETENTION,
    as_admin,
    end,
    ended,
    hold,
    shown,
    sql,
    submitted,
)
from tests.api.served import Served, run


def janitor_of(api: Served) -> Janitor:
    services = api.services
    return Janitor(services.engine, services.settings, services.store, SystemClock())


async def keep(api: Served, **rule: Any) -> None:
    answer = await api.http.put(RETENTION, json=rule)
    assert answer.status_code == 200, answer.text


async def contents(api: Served, *jobs: str) -> list[str]:
    return [(await shown(api, job_id))["content"] for job_id in jobs]


def test_content_goes_when_its_time_is_over_and_not_sooner(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        waits, young = await submitted(api), await ended(api)
        picture = (await api.submit())["id"]
        await api.end(picture, pictures=(b"another",))
        await keep(api, prompt_hours=0, result_hours=2)
        # The rule that says more of a job counts.
        await keep(api, prompt_hours=100, result_hours=100, kind="image")
        janitor = janitor_of(api)
        await janitor.sweep()
        assert await contents(api, young, picture, waits) == ["input_erased", "kept", "kept"]
        assert (await shown(api, young))["output"]["text"] == ANSWER

        # What was not over is looked at again.
        await end(api, waits)
        await janitor.sweep()
        assert await contents(api, waits) == ["input_erased"]
        # And a rule that changes counts for what was there before.
        await keep(api, prompt_hours=0, result_hours=0)
        await janitor.sweep()
        assert await contents(api, young, waits, picture) == ["erased", "erased", "kept"]
        assert (await api.http.get(f"/v1/jobs/{young}/artifacts/0")).status_code == 410

    run(settings, scenario)


def test_a_prompt_as_it_was_typed_goes_though_the_input_is_gone(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job_id = await ended(api)
        # An older process erased the input alone.
        left = '{"erased": true, "typed": "a letter --relax"}'
        await sql(api, "UPDATE payload SET body = CAST(:left AS jsonb)", left=left)
        assert (await shown(api, job_id))["prompt_as_typed"] is None

        await keep(api, prompt_hours=0, result_hours=100)
        await janitor_of(api).sweep()

        (row,) = await sql(api, "SELECT body FROM payload")
        assert row.body == {"erased": True}

    run(settings, scenario)


def test_the_hours_are_reckoned_from_a_jobs_end_and_deliveries_are_waited_for(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        before, after = await submitted(api), await submitted(api)
        await end(api, before, hours_ago=3)
        await end(api, after, hours_ago=1)
        owed = await submitted(api, webhook={"url": "https://example.com/hook"})
        await end(api, owed, hours_ago=3)
        await keep(api, prompt_hours=2, result_hours=2)
        keys = [parse_id("job", job_id) for job_id in (before, after, owed)]
        async with transaction(whole_transactions(api.services.engine)) as connection:
            tenant = await find(connection, "acme")
            found = await look_again(connection, tenant.id, keys, prompts=True)
        assert [job.over for job in found] == [True, False, False]

    run(settings, scenario)


def test_a_job_on_hold_is_kept_however_old_it_is(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        admin = await as_admin(api)
        held, free = await ended(api), await ended(api)
        of_job = await hold(api, admin, job_id=held)
        await keep(api, prompt_hours=0, result_hours=0)
        await janitor_of(api).sweep()
        assert await contents(api, held, free) == ["kept", "erased"]
        assert (await shown(api, held))["output"]["text"] == ANSWER

        released = await api.http.delete(f"{HOLDS}/{of_job}", headers=admin)
        assert released.status_code == 204
        await janitor_of(api).sweep()
        assert await contents(api, held) == ["erased"]

    run(settings, scenario)


def test_evidence_goes_when_its_time_is_over_unless_it_is_held(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        admin = await as_admin(api)
        on_hold, free = await submitted(api), await submitted(api)
        await hold(api, admin, job_id=on_hold)
        for of, hours, held in (
            (free, -1, False),
            (free, 1, False),
            (free, -1, True),
            (on_hold, -1, False),
        ):
            await sql(
                api,
                "INSERT INTO safety_evidence"
                " (tenant_id, job_id, stage, digest, body, verdict, expires_at, held)"
                " SELECT tenant_id, id, 'prompt', '', 'x', '{}',"
                " now() + make_interval(hours => :hours), :held FROM job WHERE id = :id",
                id=parse_id("job", of),
                hours=hours,
                held=held,
            )
        await janitor_of(api).forget_evidence()
        ((left, lasting),) = await sql(
            api,
            "SELECT count(*), count(*) FILTER (WHERE expires_at > now() AND NOT held)"
            " FROM safety_evidence",
        )
        assert (left, lasting) == (3, 1)

    run(settings, scenario)


def test_rules_are_made_changed_and_taken_away(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await keep(api, prompt_hours=1, result_hours=2)
        await keep(api, prompt_hours=3, result_hours=4, kind="image")
        await keep(api, prompt_hours=5, result_hours=6)
        found = (await api.http.get(RETENTION)).json()["data"]
        assert [(one["kind"], one["prompt_hours"]) for one in found] == [
            (None, 5), ("image", 3)
        ]  # fmt: skip
        for status in (204, 404):
            gone = await api.http.delete(RETENTION, params={"kind": "image"})
            assert gone.status_code == status

    run(settings, scenario)


def test_a_store_that_cannot_delete_keeps_the_job_until_it_can(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job_id = await ended(api)
        await keep(api, prompt_hours=0, result_hours=0)

        class Broken:
            async def delete(self, key: str) -> None:
                raise ObjectStoreError(f"{key}: not today")

        broken: Any = Broken()
        janitor = Janitor(api.services.engine, settings, broken, SystemClock())
        with pytest.raises(ObjectStoreError):
            await janitor.sweep()
        assert (await api.http.get(f"/v1/jobs/{job_id}/artifacts/0")).content == b"picture"
        await janitor_of(api).sweep()
        assert (await shown(api, job_id))["content"] == "erased"

    run(settings, scenario)
