"""What a batch counts: ``failed`` is what failed, and all adds up as its files have it."""

import pytest

from schemas.batch_view import batch_view
from schemas.errors import ModelError
from tests.fixtures.kept_batches import Batches, lines
from tests.lifecycle.test_batch_ends import assert_numbers_add_up


@pytest.mark.parametrize("how", ["all failed", "half failed", "expired", "cancelled"])
def test_failed_counts_what_failed_and_the_numbers_add_up(batches: Batches, how: str) -> None:
    batch = batches.create(lines(10), max_parallel=6)
    batches.genq.provider.failures.extend(
        [ModelError("no")] * (10 if how == "all failed" else 2)
    )
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 6)
    batches.work(most=4)
    batches.keep_until(run, lambda run: run.batch.completed + run.batch.failed == 4)
    if how == "expired":
        past = "now() - interval '1 second'"
        batches.genq.sql(f"UPDATE batch SET expires_at = {past}")
        batches.genq.sql(f"UPDATE live SET deadline = {past}")
        batches.genq.reap()
        run = batches.claim()
    if how == "cancelled":
        batches.cancel(batch)

    told = batches.finish(run)

    assert_numbers_add_up(batches, run, told)
    view = batch_view(batches.read(batch), "", now=batches.read(batch).created_at)
    assert (view["status"], *view["request_counts"].values()) == {
        "all failed": ("completed", 10, 0, 10),
        "half failed": ("completed", 10, 8, 2),
        "expired": ("expired", 10, 2, 2),
        "cancelled": ("cancelled", 10, 2, 2),
    }[how]
