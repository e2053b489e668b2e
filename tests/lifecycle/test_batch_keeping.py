"""Who keeps a batch: one at a time, whoever dies, and room for every tenant."""

from datetime import timedelta
from itertools import chain, repeat
from typing import Literal
from uuid import UUID

import pytest

from infra.postgres.batch_leases import AT_WORK, claim_batches
from infra.postgres.batch_steps import BatchLostError
from producer.batches.keeper import BatchKeeper
from schemas.batch import BatchStatus
from tests.fixtures.kept_batches import Batches, ids, lines


def test_a_keeper_that_lost_its_batch_writes_nothing_any_more(batches: Batches) -> None:
    batches.create(lines(10), max_parallel=5)
    stalled = batches.claim()
    batches.keep_until(stalled, lambda run: run.batch.lines_read == 5)
    batches.work()

    other = batches.claim()
    with pytest.raises(BatchLostError):
        batches.genq.do(stalled.step())

    assert batches.finish(other).answered == ids(*range(1, 11))


def test_a_tenant_with_many_batches_leaves_keepers_to_the_others(batches: Batches) -> None:
    file = batches.upload(lines(1))
    many = [batches.create_of(file) for _ in range(AT_WORK + 3)]
    other = batches.create_of(file, tenant_id=batches.genq.tenant("globex").id)

    def claim() -> list[UUID]:
        lease = timedelta(minutes=1)
        found = batches.genq.in_transaction(lambda c: claim_batches(c, lease, limit=1000))
        return sorted(batch.id for batch, _ in found)

    assert claim() == [*many[:AT_WORK], other]
    assert claim() == []
    batches.genq.sql("UPDATE batch SET status = 10 WHERE id = :id", id=many[0])
    assert claim() == [many[AT_WORK]]


def test_two_keepers_share_batches_and_do_each_once(batches: Batches) -> None:
    made = [batches.create(lines(4)) for _ in range(5)]
    keepers = [BatchKeeper(batches.parts()) for _ in range(2)]

    async def look() -> None:
        for keeper in keepers:
            await keeper.keep()

    async def leave() -> None:
        for keeper in keepers:
            await keeper.close()

    while not all(batches.read(batch).status.final for batch in made):
        batches.genq.do(look())
        batches.work()
    batches.genq.do(leave())

    assert batches.jobs() == 20
    assert all(batches.told(batch).answered == ids(1, 2, 3, 4) for batch in made)
    assert len(batches.events()) == 5


@pytest.mark.parametrize("moment", ["begin", "commit"])
def test_a_keeper_that_dies_anywhere_loses_no_line_and_doubles_none(
    batches: Batches, moment: Literal["begin", "commit"]
) -> None:
    batch = batches.create(lines(24), max_parallel=9)
    deaths = 0

    for nth in chain.from_iterable(repeat(range(1, 8))):
        run = batches.claim()
        ended = batches.dies_at(run, moment, nth)
        batches.work(most=5)
        if ended:
            break
        deaths += 1

    assert deaths > 10
    done = batches.read(batch)
    assert done.status is BatchStatus.COMPLETED
    assert (done.total, done.completed, done.failed) == (24, 24, 0)
    assert batches.told(batch).answered == ids(*range(1, 25))
    assert batches.jobs() == 24
    assert len(batches.events()) == 1
    shown = batches.genq.sql("SELECT count(*) AS n FROM file WHERE deleted_at IS NULL")[0].n
    assert shown == 2


def test_a_keeper_that_stops_lets_others_go_on_at_once(batches: Batches) -> None:
    batch = batches.create(lines(3))
    keeper = BatchKeeper(batches.parts())
    batches.genq.do(keeper.keep())
    batches.genq.do(keeper.close())

    rows = batches.genq.sql("SELECT fence, lease_until FROM batch WHERE id = :id", id=batch)

    assert [(row.fence, row.lease_until) for row in rows] == [(1, None)]
