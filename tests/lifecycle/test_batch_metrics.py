"""What Prometheus is told of batches, and of calls that are held."""

from collections.abc import Mapping
from typing import Final

import orjson
from prometheus_client import REGISTRY

from infra.settings import Settings
from schemas.batch import BatchStatus
from schemas.errors import ModelError
from tests.api.batches import go_on, make
from tests.api.served import Served
from tests.api.served import run as serve
from tests.api.test_metrics import samples
from tests.facade.scene import SHORT, Scene, play
from tests.fixtures.kept_batches import Batches, line, lines

LINES: Final = "genq_batch_lines_ended_total"
LOOKED_AT: Final = "genq_batch_lines_validated_total"
ENDS: Final = "genq_batch_total_seconds_count"
LASTED: Final = "genq_batch_total_seconds_sum"


def told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def lines_by_outcome() -> Mapping[str, float]:
    names = ("succeeded", "failed", "expired", "cancelled", "unread")
    return {name: told(LINES, outcome=name) for name in names}


def more(before: Mapping[str, float]) -> Mapping[str, float]:
    now = lines_by_outcome()
    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


def test_lines_are_counted_as_they_end_and_batches_with_how_long_they_took(
    batches: Batches,
) -> None:
    before, seconds = lines_by_outcome(), told(LASTED, status="cancelled")
    accepted, ended = told(LOOKED_AT, result="accepted"), told(ENDS, status="cancelled")
    batch = batches.create(lines(10), max_parallel=6)
    batches.genq.sql("UPDATE batch SET created_at = created_at - interval '1 hour'")
    batches.genq.provider.failures.append(ModelError("no"))
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 6)
    batches.work(most=4)
    batches.keep_until(run, lambda run: run.batch.completed + run.batch.failed == 4)
    assert more(before) == {"succeeded": 3, "failed": 1}

    batches.cancel(batch)
    # Whoever takes it up counts what is new, and no line again.
    batches.finish(batches.claim())

    assert more(before) == {"succeeded": 3, "failed": 1, "cancelled": 6}
    assert told(LOOKED_AT, result="accepted") == accepted + 10
    assert told(ENDS, status="cancelled") == ended + 1
    assert 3_600 <= told(LASTED, status="cancelled") - seconds < 3_700


def test_lines_of_a_refused_file_are_counted_as_that(batches: Batches) -> None:
    before, refused = lines_by_outcome(), told(LOOKED_AT, result="refused")
    ended = told(ENDS, status="failed")

    batches.create(lines(2) + orjson.dumps(line(1)))
    batches.finish(batches.claim())

    assert told(LOOKED_AT, result="refused") == refused + 3
    assert told(ENDS, status="failed") == ended + 1
    assert more(before) == {}


def test_batches_that_have_not_ended_are_counted_by_status(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = [(await make(api))["id"] for _ in range(4)]
        for batch, status in zip(
            made,
            (BatchStatus.IN_PROGRESS, BatchStatus.IN_PROGRESS, BatchStatus.COMPLETED),
            strict=False,
        ):
            await go_on(api, batch, status=int(status))

        assert await samples(api, "genq_batches", "status") == {
            ("validating",): 1,
            ("in_progress",): 2,
            ("finalizing",): 0,
            ("cancelling",): 0,
        }

    serve(settings, scenario)


def test_calls_that_are_held_sent_round_and_attached_are_counted(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        attached = told("genq_held_calls_attached_total")
        round_ = told("genq_held_calls_sent_round_total")
        asked = here.chat()
        job = await here.job()
        await here.until_sql(
            "SELECT held_until > created_at + interval '200 ms' FROM held_call"
        )
        await here.waited_for()
        assert told("genq_held_calls") == 1
        await here.api.end(job, text="late")
        await asked

        assert told("genq_held_calls") == 0
        assert told("genq_held_calls_attached_total") >= attached + 1
        assert told("genq_held_calls_sent_round_total") >= round_ + 1

    play(settings, scenario, facade_max_hold=SHORT)
