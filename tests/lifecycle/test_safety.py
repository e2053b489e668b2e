"""Safety in the life of a job: what is blocked costs nothing, what is held waits for people."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from infra.evidence import texts_of
from infra.pending import open_pending
from infra.postgres.evidence import evidence_of
from infra.sealing import sealer_for
from schemas.ids import parse_id
from schemas.job import JobRecord, job_view
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness
from tests.fixtures.judging import Faulty, Frank, Seer, judge

BAD = "a bad thing [violence 0.9]"
DOUBTFUL = "a doubtful thing [doubt 0.5]"
NEVER = "what is never made [sexual_minors 0.9]"
PERHAPS_NEVER = "perhaps never [weapons_mass_harm 0.4]"


def _live(genq: Harness, job_id: str) -> Any:
    rows = genq.sql("SELECT * FROM live WHERE job_id = :id", id=parse_id("job", job_id))
    return rows[0] if rows else None


def _items(genq: Harness, job_id: str) -> list[Any]:
    return genq.sql("SELECT * FROM review_item WHERE job_id = :id", id=parse_id("job", job_id))


def _run(genq: Harness, prompt: str, **request: Any) -> JobRecord:
    job_id = genq.submit(prompt, **request)
    genq.run_until_idle()
    return genq.job(job_id)


def test_a_blocked_prompt_ends_without_a_call_of_any_model(genq: Harness) -> None:
    """Its owner learns why, of the job and by the event; what it said is kept sealed."""
    judge(genq)
    webhook = {"url": "https://example.com/hook", "events": ["job.blocked"]}
    job = _run(genq, BAD, end_user="ada", webhook=webhook)
    assert job.state is JobState.BLOCKED
    assert genq.provider.calls == []
    assert job.error is not None
    assert job.error["code"] == "content_blocked"
    view = job_view(job, "http://q")["safety"]
    assert view["verdict"] == "block"
    assert view["reasons"][0]["rule"] == "categories.violence"
    assert view["appeal_url"].endswith("/appeal")
    (event,) = genq.sql("SELECT type, body FROM outbox WHERE kind = 1")
    told = orjson.loads(event.body)["data"]
    assert event.type == "job.blocked"
    assert told["safety"] == view | {"appeal_url": told["safety"]["appeal_url"]}
    assert told["safety"]["appeal_url"].endswith(f"{told['id']}/appeal")
    (attempt,) = genq.sql("SELECT outcome, checks FROM attempt")
    assert attempt.outcome == AttemptOutcome.BLOCKED
    assert attempt.checks["prompt"]["verdict"] == "block"
    (kept,) = genq.in_transaction(lambda c: evidence_of(c, job.tenant_id, job.id))
    assert BAD.encode() not in kept.body
    assert texts_of(sealer_for(genq.settings), kept)[0]["text"] == BAD
    assert len(genq.sql("SELECT 1 FROM safety_strike")) == 1


def test_what_no_policy_allows_ends_at_the_door(genq: Harness) -> None:
    """It was never queued; the same request again is the same job, and no further strike."""
    judge(genq)
    genq.tenant("acme")
    genq.sql("UPDATE tenant SET safety_level = 'off'")
    first = genq.submit(NEVER, key="k", end_user="ada")
    assert genq.submit(NEVER, key="k", end_user="ada") == first
    assert _live(genq, first) is None
    job = genq.job(first)
    assert (job.state, job.attempts) == (JobState.BLOCKED, 0)
    assert job.verdict is not None
    assert job.verdict["violations"] == ["sexual_minors"]
    assert genq.events(first) == ["job.blocked"]
    assert len(genq.sql("SELECT 1 FROM safety_strike")) == 1
    assert len(genq.sql("SELECT 1 FROM safety_evidence")) == 1
    genq.run_until_idle()
    assert genq.provider.calls == []
    assert genq.outcomes(first) == []


def test_a_doubtful_floor_waits_for_a_person_from_the_start(genq: Harness) -> None:
    """No dispatcher takes it; it keeps its place, and it is in the hands of two people."""
    judge(genq)
    job_id = genq.submit(PERHAPS_NEVER, priority=3)
    genq.run_until_idle()
    job = genq.job(job_id)
    assert (job.state, job.waiting_on, job.priority) == (JobState.HELD, "review", 3)
    (item,) = _items(genq, job_id)
    assert (item.category, item.needs, item.holds) == ("weapons_mass_harm", 2, True)
    assert item.due_at - item.created_at == timedelta(hours=4)
    live = _live(genq, job_id)
    assert (live.state, live.hold, live.attempt) == (0, 1, 0)
    assert genq.provider.calls == []


@pytest.fixture
def reviewing(genq: Harness) -> Harness:
    """A harness whose policy lets people decide about what is doubtful."""
    judge(genq)
    genq.tenant("acme")
    document = {
        "policy": "acme",
        "categories": {"doubt": {"flag": 0.3, "review": 0.4, "block": 0.9}},
    }
    genq.sql(
        """INSERT INTO safety_policy (tenant_id, version, document, digest, created_by,
             activated_at)
           SELECT id, 1, CAST(:document AS jsonb), '', 'test', now() FROM tenant""",
        document=orjson.dumps(document).decode(),
    )
    return genq


def _stored(genq: Harness) -> list[str]:
    root = genq.objects
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))


def test_a_withheld_output_is_nowhere(genq: Harness) -> None:
    """Not in the store, not in the ledger, not in the event; its owner learns why."""
    judge(genq, Seer())
    job = _run(genq, BAD)
    assert len(genq.provider.calls) == 1
    assert job.state is JobState.BLOCKED
    assert job.error is not None
    assert job.error["code"] == "output_withheld"
    assert _stored(genq) == []
    assert genq.sql("SELECT 1 FROM result") == []
    assert job.verdict is not None
    assert job.verdict["stage"] == "output"


def test_a_held_output_waits_sealed_where_no_route_leads(reviewing: Harness) -> None:
    """What the model made is kept whole for the day on which a person lets it pass."""
    genq = reviewing
    judge(genq, Seer())
    job = _run(genq, DOUBTFUL)
    assert job.state is JobState.HELD
    assert job.artifacts == []
    (key,) = _stored(genq)
    assert key.startswith("quarantine/")
    (item,) = genq.sql("SELECT * FROM review_item")
    assert item.stage == "output"
    sealed = bytes(item.pending)
    made = open_pending(sealer_for(genq.settings), job.tenant_id, job.id, sealed)
    assert [artifact.key for artifact in made.artifacts] == [key]
    assert (made.attempt, made.fence) == (1, 1)
    assert genq.sql("SELECT 1 FROM result") == []


def test_a_detector_that_fails_ends_no_job(genq: Harness) -> None:
    """The job goes on, and its record says that not all of it was looked at."""
    judge(genq, Faulty())
    assert _run(genq, BAD).state is JobState.SUCCEEDED
    (attempt,) = genq.sql("SELECT checks FROM attempt")
    assert attempt.checks["prompt"]["coverage"] == "partial"
    assert attempt.checks["prompt"]["detectors"][0]["note"] == "failed"


def test_a_held_job_keeps_its_place_and_is_not_held_again(reviewing: Harness) -> None:
    """Its slot is free at once, its attempt is told, and an approved prompt goes its way."""
    genq = reviewing
    job = _run(genq, DOUBTFUL, priority=2)
    assert (job.state, job.waiting_on) == (JobState.HELD, "review")
    rows = genq.sql("SELECT outcome, checks FROM attempt")
    assert [row.outcome for row in rows] == [AttemptOutcome.HELD]
    assert rows[0].checks["prompt"]["verdict"] == "review"
    (item,) = genq.sql("SELECT * FROM review_item")
    assert (item.stage, item.category, item.needs, item.pending) == ("prompt", "doubt", 1, None)
    (live,) = genq.sql("SELECT * FROM live")
    assert (live.priority, live.session_id, live.failures) == (2, None, 0)
    # A person lets it pass.
    genq.sql("UPDATE payload SET body = body || '{\"reviewed\": true}'")
    genq.sql("UPDATE live SET state = 2, hold = NULL")
    genq.sql("UPDATE flow SET active = true")
    genq.run_until_idle()
    job = genq.job(_id(job))
    assert job.state is JobState.SUCCEEDED
    assert job.verdict is not None
    assert job.verdict["verdict"] == "flag"
    assert len(genq.provider.calls) == 1


def _id(job: JobRecord) -> str:
    return str(job_view(job, "")["id"])


def test_two_workers_that_hold_the_same_job_hold_it_once(reviewing: Harness) -> None:
    """The one that lost its claim writes nothing; nobody is asked twice."""
    genq = reviewing
    genq.submit(DOUBTFUL)
    genq.release()
    pointer = genq.sent.popleft()
    with genq.worker_dies_after("admit"):
        genq.work(pointer)
    genq.silence_workers()
    genq.new_worker()
    genq.reap()
    genq.run_until_idle()
    genq.work(pointer)
    assert len(genq.sql("SELECT 1 FROM review_item")) == 1
    outcomes = [row.outcome for row in genq.sql("SELECT outcome FROM attempt ORDER BY fence")]
    assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.HELD]


def test_personal_data_is_taken_out_before_a_model_sees_it(genq: Harness) -> None:
    """What was submitted stays as it was."""
    judge(genq, Frank("PersonalDataFilter"))
    prompt = "write to [pii.email 0.9] please"
    job = _run(genq, prompt)
    assert job.state is JobState.SUCCEEDED
    assert genq.provider.calls[0].input["prompt"] == "write to [EMAIL] please"
    assert job.input["prompt"] == prompt
    assert job.verdict is not None
    assert job.verdict["verdict"] == "flag"


def test_evidence_of_one_person_is_five_texts_an_hour(genq: Harness) -> None:
    """Of more only digests are kept."""
    judge(genq)
    for n in range(7):
        genq.submit(f"{NEVER} {n}", end_user="ada")
    bodies = [row.body for row in genq.sql("SELECT body FROM safety_evidence ORDER BY at")]
    assert [bool(body) for body in bodies] == [True] * 5 + [False] * 2
