"""Batches whose input, store or keeper misbehaves: each line is told, nothing is left lying."""

from pathlib import Path
from typing import BinaryIO

import pytest

from infra.clock import SystemClock
from infra.objectstore.directory import DirectoryStore
from infra.postgres.batch_steps import BatchLostError
from infra.postgres.forgotten_batches import forget_old_batches
from producer.batches.line_drafts import MODERATIONS
from producer.privacy.janitor import Janitor
from schemas.batch import BatchStatus
from schemas.errors import ObjectStoreError
from tests.fixtures.kept_batches import Batches, ids, line, lines

LEFT = "SELECT count(*) AS n FROM file WHERE deleted_at > now()"


class FillingUp(DirectoryStore):
    """A disk that is full when the second file comes."""

    stored = 0

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        self.stored += 1
        if self.stored == 2:
            raise ObjectStoreError("the disk is full")
        await super().put_file(key, source, content_type)


def test_names_that_cannot_be_stored_are_refused_and_the_others_go_on(
    batches: Batches,
) -> None:
    body = {"model": "test-image", "prompt": "a", "m": {"a\x00b": "\x00"}}

    told = batches.finish_lines(line(1), line(2, body=body), line(3))

    assert (told.answered, told.refused) == (["c1", "c3"], ["c2"])
    refusal = told.errors[0]["response"]
    assert refusal["status_code"] == 400
    assert refusal["body"]["errors"][1]["pointer"] == "/m/a\ufffdb"


def test_a_model_that_cannot_be_stored_ends_with_its_lines(batches: Batches) -> None:
    body = {"model": "m\x00", "input": "a kite"}

    told = batches.finish_lines(line(1, url=MODERATIONS, body=body), endpoint=MODERATIONS)

    assert told.refused == ["c1"]


def test_a_keeper_that_lost_its_batch_does_not_look_at_it_for_ever(batches: Batches) -> None:
    batches.create(lines(2))
    run = batches.claim()
    batches.genq.do(run.step())
    run.note(None)

    with pytest.raises(BatchLostError):
        batches.genq.do(run.step())


def test_files_that_could_not_be_stored_are_not_kept_for_hours(batches: Batches) -> None:
    batches.create(lines(1) + b"\n" + lines(2).splitlines()[1].replace(b"prompt", b"p"))
    batches.genq.store = store = FillingUp(batches.genq.store._root)
    run = batches.claim()
    with pytest.raises(ObjectStoreError):
        batches.finish(run)

    assert store.stored == 2
    assert batches.genq.sql(LEFT)[0].n == 0
    told = batches.finish(run)
    assert (told.answered, told.refused) == (["c1"], ["c2"])
    assert batches.genq.sql(LEFT)[0].n == 0


@pytest.mark.parametrize("gone", ["half", "row"])
def test_lines_that_are_not_found_again_are_told(batches: Batches, gone: str) -> None:
    data = lines(20)
    batch = batches.create(data, max_parallel=5)
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 5)
    (file,) = batches.genq.sql("SELECT id, object_key FROM file")
    if gone == "row":
        batches.genq.sql("DELETE FROM file")
        run = batches.claim()
    else:
        cut = data[: data.index(b"\n", data.index(b'"c10"')) + 1]
        store = batches.genq.store
        batches.genq.do(store.put(file.object_key, cut, "application/jsonl"))

    told = batches.finish(run)

    done = batches.read(batch)
    left = 5 if gone == "row" else 10
    assert told.answered == ids(*range(1, left + 1))
    assert done.status is BatchStatus.FAILED
    assert (done.total, done.completed) == (left, left)
    assert [one["code"] for one in done.errors or ()] == ["input_file_missing"]


def test_a_batch_that_is_tried_again_is_not_forgotten_meanwhile(batches: Batches) -> None:
    parent = batches.create(lines(1) + b'{"custom_id":"x"}')
    batches.finish(batches.claim())
    again = batches.create_of(batches.upload(lines(1)), retry_of=parent)
    at = batches.genq.sql("SELECT now() + interval '1 hour' AS at")[0].at

    def forget() -> int:
        return batches.genq.in_transaction(lambda c: forget_old_batches(c, before=at))

    assert forget() == 0
    batches.finish(batches.claim())
    assert batches.read(again).status.final
    assert forget() > 0


def test_what_is_not_kept_beyond_delivery_is_kept_until_the_files_are_written(
    batches: Batches,
) -> None:
    genq = batches.genq
    genq.sql(
        "INSERT INTO retention_rule (tenant_id, lane, kind, prompt_hours, result_hours)"
        " VALUES (:id, 0, 0, 0, 0)",
        id=batches.tenant.id,
    )
    janitor = Janitor(genq._engine, genq.settings, genq.store, SystemClock())
    batches.create(lines(2))
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 2)
    batches.work()
    genq.do(janitor.sweep())

    told = batches.finish(run)

    assert [one["response"]["body"]["prompt"] for one in told.output] == ["kite 1", "kite 2"]
    genq.do(janitor.sweep())
    assert genq.sql("SELECT count(*) AS n FROM job WHERE erased_at IS NULL")[0].n == 0
