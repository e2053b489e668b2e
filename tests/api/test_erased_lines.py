"""Lines of a person who is erased while a batch is on its way, whatever became of them."""

from infra.settings import Settings
from schemas.batch import BatchStatus
from tests.api.kept_lines import Kept, is_running, line
from tests.api.people import carry_out, erase, sql
from tests.api.served import Served, run

WHO = "ada@example.org"
BOB = line("letter of bob", user="bob")


def odd(custom_id: str, **body: object) -> bytes:
    """Return a line that never becomes a job."""
    return line(custom_id, temperature=99, **body)


def test_a_retry_goes_on_without_the_lines_of_who_is_erased_meanwhile(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        hers = odd(WHO, user=WHO)
        parent = await kept.finished(odd("one", user="bob"), hers, odd("three", user="bob"))
        assert parent["request_counts"]["failed"] == 3
        made = await api.http.post(f"/v1/batches/{parent['id']}/retry")
        assert made.status_code == 200, made.text
        going = await kept.claim()
        await kept.keep_until(going, lambda r: r.batch.status is BatchStatus.IN_PROGRESS)
        assert going.batch.total == 3
        await erase(api, WHO)
        await carry_out(api)

        batch = await kept.finish(going)
        assert (batch["status"], batch["errors"]) == ("completed", None)
        assert batch["request_counts"] == {"total": 2, "completed": 0, "failed": 2}
        assert list(await kept.told(batch["error_file_id"])) == ["one", "three"]

    run(settings, scenario)


def test_what_counts_as_sent_before_an_erasure_is_the_same_for_its_file_and_its_jobs(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        await erase(api, WHO)
        await kept.batch_of(await kept.upload(line("one", user=WHO), BOB))
        going = await kept.claim()
        await kept.keep_until(going, is_running(2))
        rows = await sql(api, "SELECT end_user FROM job")
        assert [row.end_user for row in rows] == ["bob"]

    run(settings, scenario)


def test_lines_that_are_no_jobs_are_erased_too_while_they_are_read(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        hers = (
            odd(f"{WHO} 1", user=WHO),
            line(f"{WHO} 2", user=WHO, genq={"end_user": "bob"}),
            line(f"{WHO} 3", user="bob", safety_identifier=WHO),
        )
        file = await kept.upload(*hers, odd("four", user="bob"), BOB)
        await sql(api, "UPDATE file SET created_at = created_at - interval '9 seconds'")
        await kept.batch_of(file)
        going = await kept.claim()
        await kept.keep_until(going, lambda r: r.batch.status is BatchStatus.IN_PROGRESS)
        await erase(api, WHO)
        await kept.keep_until(going, is_running(5))
        assert await lines_of(api) == {1: True, 2: True, 3: True, 4: False, 5: False}
        batch = await kept.finish(going)
        assert batch["request_counts"] == {"total": 5, "completed": 1, "failed": 4}
        assert WHO.encode() not in await kept.content(batch["error_file_id"])

    run(settings, scenario)


def test_lines_that_a_cancelled_batch_never_reached_are_erased_too(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        file = await kept.upload(BOB, line(WHO, user=WHO), line("3", user="bob"))
        batch_id = await kept.batch_of(file, max_parallel=1)
        going = await kept.claim()
        await kept.keep_until(going, is_running(1))
        await api.http.post(f"/v1/batches/{batch_id}/cancel")
        await erase(api, WHO)
        batch = await kept.finish(await kept.claim())
        assert await lines_of(api) == {1: False, 2: True, 3: False}
        assert batch["status"] == "cancelled"
        assert batch["request_counts"]["total"] == 3
        assert list(await kept.told(batch["error_file_id"])) == ["erased-2", "3"]

    run(settings, scenario)


def test_a_line_that_is_too_long_for_a_request_goes_from_its_file(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        long = line("long", user=WHO, x="x" * 40_000)
        file = await kept.upload(BOB, long, BOB)
        await erase(api, WHO)
        await carry_out(api)
        content = await kept.content(file)
        assert (WHO.encode() in content, content.count(b"letter of bob")) == (False, 2)
        assert len(content) == len(long) + 2 * len(BOB)

    run(settings.model_copy(update={"max_body_bytes": 1024}), scenario)


async def lines_of(api: Served) -> dict[int, bool]:
    """Return which lines of batches say nothing any more, and see that they are empty."""
    rows = await sql(api, "SELECT * FROM batch_line ORDER BY line")
    for row in rows:
        if row.erased_by is not None:
            assert (row.custom_id, row.answer) == (f"erased-{row.line}", None)
    return {row.line: row.erased_by is not None for row in rows}
