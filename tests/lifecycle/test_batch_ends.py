"""Every batch ends, and its numbers and files say the same, whatever cannot be read."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
import pytest

from infra.objectstore.directory import DirectoryStore
from infra.objectstore.store import StoredObject
from infra.postgres.batch_reads import line_faults
from infra.postgres.files import get_file
from producer.batch_results import page_of, results
from producer.batches.answers import UNREAD
from producer.batches.keeper import BatchKeeper
from producer.batches.run import BatchRun
from producer.openai.images import ImageGenerations
from schemas.batch import BatchStatus
from schemas.batch_view import batch_view
from schemas.errors import ObjectStoreError
from tests.fixtures.kept_batches import Batches, Told, ids, line, lines

BODY: Final = {"model": "test-image", "prompt": "a kite", "response_format": "b64_json"}
SEALED: Final = """
UPDATE result SET body = '{"sealed": "AAAA"}' WHERE job_id = :id
"""
ERASED: Final = """
UPDATE result SET body = '{"erased": true}' WHERE job_id = :id
"""


class Refusing(DirectoryStore):
    """Answers 403 where it says so."""

    refused: frozenset[str] = frozenset()

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        if key in self.refused:
            raise ObjectStoreError("bucket b at AWS: AccessDenied: allow this key s3:GetObject")
        return await super().get(key, start=start, end=end)


@pytest.fixture
def store(batches: Batches) -> Refusing:
    batches.genq.store = store = Refusing(batches.genq.objects)
    batches.endpoint = ImageGenerations()
    return store


def patient(batches: Batches, patience: timedelta) -> None:
    batches.genq.settings = batches.genq.settings.model_copy(
        update={"batch_patience": patience}
    )


def painted(batches: Batches, count: int) -> BatchRun:
    """Make a batch of pictures in base64, and keep it until all of them are painted."""
    told = [line(n, body=BODY) for n in range(1, count + 1)]
    batches.create(b"\n".join(orjson.dumps(one) for one in told))
    run = batches.claim()
    batches.keep_until(run, lambda run: 0 < run.batch.total == run.batch.lines_read)
    batches.work()
    batches.keep_until(run, lambda run: run.batch.status is BatchStatus.FINALIZING)
    return run


def jobs(batches: Batches) -> Mapping[str, Any]:
    rows = batches.genq.sql(
        "SELECT l.custom_id, l.job_id, r.artifacts->0->>'key' AS key FROM batch_line l"
        " JOIN result r ON r.job_id = l.job_id"
    )
    return {row.custom_id: row for row in rows}


def shown(batches: Batches, run: BatchRun) -> list[dict[str, Any]]:
    """Return the lines that ``GET /v1/batches/{id}/results`` streams."""
    parts, batch = batches.parts(), batches.read(run.batch.id)

    async def read() -> bytes:
        page = await page_of(parts.engine, batch, after=0, limit=None, succeeded=None)
        chunks = results(parts.engine, batch, page, parts.reading)
        return b"".join([chunk async for chunk in chunks])

    return [orjson.loads(one) for one in batches.genq.do(read()).splitlines()]


def codes(told: Any) -> dict[str, str]:
    return {one["custom_id"]: one["error"]["code"] for one in told if one["error"]}


def assert_numbers_add_up(batches: Batches, run: BatchRun, told: Told) -> None:
    batch = batches.read(run.batch.id)
    view = batch_view(batch, "", now=batch.created_at)
    counts, genq = view["request_counts"], view["genq"]
    assert counts["completed"] == len(told.output)
    expired = [
        one for one in told.errors if (one["error"] or {}).get("code") == "batch_expired"
    ]
    gone = [one for one in told.errors if (one["error"] or {}).get("code") == "batch_cancelled"]
    assert genq["expired_lines"] == len(expired)
    assert genq["cancelled_lines"] == len(gone)
    assert counts["failed"] == len(told.errors) - len(expired) - len(gone)
    assert counts["total"] == len(told.output) + len(told.errors)


def test_a_line_whose_answer_is_never_to_be_read_is_an_error_and_the_batch_ends(
    batches: Batches, store: Refusing
) -> None:
    patient(batches, timedelta(0))
    run = painted(batches, 6)
    made = jobs(batches)
    batches.genq.do(store.delete(made["c2"].key))
    store.refused = frozenset({made["c3"].key})
    batches.genq.sql(SEALED, id=made["c4"].job_id)
    batches.genq.sql(ERASED, id=made["c5"].job_id)
    with pytest.raises(UNREAD):
        batches.genq.do(run.step())

    told = batches.finish(run)

    assert told.answered == ["c1", "c6"]
    why = {
        "c2": "answer_gone",
        "c3": "object_store_unavailable",
        "c4": "content_unreadable",
        "c5": "content_erased",
    }
    assert codes(told.errors) == why
    assert all(one["response"] is None for one in told.errors)
    assert not any("AccessDenied" in one["error"]["message"] for one in told.errors)
    assert batches.read(run.batch.id).status is BatchStatus.COMPLETED
    assert_numbers_add_up(batches, run, told)
    # What the files say stays so, though the store thinks again.
    store.refused = frozenset()
    assert codes(shown(batches, run)) == why
    batch = batches.read(run.batch.id)
    groups = batches.genq.in_transaction(lambda c: line_faults(c, batch.tenant_id, batch.id))
    assert {(group.code, group.count) for group in groups} == {(one, 1) for one in why.values()}

    batches.create_of(batch.input_file_id, retry_of=batch.id)
    assert batches.finish(batches.claim()).answered == ids(2, 3, 4, 5)


def test_an_answer_that_can_be_read_a_little_later_is_not_lost(
    batches: Batches, store: Refusing
) -> None:
    patient(batches, timedelta(hours=1))
    run = painted(batches, 3)
    store.refused = frozenset({jobs(batches)["c2"].key})
    for _ in range(3):
        with pytest.raises(ObjectStoreError):
            batches.genq.do(run.step())
    store.refused = frozenset()

    assert batches.finish(run).answered == ids(1, 2, 3)


def test_results_go_on_behind_a_line_that_cannot_be_read(
    batches: Batches, store: Refusing
) -> None:
    run = painted(batches, 5)
    made = jobs(batches)
    store.refused = frozenset({made["c1"].key, made["c4"].key})
    batches.genq.sql(SEALED, id=made["c2"].job_id)

    told = shown(batches, run)

    assert [one["custom_id"] for one in told] == ids(1, 2, 3, 4, 5)
    assert codes(told) == {
        "c1": "object_store_unavailable",
        "c2": "content_unreadable",
        "c4": "object_store_unavailable",
    }
    # Nothing is decided yet: who asks again is told.
    store.refused = frozenset()
    assert codes(shown(batches, run)) == {"c2": "content_unreadable"}


@pytest.mark.parametrize("why", ["cancelled", "expired"])
def test_a_batch_whose_input_is_never_to_be_read_ends_when_its_time_is_up(
    batches: Batches, store: Refusing, why: str
) -> None:
    patient(batches, timedelta(0))
    batch = batches.create(lines(8), max_parallel=4)
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 4)
    file = batches.genq.in_transaction(
        lambda c: get_file(c, batches.tenant.id, run.batch.input_file_id)
    )
    assert file
    store.refused = frozenset({file.object_key})
    # What has ended is told, and while there is time nothing is given up.
    for most in (1, 2, 1):
        batches.work(most=most)
        with pytest.raises(ObjectStoreError):
            batches.keep_until(run, lambda _: False)
    assert (run.batch.completed, run.batch.errors) == (4, None)
    if why == "cancelled":
        batches.cancel(batch)
    else:
        batches.genq.sql("UPDATE batch SET expires_at = now() - interval '1 second'")
    run = batches.claim()
    with pytest.raises(ObjectStoreError):
        batches.keep_until(run, lambda _: False)

    told = batches.finish(run)

    done = batches.read(batch)
    assert done.status is (BatchStatus.CANCELLED if why == "cancelled" else BatchStatus.FAILED)
    assert [(one["code"], one["line"]) for one in done.errors or ()] == [
        ("input_file_unreadable", 4)
    ]
    assert len(told.answered) == 4
    assert_numbers_add_up(batches, run, told)


def test_numbers_that_no_answer_can_have_stop_neither_files_nor_results(
    batches: Batches, store: Refusing
) -> None:
    run = painted(batches, 2)
    batches.genq.sql("""UPDATE result SET body = body || '{"usage": {"input_tokens": 1e30}}'""")

    assert [one["custom_id"] for one in shown(batches, run)] == ids(1, 2)
    assert batches.finish(run).answered == ids(1, 2)

    usage = batches.read(run.batch.id).usage
    assert usage
    assert usage["input_tokens"] == 2**63 - 1


def test_a_batch_whose_window_is_over_before_its_file_was_read_says_so(
    batches: Batches,
) -> None:
    batch = batches.create(lines(2))
    batches.genq.sql("UPDATE batch SET expires_at = now() - interval '1 second'")

    batches.finish(batches.claim())

    done = batches.read(batch)
    assert done.status is BatchStatus.EXPIRED
    assert [one["code"] for one in done.errors or ()] == ["input_file_not_read"]


class Faulty(DirectoryStore):
    """Has a fault that no waiting mends."""

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        raise TypeError("a fault of genq's own")


def test_a_batch_that_genq_itself_cannot_go_on_with_ends_and_says_so(
    batches: Batches,
) -> None:
    patient(batches, timedelta(0))
    batch = batches.create(lines(3))
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 3)
    batches.work()
    batches.genq.sql("UPDATE batch SET lease_until = NULL")
    batches.genq.store = Faulty(batches.genq.objects)
    keeper = BatchKeeper(batches.parts())

    async def keep() -> None:
        async with asyncio.timeout(20):
            await keeper.keep()
            await asyncio.gather(*keeper._tasks.values())
        await keeper.close()

    batches.genq.do(keep())

    done = batches.read(batch)
    assert done.status is BatchStatus.FAILED
    assert [one["code"] for one in done.errors or ()] == ["internal_error"]
    assert (done.total, done.completed) == (3, 3)
    assert [one["custom_id"] for one in shown(batches, run)] == ids(1, 2, 3)
    assert [name for name, _ in batches.events()] == ["batch.failed"]
