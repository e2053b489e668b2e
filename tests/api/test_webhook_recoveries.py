"""Events of the past go to an endpoint once more: all that fit, each once, and last."""

import contextlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.recovery_walk import step_recovery, take_recovery
from infra.settings import Settings
from schemas.events import OutboxKind
from schemas.webhooks import Ended, Ordering
from tests.api.delivery_history import History, Sent
from tests.api.recovery_walk import LONG_AGO, Walk, events, recover, state
from tests.api.served import Served, run
from worker.delivery.recovery import Step


def test_what_was_given_up_is_sent_again_and_nothing_else(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made = await history.endpoint()
        taken, lost, dropped, late, waits, again = await history.send(6)
        await history.attempt(taken)
        await history.attempt(lost, "exhausted", ended=Ended.EXHAUSTED)
        await history.attempt(dropped, "gone", ended=Ended.DISCARDED)
        await history.attempt(waits, "timeout", ended=None)
        # Given up at first; somebody has sent it again since, and it was taken.
        await history.attempt(late, "exhausted", ended=Ended.EXHAUSTED)
        await api.http.post(f"/v1/webhook_deliveries/{late.shown}/resend")
        (row,) = await history.sql("SELECT id FROM delivery WHERE trigger = 1")
        await history.attempt(Sent(late.event_id, row.id))
        await history.attempt(again, "exhausted", ended=Ended.EXHAUSTED)
        await api.http.delete(f"/v1/webhook_events/{again.event}/content")
        started = await recover(history, made)
        walk = Walk(history)
        await walk.steps()

        assert await walk.owed() == events([lost, dropped])
        assert walk.rings == 1
        done = await state(history, started)
        assert (done["status"], done["looked"], done["queued"]) == ("completed", 6, 2)
        # To ask again finds them on their way.
        await recover(history, made)
        await walk.steps()
        assert await walk.owed() == events([lost, dropped])

    run(settings, scenario)


def test_what_an_endpoint_never_took_is_found_also_from_before_it_existed(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        wanted = await history.publish(2, channels=("red",))
        await history.publish(1, channels=("blue",))
        await history.publish(1, of_type="job.failed", channels=("red",))
        await history.publish(1, channels=("red",), **PROGRESS)
        made = await history.endpoint(
            event_types=("job.succeeded",), channels=("red",), ordering=Ordering.NONE
        )
        (live,) = await history.send(channels=("red",))
        (taken,) = await history.send(channels=("red",))
        await history.attempt(taken)
        (lost,) = await history.send(channels=("red",))
        await history.attempt(lost, "exhausted", ended=Ended.EXHAUSTED)
        walk = Walk(history)
        await recover(history, made, only="missing")
        await walk.steps()
        assert await walk.owed() == sorted([*wanted, lost.event_id])
        assert live.event_id not in await walk.owed()
        await history.sql("DELETE FROM delivery WHERE rank = 1")
        await recover(history, made, only="all")
        await walk.steps()
        assert await walk.owed() == sorted([*wanted, taken.event_id, lost.event_id])

    run(settings, scenario)


PROGRESS: dict[str, Any] = {"kind": OutboxKind.PROGRESS}


def test_a_filter_on_metadata_holds_for_what_is_recovered(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        jobs = [
            await api.submit({"kind": "image", "input": {"prompt": "x"}, "metadata": metadata})
            for metadata in ({"shop": "a", "n": "1"}, {"shop": "b"}, {})
        ]
        for job in jobs:
            await api.end(job["id"])
        # The stand-in for a worker ends them a second from now.
        await history.sql("UPDATE outbox SET at = at - interval '1 minute'")
        made = await history.endpoint(filter={"shop": "a"})
        walk = Walk(history)
        await recover(history, made, only="missing")
        await walk.steps()
        found = await history.get("/webhook_deliveries", endpoint_id=made.shown)
        assert [one["job_id"] for one in found["data"]] == [jobs[0]["id"]]
        assert (found["data"][0]["trigger"], found["data"][0]["status"]) == (
            "recover",
            "pending",
        )
        (row,) = await history.sql("SELECT seq FROM delivery")
        assert row.seq % 1000 == 999

    run(settings, scenario)


def test_a_long_recovery_owes_a_few_at_a_time_and_leaves_none_out(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        wanted = await history.publish(95)
        made = await history.endpoint()
        started = await recover(history, made, only="missing")
        walk = Walk(history, chunk=40, most=30)
        owed: list[UUID] = []
        for _ in range(50):
            steps = await walk.steps()
            found = await walk.owed()
            assert len(found) <= 30
            owed += found
            await take(history)
            await history.sql("UPDATE webhook_recovery SET lease_until = NULL")
            if steps == [Step.NOTHING]:
                break
        assert owed == wanted
        done = await state(history, started)
        assert (done["status"], done["looked"], done["queued"]) == ("completed", 95, 95)

    run(settings, scenario)


async def take(history: History) -> None:
    """Let the endpoint take all that it is owed."""
    rows = await history.sql("SELECT event_id, id FROM delivery")
    for row in rows:
        await history.attempt(Sent(row.event_id, row.id))


class KilledError(Exception):
    """The process is gone, and its connection with it."""


def test_a_process_that_dies_within_a_step_doubles_nothing_and_loses_nothing(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        wanted = await history.publish(50)
        made = await history.endpoint()
        await recover(history, made, only="missing")
        walk = Walk(history, chunk=20)
        assert await walk.walker.step() is Step.QUEUED
        engine = whole_transactions(api.services.engine)
        with contextlib.suppress(KilledError):
            async with transaction(engine) as dying:
                held = await take_recovery(dying)
                assert held is not None
                assert await step_recovery(dying, held, chunk=20) == 20
                # Meanwhile nobody else walks the same way.
                assert await walk.walker.step() is Step.NOTHING
                raise KilledError
        await walk.steps()
        assert await walk.owed() == wanted

    run(settings, scenario)


def test_a_sample_is_the_newest_few(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        wanted = await history.publish(30)
        made = await history.endpoint()
        started = await recover(history, made, only="missing", sample=7)
        walk = Walk(history, chunk=5)
        await walk.steps()
        assert await walk.owed() == wanted[:-8:-1]
        done = await state(history, started)
        assert (done["status"], done["queued"], done["sample"]) == ("completed", 7, 7)

    run(settings, scenario)


def test_a_recovery_covers_the_instants_that_were_asked_for(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        wanted = await history.publish(6)
        for n, event in enumerate(wanted):
            await history.sql(
                "UPDATE outbox SET at = now() - make_interval(mins => :n) WHERE id = :id",
                n=10 * (6 - n),
                id=event,
            )
        made = await history.endpoint()
        now = api.services.clock.now()
        since, until = (now - timedelta(minutes=n) for n in (45, 15))
        asked = {"since": since.isoformat(), "until": until.isoformat()}
        await recover(history, made, only="missing", **asked)
        walk = Walk(history)
        await walk.steps()
        assert await walk.owed() == wanted[2:5]

    run(settings, scenario)


def test_recovered_deliveries_stand_behind_live_ones(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.publish(5)
        made = await history.endpoint()
        await recover(history, made, only="missing")
        await Walk(history).steps()
        (live,) = await history.send()
        rows = await history.sql("SELECT event_id, rank FROM delivery ORDER BY rank, next_at")
        assert (rows[0].event_id, [row.rank for row in rows]) == (
            live.event_id,
            [0, 1, 1, 1, 1, 1],
        )
        shown = await history.get("/webhook_deliveries", trigger="recover")
        one = await history.get(f"/webhook_deliveries/{shown['data'][0]['id']}")
        assert one["pending"]["queue"] == "recovery"

    run(settings, scenario)


def test_an_endpoint_that_is_switched_off_ends_its_recovery_with_a_reason(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.publish(50)
        made, gone = await history.endpoint(), await history.endpoint()
        walk = Walk(history, chunk=20)
        disabled = await recover(history, made, only="missing")
        deleted = await recover(history, gone, only="missing")
        await walk.walker.step()
        await history.sql(
            "UPDATE webhook_endpoint SET disabled_at = now() WHERE id = :id", id=made.id
        )
        await history.sql("DELETE FROM webhook_endpoint WHERE id = :id", id=gone.id)
        assert set(await walk.steps()) == {Step.ENDED, Step.NOTHING}
        done = await state(history, disabled)
        assert (done["status"], "disabled" in done["error"]) == ("failed", True)
        rows = await history.sql(
            "SELECT error FROM webhook_recovery WHERE endpoint_id = :id", id=gone.id
        )
        assert [row.error for row in rows] == ["the endpoint was deleted"]
        again = await api.http.post(
            f"/v1/webhook_endpoints/{made.shown}/recover",
            json={"since": LONG_AGO},
        )
        assert (again.status_code, again.json()["code"]) == (409, "endpoint_not_active")
        assert deleted["status"] == "running"

    run(settings, scenario)


def test_a_recovery_that_fails_does_not_hold_up_the_others(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        wanted = await history.publish(3)
        broken, sound = await history.endpoint(), await history.endpoint()
        await recover(history, broken, only="missing")
        await recover(history, sound, only="missing")
        # Whatever a release to come may write.
        await history.sql(
            "UPDATE webhook_recovery SET sample = 0 WHERE endpoint_id = :id", id=broken.id
        )
        await history.sql("UPDATE webhook_recovery SET queued = 1 WHERE sample = 0")
        walk = Walk(history)
        with pytest.raises(DBAPIError):
            await walk.walker.step()
        await walk.steps()
        assert await walk.owed() == wanted

    run(settings, scenario)
