"""Lines of batches meet the rules that every job meets, each for itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from producer.batches.line_drafts import MODERATIONS
from schemas.batch import BatchStatus
from tests.fixtures.budgeting import assert_balanced, balance, give, used
from tests.fixtures.judging import judge
from tests.fixtures.kept_batches import Batches, line, lines


def codes(told: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    return [
        (one["response"]["status_code"], one["response"]["body"]["error"]["code"])
        for one in told
    ]


def test_a_line_that_cannot_be_stored_is_refused_and_the_others_go_on(
    batches: Batches,
) -> None:
    deep: object = "end"
    for _ in range(40):
        deep = [deep]
    nul = line(2, body={"model": "test-image", "prompt": "a\x00b"})
    nested = line(3, body={"model": "test-image", "prompt": "a", "x": deep})

    told = batches.finish_lines(line(1), nul, nested, line(4))

    assert told.answered == ["c1", "c4"]
    assert told.refused == ["c2", "c3"]
    assert codes(told.errors) == [(400, "invalid_request")] * 2
    pointers = [one["response"]["body"]["errors"][0]["pointer"] for one in told.errors]
    assert pointers[0] == "/prompt"


def test_lines_that_no_budget_has_room_for_are_refused_and_charged_to_nobody(
    batches: Batches,
) -> None:
    give(batches.genq, 3)

    told = batches.finish_lines(*(line(n) for n in range(1, 6)))

    assert told.answered == ["c1", "c2", "c3"]
    assert codes(told.errors) == [(429, "insufficient_quota")] * 2
    balance(batches.genq)
    assert used(batches.genq) == (3, 0)
    assert_balanced(batches.genq)


def test_the_lines_of_a_suspended_tenant_wait_until_it_is_let_in_again(
    batches: Batches,
) -> None:
    batches.create(lines(3))
    batches.genq.sql("UPDATE tenant SET suspended_at = now()")
    run = batches.claim()
    pauses = [batches.genq.do(run.step()) for _ in range(3)]
    assert pauses[0] == 0
    assert batches.jobs() == 0

    batches.genq.sql("UPDATE tenant SET suspended_at = NULL")

    assert batches.finish(run).answered == ["c1", "c2", "c3"]


def test_lines_of_moderations_are_answered_without_a_job(batches: Batches) -> None:
    judge(batches.genq)
    batches.checks = batches.genq._submitter._drafter._checks
    rows = [
        {
            "custom_id": f"m{n}",
            "method": "POST",
            "url": MODERATIONS,
            "body": {"model": "omni-moderation-latest", "input": said},
        }
        for n, said in enumerate(["a kite", "[violence 0.99]", 7], 1)
    ]

    told = batches.finish_lines(*rows, endpoint=MODERATIONS)

    assert told.answered == ["m1", "m2"]
    results = [one["response"]["body"]["results"][0] for one in told.output]
    assert [one["flagged"] for one in results] == [False, True]
    assert codes(told.errors) == [(400, "invalid_request")]
    assert batches.jobs() == 0
    assert {one["id"] for one in told.output} != {told.output[0]["id"]}


def test_a_batch_whose_file_is_lost_half_read_ends_with_what_it_has(batches: Batches) -> None:
    batch = batches.create(lines(20), max_parallel=5)
    run = batches.claim()
    batches.keep_until(run, lambda run: run.batch.lines_read == 5)
    key = batches.genq.sql("SELECT object_key FROM file")[0].object_key
    batches.genq.do(batches.genq.store.delete(key))

    told = batches.finish(run)

    done = batches.read(batch)
    assert told.answered == ["c1", "c2", "c3", "c4", "c5"]
    assert (done.status, done.total, done.completed) == (BatchStatus.FAILED, 5, 5)
    assert [(e["code"], e["line"]) for e in done.errors or ()] == [("input_file_missing", 5)]


def test_a_batch_of_a_model_that_nobody_offers_fails_before_its_first_job(
    batches: Batches,
) -> None:
    unknown = line(1, body={"model": "gpt-99", "prompt": "a kite"})

    batches.finish_lines(unknown)

    (batch,) = batches.genq.sql("SELECT status, errors FROM batch")
    assert batch.status == BatchStatus.FAILED
    assert [(e["code"], e["param"]) for e in batch.errors] == [
        ("model_not_found", "body.model")
    ]
    assert "there is test-image" in batch.errors[0]["message"]


def test_a_batch_whose_file_is_gone_before_it_began_says_so(batches: Batches) -> None:
    batch = batches.create(lines(2))
    batches.genq.sql("DELETE FROM file")

    batches.finish(batches.claim())

    errors = batches.read(batch).errors or ()
    assert [(e["code"], e["param"]) for e in errors] == [
        ("input_file_missing", "input_file_id")
    ]
