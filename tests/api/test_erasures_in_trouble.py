"""What stands in an erasure's way for a while stops neither it nor the others."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from infra.objectstore.store import StoredObject
from infra.postgres.batch_leases import claim_batches, renew_leases
from infra.postgres.engine import transaction, whole_transactions
from infra.settings import Settings
from producer.cancel import Canceller
from producer.file_janitor import FileJanitor
from producer.privacy.erasure_walk import ErasureWalk
from schemas.batch import BatchStatus
from schemas.errors import ObjectMissingError, ObjectStoreError
from schemas.ids import parse_id
from tests.api.kept_lines import Kept, line
from tests.api.people import ERASURES, as_admin, carry_out, erase, hold, sql
from tests.api.served import Served, new_key, run

WHO = "ada@example.org"
ADA = line(f"letter of {WHO}", user=WHO)
BOB = line("letter of bob", user="bob")


class Store:
    """The real one, and what happens before it gives an object."""

    def __init__(self, api: Served, before: Callable[[str], Awaitable[None]]) -> None:
        self._real, self._before = api.services.store, before
        self.put_file, self.delete = self._real.put_file, self._real.delete

    async def get(self, key: str, **part: Any) -> StoredObject:
        await self._before(key)
        return await self._real.get(key, **part)


def walk_over(
    api: Served, before: Callable[[str], Awaitable[None]], **settings: Any
) -> ErasureWalk:
    services, store = api.services, Store(api, before)
    canceller = Canceller(services.engine, services.settings, services.doorbells)
    here = services.settings.model_copy(update=settings)
    double: Any = store
    return ErasureWalk(services.engine, here, double, canceller)


def placing(
    api: Served, admin: dict[str, str], awaited: str, nth: int, **what: str
) -> ErasureWalk:
    """Return a walk during which a hold is placed, when it reads an object the nth time."""
    left = nth

    async def place(key: str) -> None:
        nonlocal left
        left -= key == awaited
        if key == awaited and left == 0:
            await hold(api, admin, **what)

    return walk_over(api, place)


async def key_of(api: Served, file: str) -> str:
    statement = "SELECT object_key FROM file WHERE id = :id"
    return (await sql(api, statement, id=parse_id("file", file)))[0].object_key


async def record(api: Served) -> dict[str, Any]:
    return (await api.http.get(ERASURES)).json()["data"][0]


def test_erasures_that_fail_do_not_stop_those_of_other_tenants(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        stuck = await key_of(api, await kept.upload(ADA))
        await erase(api, WHO)
        await sql(
            api,
            "INSERT INTO erasure (tenant_id, subject, state, asked_by, asked_at)"
            " SELECT tenant_id, subject, state, asked_by, asked_at"
            " FROM erasure, generate_series(1, 9)",
        )
        api.http.headers["Authorization"] = f"Bearer {await new_key(api.services, 'globex')}"
        other = await kept.upload(ADA)
        await erase(api, WHO)

        async def fail(key: str) -> None:
            if key == stuck:
                raise ObjectStoreError("not this one")

        walk = walk_over(api, fail)
        for _ in range(6):
            with pytest.raises(ObjectStoreError, match="not this one"):
                await carry_out(api, walk)
        assert (await record(api))["status"] == "done"
        assert WHO.encode() not in await kept.content(other)
        waiting = await sql(api, "SELECT 1 FROM erasure WHERE state = 0")
        assert len(waiting) == 10

    run(settings, scenario)


def test_the_janitor_does_not_forget_a_file_that_was_written_anew_meanwhile(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept, store = Kept(api), api.services.store
        file = await kept.upload(ADA)
        old = await key_of(api, file)
        await sql(api, "UPDATE file SET deleted_at = now() - interval '1 day'")

        class Meanwhile:
            async def delete(self, key: str) -> None:
                await store.delete(key)
                await sql(api, "UPDATE file SET object_key = object_key || '-2'")

        double: Any = Meanwhile()
        await FileJanitor(api.services.engine, double).sweep()
        assert await key_of(api, file) == f"{old}-2"
        await FileJanitor(api.services.engine, store).sweep()
        assert await sql(api, "SELECT 1 FROM file") == []

    run(settings, scenario)


def test_a_file_that_another_erasure_wrote_anew_meanwhile_is_read_again(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept, store = Kept(api), api.services.store
        file = await kept.upload(ADA, BOB)
        old = await key_of(api, file)
        new = old.replace("/t", "/t0", 1)

        async def move(key: str) -> None:
            if key != old:
                return
            data = await (await store.get(old)).read()
            await store.put(new, data, "application/jsonl")
            await sql(api, "UPDATE file SET object_key = :new", new=new)
            raise ObjectMissingError("the janitor was here")

        await erase(api, WHO)
        await carry_out(api, walk_over(api, move))
        assert ((await record(api))["status"], (await record(api))["files"]) == ("done", [file])
        assert WHO.encode() not in await kept.content(file)

    run(settings, scenario)


def test_what_cannot_be_read_is_waited_for_and_then_told_as_unread(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        file = await kept.upload(ADA)

        async def miss(key: str) -> None:
            raise ObjectMissingError(f"{key} is not here")

        await erase(api, WHO)
        await carry_out(api, walk_over(api, miss))
        assert (await record(api))["status"] == "waiting"
        await carry_out(api)
        assert (await record(api))["counts"].get("unread") is None
        assert WHO.encode() not in await kept.content(file)

        await erase(api, WHO)
        walk = walk_over(api, miss, batch_patience=timedelta(0))
        await carry_out(api, walk)
        assert (await record(api))["status"] == "waiting"
        await carry_out(api, walk)
        asked = await record(api)
        assert (asked["status"], asked["counts"]["unread"]) == ("done", 1)
        entry = (await api.http.get("/v1/audit")).json()["data"][0]
        assert entry["detail"]["unread"] == 1

    run(settings, scenario)


def test_a_hold_that_is_placed_while_files_are_looked_at_keeps_them(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        admin, kept = await as_admin(api), Kept(api)
        batch = await kept.finished(BOB, ADA)
        output, file = batch["output_file_id"], batch["input_file_id"]

        # Her job is gone, and what she asked for: what is left is kept.
        await erase(api, WHO)
        await carry_out(api, placing(api, admin, await key_of(api, output), 2, end_user=WHO))
        assert (await record(api))["status"] == "done"
        assert WHO.encode() not in await kept.content(file)
        left = f"letter of {WHO}"
        assert list(await kept.told(output)) == ["letter of bob", left]

        # Nor is it taken with what another erasure takes.
        await erase(api, "bob")
        await carry_out(api)
        assert list(await kept.told(output)) == ["erased-1", left]

        await sql(api, "UPDATE legal_hold SET released_at = now()")
        file = await kept.upload(BOB, ADA)
        await erase(api, WHO)
        await carry_out(api, placing(api, admin, await key_of(api, file), 1))
        assert (await record(api))["status"] == "done"
        assert await kept.content(file) == BOB + ADA

    run(settings, scenario)


def test_an_erasure_locks_one_batch_after_the_other(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kept, engine = Kept(api), whole_transactions(api.services.engine)
        first = await kept.finished(ADA)
        second = await kept.finished(ADA)
        ids = [parse_id("batch", batch["id"]) for batch in (first, second)]
        await erase(api, WHO)
        async with transaction(engine) as connection:
            lock = text("SELECT id FROM batch WHERE id = :id FOR UPDATE")
            await connection.execute(lock, {"id": ids[1]})
            going = asyncio.create_task(carry_out(api))
            # The other one's lines are committed while this one's lock is waited for.
            emptied = "SELECT 1 FROM batch_line WHERE batch_id = :id AND erased_by IS NOT NULL"
            async with asyncio.timeout(5):
                while not await sql(api, emptied, id=ids[0]):
                    pass
            assert not await sql(api, emptied, id=ids[1])
        await going
        assert await sql(api, emptied, id=ids[1])

    run(settings, scenario)


def test_a_batch_that_somebody_else_locks_does_not_stop_the_leases_of_others(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept, engine = Kept(api), whole_transactions(api.services.engine)
        for _ in range(2):
            await kept.batch_of(await kept.upload(BOB))
        minute = timedelta(minutes=1)
        async with transaction(engine) as connection:
            held = {
                b.id: fence for b, fence in await claim_batches(connection, minute, limit=2)
            }
        locked, free = sorted(held)
        await sql(api, "UPDATE batch SET lease_until = now()")
        async with transaction(engine) as connection:
            lock = text("SELECT id FROM batch WHERE id = :id FOR NO KEY UPDATE")
            await connection.execute(lock, {"id": locked})
            async with asyncio.timeout(3), transaction(engine) as other:
                found = await renew_leases(other, held, minute)
                assert found.statuses == dict.fromkeys(held, BatchStatus.VALIDATING)
                assert found.late == {locked}
        longer = await sql(api, "SELECT id FROM batch WHERE lease_until > now()")
        assert [row.id for row in longer] == [free]
        async with transaction(engine) as connection:
            found = await renew_leases(connection, {**held, free: 99}, minute)
        assert (set(found.statuses), found.late) == ({locked}, set())

    run(settings, scenario)
