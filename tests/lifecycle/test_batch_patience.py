"""What a batch waits for: an outage costs no answer, and what is never mended ends it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import orjson
import pytest
from structlog.testing import capture_logs

from infra.clock import SystemClock
from infra.contents import forget_keys
from infra.objectstore.directory import DirectoryStore
from infra.objectstore.store import StoredObject
from infra.postgres.batch_steps import BatchLostError
from infra.postgres.read_jobs import read_each_job
from producer.batches.pace import Pace
from producer.batches.patience import Patience
from producer.batches.run import BatchRun
from producer.cancel import Canceller
from producer.openai.images import ImageGenerations
from schemas.batch import BatchStatus
from schemas.cancel_request import CancelReport, CancelRequest
from schemas.errors import GenqError, ObjectStoreError
from schemas.ids import parse_id
from schemas.job import JobRecord
from schemas.privacy_errors import ContentUnreadableError
from tests.fixtures.kept_batches import Batches, ids, line, lines

PATIENCE: Final = timedelta(minutes=15)
BODY: Final = {"model": "test-image", "prompt": "a kite", "response_format": "b64_json"}
BROKEN: Final = r"UPDATE {} = decode('00', 'hex')"


class MovedClock(SystemClock):
    """Runs on when a test says so."""

    later = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.later


class Away(DirectoryStore):
    """Refuses pictures: some of them, or so many reads."""

    refused: frozenset[str] = frozenset()
    left = 0

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        if key in self.refused or self.left > 0:
            self.left -= 1
            raise ObjectStoreError("away")
        return await super().get(key, start=start, end=end)


def on(run: BatchRun, clock: MovedClock) -> BatchRun:
    """Return the batch as one keeps it whose clock this is."""
    parts = replace(run._parts, clock=clock)
    return BatchRun(parts, run.batch, run.kept.fence, Pace(hurry=True))


def painted(
    batches: Batches, count: int, clock: MovedClock
) -> tuple[BatchRun, Away, list[str]]:
    """Make a batch of pictures; return it with its store and where they lie in it."""
    batches.genq.store = store = Away(batches.genq.objects)
    batches.endpoint = ImageGenerations()
    told = [line(n, body=BODY) for n in range(1, count + 1)]
    batches.create(b"\n".join(orjson.dumps(one) for one in told))
    run = on(batches.claim(), clock)
    batches.keep_until(run, lambda run: 0 < run.batch.total == run.batch.lines_read)
    batches.work()
    batches.keep_until(run, lambda run: run.batch.status is BatchStatus.FINALIZING)
    rows = batches.genq.sql(
        "SELECT r.artifacts->0->>'key' AS key FROM batch_line l"
        " JOIN result r ON r.job_id = l.job_id ORDER BY l.line"
    )
    return run, store, [row.key for row in rows]


def ready(batches: Batches, count: int) -> BatchRun:
    """Make a batch without pictures, all of whose lines have ended."""
    batches.create(lines(count))
    run = batches.claim()
    batches.keep_until(run, lambda run: 0 < run.batch.total == run.batch.lines_read)
    batches.work()
    batches.keep_until(run, lambda run: run.batch.status is BatchStatus.FINALIZING)
    return run


def test_two_short_outages_far_apart_lose_no_answer(batches: Batches) -> None:
    clock = MovedClock()
    run, store, keys = painted(batches, 9, clock)
    store.refused = frozenset(keys[:1])
    with pytest.raises(ObjectStoreError):
        batches.genq.do(run.step())

    # What was away is back; what has been there all the time is away for a moment.
    clock.later += PATIENCE.total_seconds() + 60
    store.refused = frozenset(keys[8:])
    with pytest.raises(ObjectStoreError):
        batches.genq.do(run.step())
    store.refused = frozenset()

    assert batches.finish(run).answered == ids(*range(1, 10))


@pytest.mark.parametrize("answers", [3, 9])
def test_a_store_that_is_back_before_the_files_are_whole_gives_every_answer(
    batches: Batches, answers: int
) -> None:
    clock = MovedClock()
    run, store, _ = painted(batches, 10, clock)
    store.left = 1_000
    with pytest.raises(ObjectStoreError):
        batches.genq.do(run.step())
    clock.later += PATIENCE.total_seconds() + 60
    store.left = answers
    with pytest.raises(ObjectStoreError, match="written again"):
        batches.genq.do(run.step())

    assert batches.finish(run).answered == ids(*range(1, 11))


def test_what_comes_and_goes_is_not_waited_for_without_end() -> None:
    clock = MovedClock()
    patience = Patience(clock, PATIENCE)
    rounds = 0
    while patience.lasts(1):
        assert patience.mended(1)
        assert not patience.mended(1)
        clock.later += 60
        rounds += 1
        assert rounds < 1_000
    assert clock.later >= 16 * PATIENCE.total_seconds()
    assert not patience.lasts(2)


@pytest.mark.parametrize("people", [1, 2])
def test_a_person_whose_key_does_not_open_takes_nobody_elses_answer_along(
    batches: Batches, people: int
) -> None:
    genq = batches.genq
    broken = [genq.submit("a", end_user=f"ada {n}") for n in range(people)]
    sound = [genq.submit("b", end_user="bob"), genq.submit("c")]
    genq.run_until_idle()
    genq.sql(
        f"{BROKEN.format('subject_key k SET salt')} WHERE k.subject <> :bob",
        bob=b"".join(_person(batches, "bob")),
    )
    forget_keys(genq._engine)
    wanted = [(parse_id("job", one), batches.tenant.id) for one in (*broken, *sound)]

    found = genq.in_transaction(lambda c: read_each_job(c, wanted))

    kinds = [type(found[job_id]) for job_id, _ in wanted]
    assert kinds == [ContentUnreadableError] * people + [JobRecord] * 2


def _person(batches: Batches, end_user: str) -> Sequence[bytes]:
    contents = batches.genq._engine.get_execution_options()["genq_contents"]
    return [contents.person(batches.tenant.id, end_user)]


def test_a_batch_whose_tenants_key_never_opens_ends_and_says_so(batches: Batches) -> None:
    clock = MovedClock()
    run = on(ready(batches, 3), clock)
    batches.genq.sql(BROKEN.format("tenant_key SET wrapped"))
    forget_keys(batches.genq._engine)
    failed: list[BatchStatus] = []
    for _ in range(8):
        try:
            if batches.genq.do(run.step()) is None:
                break
        except ContentUnreadableError:
            failed.append(batches.read(run.batch.id).status)
        clock.later += PATIENCE.total_seconds() / 2 + 1

    done = batches.read(run.batch.id)
    assert done.status is BatchStatus.FAILED
    assert [one["code"] for one in done.errors or ()] == ["internal_error"]
    assert failed == [BatchStatus.FINALIZING] * len(failed)
    assert len(failed) == 4
    assert [name for name, _ in batches.events()] == ["batch.failed"]


class Slow(Canceller):
    """Needs more than one call, and fails at the first."""

    asked = 0

    async def cancel_matching(self, tenant_id: int, request: CancelRequest) -> CancelReport:
        self.asked += 1
        if self.asked == 1:
            raise TypeError("a fault of genq's own")
        if self.asked < 4:
            return CancelReport(matched=0, cancelled=0, cancelling=0, more=True)
        return await super().cancel_matching(tenant_id, request)


def test_a_batch_that_is_given_up_cancels_all_of_its_jobs_before_it_ends(
    batches: Batches,
) -> None:
    genq = batches.genq
    batches.create(lines(3))
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 3)
    canceller = Slow(run._parts.engine, genq.settings, genq._doorbells)
    run = BatchRun(replace(run._parts, canceller=canceller), run.batch, run.kept.fence)

    with pytest.raises(TypeError):
        genq.do(run.abandon())
    # Whoever follows a keeper that dies here can do it again.
    assert batches.read(run.batch.id).status is BatchStatus.IN_PROGRESS
    genq.do(run.abandon())

    assert canceller.asked == 4
    assert batches.read(run.batch.id).status is BatchStatus.FAILED
    assert genq.sql("SELECT count(*) AS n FROM live")[0].n == 0


def test_jobs_that_can_never_be_cancelled_do_not_keep_a_batch_from_its_end(
    batches: Batches,
) -> None:
    genq, clock = batches.genq, MovedClock()
    batches.create(lines(2))
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 2)
    canceller = Slow(run._parts.engine, genq.settings, genq._doorbells)
    canceller.asked = -1_000
    parts = replace(run._parts, canceller=canceller, clock=clock)
    run = BatchRun(parts, run.batch, run.kept.fence)
    with pytest.raises(GenqError):
        genq.do(run.abandon())
    assert -1_000 < canceller.asked < -900
    clock.later += PATIENCE.total_seconds() + 1

    genq.do(run.abandon())

    assert batches.read(run.batch.id).status is BatchStatus.FAILED


def test_who_lost_a_batch_and_gives_it_up_cancels_nothing_of_it(batches: Batches) -> None:
    batches.create(lines(3))
    stalled = batches.claim()
    batches.keep_until(stalled, lambda run: run.batch.lines_read == 3)
    other = batches.claim()
    with pytest.raises(BatchLostError):
        batches.genq.do(stalled.abandon())

    assert batches.finish(other).answered == ids(1, 2, 3)


def test_a_line_that_was_erased_is_no_answer_that_could_not_be_read(batches: Batches) -> None:
    run = ready(batches, 3)
    batches.genq.sql(
        "UPDATE batch_line SET erased_by = batch_id, answer = NULL, custom_id = 'erased-2'"
        " WHERE line = 2"
    )
    with capture_logs() as logged:
        told = batches.finish(run)

    assert (told.answered, told.refused) == (["c1", "c3"], ["erased-2"])
    (row,) = batches.genq.sql("SELECT answer, outcome FROM batch_line WHERE line = 2")
    batch = batches.read(run.batch.id)
    assert (row.answer, row.outcome, batch.failed) == (None, 2, 1)
    assert [one["event"] for one in logged if "unread" in one["event"]] == []
