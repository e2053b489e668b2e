"""A person who is erased is gone from the files of batches as well, and nobody else is."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest

from infra.audit_bytes import key_of
from infra.clock import SystemClock
from infra.settings import Settings
from producer.audit.verification import verify
from producer.batches.ending import end, end_of
from producer.batches.outputs import OutputWriter
from producer.batches.patience import Patience
from producer.cancel import Canceller
from producer.privacy.erasure_walk import ErasureWalk
from schemas.batch import BatchStatus
from schemas.errors import ObjectMissingError, ObjectStoreError
from schemas.ids import format_id, parse_id
from tests.api.kept_lines import Kept, is_running, line
from tests.api.people import (
    ANSWER,
    ERASURES,
    SECRET,
    as_admin,
    carry_out,
    erase,
    hold,
    sql,
)
from tests.api.served import Served, new_key, run

WHO = "ada@example.org"
GONE = "content_erased"
ADA = line(f"letter of {WHO}", user=WHO)
BOB = line("letter of bob", user="bob")
# One that is refused: it is a line of hers all the same.
ODD = line(f"{WHO} again", safety_identifier=WHO, temperature=99, service_tier="gold")


def answer_in(body: Any) -> str:
    return body["choices"][0]["message"]["content"]


async def jobs_of(api: Served, who: str) -> int:
    rows = await sql(api, "SELECT 1 FROM job WHERE end_user = :who", who=who)
    return len(rows)


async def record(api: Served) -> dict[str, Any]:
    return (await api.http.get(ERASURES)).json()["data"][0]


async def erased_batch(api: Served) -> tuple[Kept, dict[str, Any]]:
    """Return a batch that has ended, two of whose five lines are not hers."""
    kept = Kept(api)
    first = line("first", genq={"end_user": WHO}, user="bob")
    batch = await kept.finished(b"\n", ADA, BOB, ODD, first)
    before = await kept.content(batch["output_file_id"])
    assert before.count(ANSWER.encode()) == 3
    size = len(await kept.content(batch["input_file_id"]))
    await erase(api, WHO)
    await carry_out(api)
    assert len(await kept.content(batch["input_file_id"])) == size
    return kept, batch


def test_an_erased_person_is_gone_from_what_batches_read_and_wrote(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        kept, batch = await erased_batch(api)
        read = (await kept.content(batch["input_file_id"])).split(b"\n")
        left = b'{"genq":"erased"}'
        assert [one.strip() for one in read] == [b"", left, BOB.strip(), left, left, b""]
        wrote = await kept.told(batch["output_file_id"])
        assert list(wrote) == ["erased-2", "letter of bob", "erased-5"]
        assert (wrote["erased-2"], wrote["erased-5"]) == (GONE, GONE)
        assert answer_in(wrote["letter of bob"]) == ANSWER
        assert await kept.told(batch["error_file_id"]) == {"erased-4": GONE}

        page = await api.http.get(f"/v1/batches/{batch['id']}/results")
        lines = [orjson.loads(one) for one in page.text.splitlines()]
        told = {one["custom_id"]: one["error"] and one["error"]["code"] for one in lines}
        gone = {f"erased-{n}": GONE for n in (2, 4, 5)}
        assert told == gone | {"letter of bob": None}
        shown = await api.http.get(f"/v1/batches/{batch['id']}")
        assert shown.json()["request_counts"] == batch["request_counts"]
        assert WHO not in page.text + shown.text

    run(settings, scenario)


def test_an_erasure_tells_which_files_were_written_anew_and_the_record_stays_sound(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept, batch = await erased_batch(api)
        files = [batch[f"{name}_file_id"] for name in ("input", "output", "error")]
        asked = await record(api)
        assert (asked["status"], sorted(asked["files"])) == ("done", sorted(files))
        assert asked["counts"] == {"jobs": 2, "objects": 0, "held": 0}
        verdict = await verify(api.services.engine, api.services.store, key_of(settings))
        assert verdict.faults == []
        entry = (await api.http.get("/v1/audit")).json()["data"][0]
        assert (entry["action"], entry["detail"]["files"]) == ("erasure.done", 3)

        # It was stored open, and what was there before is there no more.
        await kept.sweep()
        stored = kept.stored()
        assert WHO.encode() not in stored
        assert stored.count(SECRET.encode()) == 1

    run(settings.model_copy(update={"encrypt_content": False}), scenario)


def test_a_line_whose_job_is_on_hold_stays_in_every_file_and_goes_when_it_is_released(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        admin, kept = await as_admin(api), Kept(api)
        batch = await kept.finished(ADA, line("two", user=WHO), BOB)
        ((job,), *_) = await sql(api, "SELECT job_id FROM batch_line ORDER BY line")
        of_job = await hold(api, admin, job_id=format_id("job", job))
        await erase(api, WHO)
        await carry_out(api)
        assert (await kept.content(batch["input_file_id"])).startswith(ADA)
        wrote = await kept.told(batch["output_file_id"])
        assert list(wrote) == [f"letter of {WHO}", "erased-2", "letter of bob"]
        assert answer_in(wrote[f"letter of {WHO}"]) == ANSWER

        await api.http.delete(f"/v1/admin/legal_holds/{of_job}", headers=admin)
        await erase(api, WHO)
        await carry_out(api)
        assert WHO.encode() not in await kept.content(batch["input_file_id"])
        wrote = await kept.told(batch["output_file_id"])
        assert list(wrote) == ["erased-1", "erased-2", "letter of bob"]
        assert len((await record(api))["files"]) == 2

    run(settings, scenario)


def test_lines_that_were_not_read_yet_never_become_jobs_and_the_batch_goes_on(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        lines = [line(f"{who} {n}", user=who) for n in range(3) for who in (WHO, "bob")]
        file = await kept.upload(*lines)
        await kept.batch_of(file, max_parallel=1)
        going = await kept.claim()
        await kept.keep_until(going, is_running(1))
        stale = await kept.claim()
        assert stale.batch.lines_read == 1
        await stale.step()
        await erase(api, WHO)

        # Before the file is written anew: her lines are told apart as they are read.
        await kept.keep_until(stale, is_running(3), answering=True)
        assert await jobs_of(api, WHO) == 1
        await carry_out(api)
        await kept.sweep()
        batch = await kept.finish(stale)
        assert batch["request_counts"] == {"total": 6, "completed": 3, "failed": 3}
        assert list(await kept.told(batch["output_file_id"])) == ["bob 0", "bob 1", "bob 2"]
        assert await kept.told(batch["error_file_id"]) == {
            "erased-1": GONE, "erased-3": GONE, "erased-5": GONE
        }  # fmt: skip

        # The file is in order all the same: another batch can be made of it.
        await kept.batch_of(file)
        again = await kept.finish(await kept.claim())
        assert (again["status"], again["request_counts"]["failed"]) == ("completed", 3)
        assert await jobs_of(api, WHO) == 0

    run(settings, scenario)


def test_who_comes_back_after_the_erasure_and_who_is_of_another_tenant_is_not_touched(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        old = await kept.upload(ADA)
        await erase(api, WHO)
        await sql(api, "UPDATE erasure SET asked_at = asked_at - interval '3 seconds'")
        await sql(api, "UPDATE subject_key SET erased_at = erased_at - interval '3 seconds'")
        await sql(api, "UPDATE file SET created_at = created_at - interval '4 seconds'")
        new = await kept.upload(ADA)
        stranger = await new_key(api.services, "globex")
        theirs = Kept(api)
        api.http.headers["Authorization"] = f"Bearer {stranger}"
        other = await theirs.upload(ADA)
        await sql(
            api,
            "UPDATE file SET created_at = created_at - interval '9 seconds' WHERE id = :id",
            id=parse_id("file", other),
        )
        await carry_out(api)
        assert await theirs.content(other) == ADA
        api.http.headers["Authorization"] = f"Bearer {api.key}"
        assert await kept.content(new) == ADA
        assert WHO.encode() not in await kept.content(old)
        await kept.batch_of(new)
        batch = await kept.finish(await kept.claim())
        assert list(await kept.told(batch["output_file_id"])) == [f"letter of {WHO}"]

    run(settings, scenario)


def test_who_is_erased_while_a_batch_writes_its_files_is_not_in_them(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        await kept.batch_of(await kept.upload(ADA, BOB))
        going = await kept.claim()
        await kept.keep_until(going, is_running(2))
        await kept.answer()
        await kept.keep_until(going, lambda r: r.batch.status is BatchStatus.FINALIZING)
        writer = OutputWriter(kept.parts, going.batch, Patience(SystemClock(), timedelta(0)))
        made = await writer.write()
        await erase(api, WHO)
        await carry_out(api)
        assert (await record(api))["status"] == "done"
        with pytest.raises(ObjectMissingError, match="erased meanwhile"):
            await end(kept.parts, going.kept, end_of(going.batch, made), made)
        await writer.abandon()

        batch = await kept.finish(going)
        assert list(await kept.told(batch["output_file_id"])) == ["letter of bob"]
        assert await kept.told(batch["error_file_id"]) == {"erased-1": GONE}

    run(settings, scenario)


def test_a_rewriting_that_fails_leaves_the_file_whole_and_is_done_again(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        batch = await kept.finished(ADA, BOB)
        before = await kept.content(batch["input_file_id"])
        services = api.services

        class Full:
            """Gives, and takes nothing."""

            get, delete = services.store.get, services.store.delete

            async def put_file(self, key: str, source: Any, content_type: str) -> None:
                raise ObjectStoreError(f"{key}: not today")

        full: Any = Full()
        canceller = Canceller(services.engine, services.settings, services.doorbells)
        broken = ErasureWalk(services.engine, services.settings, full, canceller)
        await erase(api, WHO)
        with pytest.raises(ObjectStoreError):
            await carry_out(api, broken)
        assert await kept.content(batch["input_file_id"]) == before
        await kept.sweep()

        # Two at once after that: each file is written once, and nothing is left beside it.
        await asyncio.gather(carry_out(api), carry_out(api))
        await carry_out(api)
        assert len((await record(api))["files"]) == 2
        assert WHO.encode() not in await kept.content(batch["input_file_id"])
        await kept.sweep()
        assert (await sql(api, "SELECT count(*) FROM file"))[0][0] == 2

    run(settings, scenario)


def test_a_file_that_is_on_its_way_is_waited_for_but_not_without_end(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        kept = Kept(api)
        file = await kept.upload(ADA)
        await sql(api, "UPDATE file SET deleted_at = now() + interval '1 hour'")
        await erase(api, WHO)
        await carry_out(api)
        assert (await record(api))["status"] == "waiting"
        await sql(api, "UPDATE file SET deleted_at = NULL")
        await carry_out(api)
        assert (await record(api))["files"] == [file]
        await kept.sweep()

        await sql(api, "UPDATE file SET deleted_at = now() + interval '1 hour'")
        await erase(api, WHO)
        await carry_out(api)
        assert (await record(api))["status"] == "waiting"
        await sql(api, "UPDATE erasure SET asked_at = asked_at - interval '10 minutes'")
        await sql(api, "UPDATE file SET created_at = created_at - interval '10 minutes'")
        await carry_out(api)
        assert (await record(api))["status"] == "done"
        assert (await sql(api, "SELECT deleted_at <= now() FROM file"))[0][0]

    run(settings, scenario)
