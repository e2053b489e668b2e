"""Answers are used again: the same question, the same tenant, and nothing in between."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from infra.objectstore.directory import DirectoryStore
from infra.postgres.cache import evict, kept
from infra.postgres.erase_content import erase_content
from producer.answer_cache import AnswerCache
from schemas.claim import Claim
from schemas.generation import Kind
from schemas.ids import parse_id
from schemas.job_states import JobState
from schemas.model_catalog import ModelSpec
from tests.fixtures.caching import CachingWorkers, HeldProvider
from tests.fixtures.harness import Harness
from tests.fixtures.sounds import tone
from worker.providers.audio import read_audio
from worker.providers.provider import Reply


@pytest.fixture
def workers(genq: Harness) -> Iterator[CachingWorkers]:
    made = CachingWorkers(genq)
    yield made
    made.close()


def cache_of(genq: Harness, job_id: str, tenant: str = "acme") -> dict[str, Any]:
    job = genq.job(job_id, tenant)
    assert job.state is JobState.SUCCEEDED, job.error
    return dict(job.made.get("cache") or {})


def test_a_picture_with_a_seed_is_made_once_and_each_job_has_its_own(
    genq: Harness, workers: CachingWorkers
) -> None:
    first = workers.ask()
    workers.run()
    second = workers.ask()
    workers.run()

    assert len(workers.provider.calls) == 1
    assert cache_of(genq, first) == {"status": "miss", "of": None}
    assert cache_of(genq, second) == {"status": "hit", "of": first}
    one, other = genq.job(first).artifacts[0], genq.job(second).artifacts[0]
    assert one.sha256 == other.sha256
    assert one.key != other.key
    assert genq.events(second) == ["job.succeeded"]
    assert genq.outcomes(second) == [1]


def test_another_parameter_is_another_question(workers: CachingWorkers) -> None:
    workers.ask()
    workers.run()
    others: list[dict[str, Any]] = [
        {"seed": 8},
        {"prompt": "a red kite "},
        {"n": 2},
        {"size": "64x64"},
        {"extra_body": {"steps": 4}},
    ]
    for different in others:
        workers.ask(**different)
    workers.run()

    assert len(workers.provider.calls) == 6


def test_nothing_is_shared_between_tenants(genq: Harness, workers: CachingWorkers) -> None:
    workers.ask(tenant="acme")
    workers.run()
    theirs = workers.ask(tenant="globex")
    workers.run()

    assert len(workers.provider.calls) == 2
    assert cache_of(genq, theirs, "globex") == {"status": "miss", "of": None}


def test_what_is_not_bound_to_come_out_the_same_is_made_again(
    genq: Harness, workers: CachingWorkers
) -> None:
    plain = workers.ask(seed=None)
    workers.run()
    workers.ask(seed=None)
    workers.run()

    assert len(workers.provider.calls) == 2
    assert cache_of(genq, plain) == {}
    assert genq.sql("SELECT 1 FROM cache_entry") == []
    assert genq.sql("SELECT 1 FROM flight") == []


def test_a_job_may_allow_it_and_a_job_may_refuse_it(
    genq: Harness, workers: CachingWorkers
) -> None:
    workers.ask(seed=None, job={"cache": "allow"})
    workers.run()
    again = workers.ask(seed=None, job={"cache": "allow"})
    workers.run()
    assert len(workers.provider.calls) == 1
    assert cache_of(genq, again)["status"] == "hit"

    workers.ask()
    workers.run()
    fresh = workers.ask(job={"cache": "off"})
    workers.run()
    assert len(workers.provider.calls) == 3
    assert cache_of(genq, fresh) == {}


class Speaking(HeldProvider):
    """A model that speaks."""

    async def generate(self, claim: Claim) -> Reply:
        """Speak."""
        self.calls.append(claim)
        return Reply(audio=read_audio(tone(), wanted="wav", server="painter"))


def test_a_sound_is_used_again_where_its_job_allows_it(genq: Harness) -> None:
    (server,) = genq.settings.model_servers
    speaks = server.model_copy(
        update={"models": (ModelSpec(name="test-speech", kind=Kind.SPEECH),)}
    )
    genq.settings = genq.settings.model_copy(update={"model_servers": (speaks,)})
    workers = CachingWorkers(genq)
    workers.provider = Speaking()

    def ask(**more: Any) -> str:
        # A new process has nothing in memory: it reads what was stored.
        workers.restart()
        job = workers.ask(kind=Kind.SPEECH, input="A kite.", voice="alloy", job=more)
        workers.run()
        return job

    first, again = ask(cache="allow"), ask(cache="allow")
    usual = ask()
    workers.close()

    assert len(workers.provider.calls) == 2
    assert cache_of(genq, again) == {"status": "hit", "of": first}
    assert cache_of(genq, usual) == {}
    one, other = genq.job(first).artifacts[0], genq.job(again).artifacts[0]
    assert one.sha256 == other.sha256
    assert one.key != other.key
    assert (other.content_type, other.width) == ("audio/wav", None)


def test_hits_survive_a_restart(genq: Harness, workers: CachingWorkers) -> None:
    first = workers.ask()
    workers.run()
    workers.restart()
    second = workers.ask()
    workers.run()

    assert len(workers.provider.calls) == 1
    assert cache_of(genq, second) == {"status": "hit", "of": first}


def test_what_is_gone_is_a_miss_and_never_an_error(
    genq: Harness, workers: CachingWorkers
) -> None:
    losses = ("object", "erased", "damaged", "withheld", "old")
    first = [workers.ask(seed=seed) for seed, _ in enumerate(losses)]
    workers.run()
    workers.restart()
    for job, loss in zip(first, losses, strict=True):
        lose(genq, job, loss)
    second = [workers.ask(seed=seed) for seed, _ in enumerate(losses)]
    workers.run()

    assert len(workers.provider.calls) == 2 * len(losses)
    found = [cache_of(genq, job)["status"] for job in second]
    assert found == ["miss"] * len(losses)
    rows = genq.sql("SELECT job_id FROM cache_entry")
    assert {row.job_id for row in rows} == {parse_id("job", job) for job in second}


def lose(genq: Harness, job_id: str, how: str) -> None:
    key = parse_id("job", job_id)
    store, artifact = DirectoryStore(genq.objects), genq.job(job_id).artifacts[0]
    if how == "object":
        genq.do(store.delete(artifact.key))
    elif how == "damaged":
        genq.do(store.put(artifact.key, b"other bytes", "image/png"))
    elif how == "erased":
        genq.in_transaction(lambda c: erase_content(c, [key], prompts=True, results=True))
    elif how == "old":
        genq.sql("UPDATE cache_entry SET expires_at = now() WHERE job_id = :id", id=key)
    else:
        genq.sql(
            "INSERT INTO review_item (tenant_id, job_id, origin, stage, category, verdict,"
            " state, outcome) SELECT tenant_id, id, 'report', 'output', 'other', '{}', 1, 3"
            " FROM job WHERE id = :id",
            id=key,
        )


def test_an_erasure_takes_the_entry_with_it(genq: Harness, workers: CachingWorkers) -> None:
    first = workers.ask()
    workers.run()
    key = parse_id("job", first)
    genq.in_transaction(
        lambda c: erase_content(c, [key], prompts=True, results=True, person=True)
    )

    assert genq.sql("SELECT 1 FROM cache_entry") == []


def test_the_oldest_used_go_first_when_there_is_too_much(
    genq: Harness, workers: CachingWorkers
) -> None:
    jobs = [workers.ask(seed=seed) for seed in (1, 2, 3)]
    workers.run()
    workers.ask(seed=1)
    workers.run()
    genq.sql("UPDATE cache_entry SET bytes = 100")

    gone = genq.in_transaction(lambda c: evict(c, most=250, batch=10))

    assert gone == 1
    rows = genq.sql("SELECT job_id FROM cache_entry")
    left = {row.job_id for row in rows}
    assert parse_id("job", jobs[0]) in left
    assert len(left) == 2
    tenant = genq.tenant("acme").id
    found = genq.in_transaction(lambda c: kept(c, tenant))
    assert (found.entries, found.bytes, found.hits) == (2, 200, 1)
    workers.watch_over(150)
    assert len(genq.sql("SELECT 1 FROM cache_entry")) == 1
    genq.sql("UPDATE cache_entry SET expires_at = now() - :by", by=timedelta(hours=1))
    workers.watch_over(150)
    assert genq.sql("SELECT 1 FROM cache_entry") == []


def test_what_is_cleared_is_gone_and_what_was_under_way_is_not_kept(
    genq: Harness, workers: CachingWorkers
) -> None:
    workers.ask(seed=1)
    workers.run()
    under_way = workers.ask(seed=2)
    workers.provider.asked.clear()
    workers.provider.free.clear()
    workers.run_until(workers.provider.asked)
    tenant = genq.tenant("acme").id
    cache = AnswerCache(workers.engine, genq.settings)

    cleared = genq.do(cache.clear(tenant, "acme"))
    workers.provider.free.set()
    workers.run()

    assert cleared.entries == 1
    assert cache_of(genq, under_way)["status"] == "miss"
    assert genq.sql("SELECT 1 FROM cache_entry") == []
    again = workers.ask(seed=2)
    workers.run()
    assert cache_of(genq, again)["status"] == "miss"


def test_numbers_that_no_json_writer_takes_do_not_end_who_is_given_them(
    genq: Harness, workers: CachingWorkers
) -> None:
    first = workers.ask()
    workers.run()
    workers.restart()
    odd = '{"logprobs": [1e22, -1e400, 18446744073709551615]}'
    genq.sql("UPDATE result SET body = body || CAST(:odd AS jsonb)", odd=odd)
    second = workers.ask()
    workers.run()

    assert cache_of(genq, second) == {"status": "hit", "of": first}
    assert genq.job(second).made["logprobs"] == [1e22, None, 2**64 - 1]


def test_an_entry_counts_for_its_rows_even_if_its_answer_is_short(
    genq: Harness, workers: CachingWorkers
) -> None:
    first = workers.ask()
    workers.run()

    (entry,) = genq.sql("SELECT bytes FROM cache_entry")
    assert entry.bytes >= 1024 + genq.job(first).artifacts[0].bytes
