"""A batch that does the lines of another one again, out of the same file."""

from schemas.batch import BatchStatus
from schemas.errors import ModelError
from tests.fixtures.kept_batches import Batches, lines


def test_a_retry_whose_file_has_become_shorter_says_so_though_some_of_it_was_erased(
    batches: Batches,
) -> None:
    genq, data = batches.genq, lines(4)
    file = batches.upload(data)
    parent = batches.create_of(file)
    genq.provider.failures.extend([ModelError("no")] * 4)
    batches.finish(batches.claim())
    again = batches.create_of(file, retry_of=parent)
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.status is BatchStatus.IN_PROGRESS)
    genq.sql("UPDATE batch_line SET erased_by = batch_id WHERE line = 1")
    key = genq.sql("SELECT object_key FROM file WHERE id = :id", id=file)[0].object_key
    genq.do(genq.store.put(key, lines(3), "application/jsonl"))

    told = batches.finish(run)

    done = batches.read(again)
    assert told.answered == ["c2", "c3"]
    assert (done.status, done.total, done.completed) == (BatchStatus.FAILED, 2, 2)
    assert [one["code"] for one in done.errors or ()] == ["input_file_missing"]
