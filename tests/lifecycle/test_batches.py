"""A batch's life: every line ends once, in order, whoever keeps it and however it ends."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

from infra.postgres.forgotten_batches import forget_old_batches
from infra.postgres.partitions import (
    drop_partitions_before,
    ensure_partitions,
    first_key,
    partition_name,
    week_of,
)
from producer.batches.run import BatchRun
from schemas.batch import BatchStatus
from schemas.errors import ModelError
from schemas.ids import format_id
from tests.fixtures.kept_batches import Batches, ids, line, lines

AGED: Final = UUID(int=1)


def in_progress(run: BatchRun) -> bool:
    return run.batch.status is BatchStatus.IN_PROGRESS


def all_read(run: BatchRun) -> bool:
    return in_progress(run) and run.batch.lines_read == run.batch.total


def test_a_batch_is_answered_line_by_line_in_the_order_of_its_file(batches: Batches) -> None:
    batch = batches.create(lines(60), webhook={"url": "https://x.test/h", "events": []})

    told = batches.finish(batches.claim())

    assert told.answered == ids(*range(1, 61))
    assert told.errors == []
    assert [one["response"]["body"]["prompt"] for one in told.output] == [
        f"kite {n}" for n in range(1, 61)
    ]
    first = told.output[0]
    suffix = first["id"].removeprefix("batch_req_")
    assert set(first) == {"id", "custom_id", "response", "error"}
    assert first["error"] is None
    assert first["response"]["status_code"] == 200
    assert first["response"]["request_id"] == f"req_{suffix}"
    done = batches.read(batch)
    assert done.status is BatchStatus.COMPLETED
    assert (done.total, done.completed, done.failed) == (60, 60, 0)
    assert done.error_file_id is None
    assert done.usage == {
        "input_tokens": 120,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 180,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 300,
    }
    assert done.in_progress_at
    assert done.finalizing_at
    assert done.completed_at
    assert batches.events() == [("batch.completed", {"id": format_id("batch", batch)})]
    rows = batches.genq.sql("SELECT lane, batch_id, deadline FROM job")
    assert {(row.lane, row.batch_id, row.deadline) for row in rows} == {
        (4, batch, done.expires_at)
    }


def test_lines_that_fail_stand_in_the_error_file_and_a_retry_does_only_those(
    batches: Batches,
) -> None:
    wrong = line(4, body={"model": "test-image"})
    data = b"".join(orjson.dumps(wrong if n == 4 else line(n)) + b"\n" for n in range(1, 21))
    file = batches.upload(data)
    parent = batches.create_of(file)
    batches.genq.provider.failures.extend([ModelError("no")] * 10)

    told = batches.finish(batches.claim())

    done = batches.read(parent)
    assert (done.status, done.completed, done.failed) == (BatchStatus.COMPLETED, 9, 11)
    assert sorted(told.answered + told.refused) == sorted(ids(*range(1, 21)))
    for names in (told.answered, told.refused):
        assert names == sorted(names, key=lambda one: int(one[1:]))
    refusals = {one["custom_id"]: one for one in told.errors}
    assert all(one["error"] is None for one in told.errors)
    assert refusals["c4"]["response"]["status_code"] == 400
    assert refusals["c4"]["response"]["body"]["error"]["message"] == "prompt is missing"
    codes = Counter(one["response"]["body"]["error"]["code"] for one in told.errors)
    assert codes == {"model_rejected_request": 10, "invalid_request": 1}

    again = batches.create_of(file, retry_of=parent, max_parallel=3)
    told_again = batches.finish(batches.claim())

    assert told_again.answered == [one for one in told.refused if one != "c4"]
    assert told_again.refused == ["c4"]
    redone = batches.read(again)
    assert (redone.total, redone.completed, redone.failed) == (11, 10, 1)


def test_a_batch_all_of_whose_lines_fail_is_completed_without_an_output_file(
    batches: Batches,
) -> None:
    batch = batches.create(lines(5))
    batches.genq.provider.failures.extend([ModelError("no")] * 5)

    told = batches.finish(batches.claim())

    done = batches.read(batch)
    assert (done.status, done.completed, done.failed) == (BatchStatus.COMPLETED, 0, 5)
    assert done.output_file_id is None
    assert done.usage is None
    assert told.refused == ids(1, 2, 3, 4, 5)


def test_a_batch_that_is_cancelled_half_done_keeps_what_was_done(batches: Batches) -> None:
    batch = batches.create(lines(30), max_parallel=10)
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 10)
    batches.work(most=4)
    batches.keep_until(run, lambda run: run.batch.completed == 4)

    batches.cancel(batch)
    batches.cancel(batch)
    told = batches.finish(run)

    done = batches.read(batch)
    assert done.status is BatchStatus.CANCELLED
    assert done.cancelling_at
    assert done.cancelled_at
    assert len(told.output) == done.completed == 4
    assert len(told.errors) == done.failed == 26
    assert sorted(told.answered + told.refused) == sorted(ids(*range(1, 31)))
    assert {one["error"]["code"] for one in told.errors} == {"batch_cancelled"}
    assert all(one["response"] is None for one in told.errors)
    assert batches.jobs() == 10
    assert [name for name, _ in batches.events()] == ["batch.cancelled"]


def test_a_batch_that_is_cancelled_before_it_began_has_no_files(batches: Batches) -> None:
    batch = batches.create(lines(3))
    batches.cancel(batch)

    batches.finish(batches.claim())

    done = batches.read(batch)
    assert done.status is BatchStatus.CANCELLED
    assert (done.total, done.output_file_id, done.error_file_id) == (0, None, None)


def test_lines_that_did_not_end_in_time_are_told_as_expired(batches: Batches) -> None:
    batch = batches.create(lines(12), max_parallel=6)
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 6)
    batches.work(most=2)
    past = "now() - interval '1 second'"
    batches.genq.sql(f"UPDATE batch SET expires_at = {past}")
    batches.genq.sql(f"UPDATE live SET deadline = {past}")
    batches.genq.reap()

    told = batches.finish(batches.claim())

    done = batches.read(batch)
    assert done.status is BatchStatus.EXPIRED
    assert done.expired_at
    assert (len(told.output), len(told.errors)) == (2, 10)
    assert {one["error"]["code"] for one in told.errors} == {"batch_expired"}
    assert batches.jobs() == 6
    assert [name for name, _ in batches.events()] == ["batch.expired"]


def test_no_more_lines_are_jobs_at_once_than_the_batch_allows(batches: Batches) -> None:
    batches.create(lines(9), max_parallel=3)
    run, most = batches.claim(), 0

    for _ in range(100):
        if batches.genq.do(run.step()) is None:
            break
        most = max(most, batches.genq.sql("SELECT count(*) AS n FROM live")[0].n)
        batches.work(most=1)

    assert most == 3
    assert batches.told(run.batch.id).answered == ids(*range(1, 10))


def test_output_may_have_the_order_in_which_lines_ended(batches: Batches) -> None:
    batches.create(lines(6), ordered_output=False)
    run = batches.claim()
    batches.keep_until(run, all_read)
    batches.genq.release()
    batches.genq.sent.rotate(-4)
    batches.work(most=2)
    batches.genq.do(run.step())

    assert batches.finish(run).answered == ids(5, 6, 1, 2, 3, 4)


def test_a_file_that_is_not_in_order_makes_no_job(batches: Batches) -> None:
    batch = batches.create(lines(6) + b"{not json}\n" + orjson.dumps(line(1)))

    batches.finish(batches.claim())

    done = batches.read(batch)
    assert done.status is BatchStatus.FAILED
    assert done.failed_at
    assert [(e["code"], e["line"]) for e in done.errors or ()] == [
        ("invalid_json_line", 7),
        ("duplicate_custom_id", 8),
    ]
    assert batches.jobs() == 0
    assert (done.output_file_id, done.error_file_id) == (None, None)
    assert [name for name, _ in batches.events()] == ["batch.failed"]


def test_batches_past_retention_go_with_their_lines_and_unfinished_ones_stay(
    batches: Batches,
) -> None:
    old = batches.create(lines(3))
    batches.finish(batches.claim())
    late = batches.create(lines(3))
    batches.finish(batches.claim())
    unfinished = batches.create(lines(2))
    batches.keep_until(batches.claim(), all_read)
    month = timedelta(days=30)
    batches.genq.sql(
        "UPDATE batch SET completed_at = now() - :by WHERE id = :id", by=month, id=old
    )
    before = batches.genq.sql("SELECT now() + interval '1 second' AS at")[0].at - month

    # Keys are of now: an instant from which on they are old.
    def forget(at: datetime) -> int:
        return batches.genq.in_transaction(lambda c: forget_old_batches(c, before=at))

    assert forget(before) == 0
    batches.genq.sql(
        "UPDATE batch_line SET batch_id = :new WHERE batch_id = :id", new=AGED, id=old
    )
    batches.genq.sql("UPDATE batch SET id = :new WHERE id = :id", new=AGED, id=old)
    assert forget(before) == 4
    assert forget(before) == 0
    left = batches.genq.sql("SELECT batch_id, count(*) AS n FROM batch_line GROUP BY 1")
    assert {row.batch_id: row.n for row in left} == {late: 3, unfinished: 2}


def test_the_weeks_of_an_unfinished_batch_are_not_dropped(batches: Batches) -> None:
    week = week_of(datetime(2001, 1, 10, tzinfo=UTC))
    batches.create(lines(1))

    def drop() -> list[str]:
        names = batches.genq.in_transaction(
            lambda c: drop_partitions_before(c, before=week + timedelta(days=90))
        )
        return sorted(names)

    batches.genq.in_transaction(
        lambda c: ensure_partitions(c, now=week + timedelta(days=8), ahead=timedelta(0))
    )
    batches.genq.sql("UPDATE batch SET id = :key", key=first_key(week + timedelta(days=8)))
    first = partition_name("job", week)
    second = partition_name("job", week + timedelta(days=7))

    dropped = drop()
    assert first in dropped
    assert second not in dropped

    batches.genq.sql("UPDATE batch SET status = 13")
    assert second in drop()
