"""Events of the past go to an endpoint once more: all that fit, each once, and last."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from infra.postgres.engine import whole_transactions
from infra.postgres.recovery_walk import step_recovery, take_recovery
from infra.settings import Settings
from schemas.events import OutboxKind
from schemas.ids import format_id
from schemas.webhooks import Ended
from tests.api.delivery_history import History, Sent
from tests.api.served import Served, pointers, run
from tests.fixtures.endpoints import Made
from worker.delivery.recovery import RecoveryWalker, Step

LONG_AGO = "2026-01-01T00:00:00Z"


class Walk:
    """A delivery process's recoveries, step by step."""

    def __init__(self, history: History, *, chunk: int = 500, most: int = 1000) -> None:
        self.history = history
        self.rings = 0
        self.walker = RecoveryWalker(
            history.api.services.engine, self._ring, chunk=chunk, most=most
        )

    async def _ring(self) -> None:
        self.rings += 1

    async def steps(self) -> list[Step]:
        """Take steps until there is nothing to do, or enough is owed."""
        taken: list[Step] = []
        while not taken or taken[-1] not in {Step.NOTHING, Step.WAITS}:
            taken.append(await self.walker.step())
        return taken

    async def owed(self) -> list[UUID]:
        """Return the recovered events in the order in which they are sent."""
        rows = await self.history.sql(
            "SELECT event_id FROM delivery WHERE rank = 1 AND trigger = 3 ORDER BY next_at"
        )
        return [row.event_id for row in rows]


async def recover(history: History, made: Made, **body: Any) -> dict[str, Any]:
    since = history.api.services.clock.now() - timedelta(hours=1)
    path = f"/v1/webhook_endpoints/{made.shown}/recover"
    answer = await history.api.http.post(path, json={"since": since.isoformat(), **body})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def state(history: History, recovery: dict[str, Any]) -> dict[str, Any]:
    place = f"/webhook_endpoints/{recovery['endpoint_id']}/recoveries/{recovery['id']}"
    return await history.get(place)


def events(sent: Sequence[Sent]) -> list[UUID]:
    return sorted(one.event_id for one in sent)


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
            event_types=("job.succeeded",), channels=("red",), ordering=0
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
        walk = Walk(history, chunk=20, most=30)
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
        async with engine.connect() as dying:
            held = await take_recovery(dying)
            assert held is not None
            assert await step_recovery(dying, held, chunk=20) == 20
            # Meanwhile nobody else walks the same way.
            assert await walk.walker.step() is Step.NOTHING
            await dying.rollback()
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


def test_a_recovery_is_listed_followed_and_stopped(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.publish(50)
        made = await history.endpoint()
        first = await recover(history, made, only="missing")
        path = f"/v1/webhook_endpoints/{made.shown}/recoveries"
        busy = await api.http.post(
            f"/v1/webhook_endpoints/{made.shown}/recover",
            json={"since": LONG_AGO},
        )
        assert (busy.status_code, busy.json()["code"]) == (409, "recovery_under_way")
        assert first["id"] in busy.json()["detail"]
        walk = Walk(history, chunk=20)
        await walk.walker.step()
        for _ in range(2):
            stopped = await api.http.post(f"{path}/{first['id']}/cancel")
            assert (stopped.json()["status"], stopped.json()["queued"]) == ("cancelled", 20)
        assert await walk.steps() == [Step.NOTHING]
        second = await recover(history, made, only="failed")
        page = (await api.http.get(path, params={"limit": 1})).json()
        assert [one["id"] for one in page["data"]] == [second["id"]]
        rest = (await api.http.get(path, params={"after": page["next"]})).json()
        assert [one["id"] for one in rest["data"]] == [first["id"]]

    run(settings, scenario)


def test_the_same_call_twice_is_one_recovery(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made, other = await history.endpoint(), await history.endpoint()
        key = {"Idempotency-Key": "once"}
        body = {"since": LONG_AGO}
        path = f"/v1/webhook_endpoints/{made.shown}/recover"
        first = await api.http.post(path, json=body, headers=key)
        again = await api.http.post(path, json=body, headers=key)
        assert (first.status_code, again.json()) == (202, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        changed = await api.http.post(path, json={**body, "only": "all"}, headers=key)
        assert changed.status_code == 422
        theirs = await api.http.post(
            path.replace(made.shown, other.shown), json=body, headers=key
        )
        assert theirs.json()["id"] != first.json()["id"]

    run(settings, scenario)


BAD_BODIES: tuple[tuple[Any, str, str], ...] = (
    ({}, "/since", "required"),
    ({"since": "yesterday"}, "/since", "instant with its offset"),
    ({"since": "2026-01-01"}, "/since", "offset"),
    ({"since": 1795169681}, "/since", "instant"),
    ({"since": "2199-01-01T00:00:00Z"}, "/since", "past"),
    (
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        "",
        "later than since",
    ),
    ({"since": LONG_AGO, "only": "some"}, "/only", "failed"),
    ({"since": LONG_AGO, "sample": 0}, "/sample", "greater"),
    ({"since": LONG_AGO, "sample": True}, "/sample", "integer"),
    ({"since": LONG_AGO, "sample": 1001}, "/sample", "less"),
    ({"since": LONG_AGO, "untill": "x"}, "/untill", "until"),
)


def test_a_body_that_makes_no_sense_is_refused_with_its_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made = await history.endpoint()
        path = f"/v1/webhook_endpoints/{made.shown}/recover"
        for body, place, message in BAD_BODIES:
            answer = await api.http.post(path, json=body)
            assert answer.status_code == 400, body
            assert message in pointers(answer)[place], (body, answer.text)
        assert format_id("whe", made.id) == made.shown
        ancient = await api.http.post(path, json={"since": "0001-01-01T00:00:00Z"})
        assert ancient.status_code == 202, ancient.text
        assert (await Walk(history).steps())[-1] is Step.NOTHING

    run(settings, scenario)
