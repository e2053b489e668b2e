"""A job of every kind, from its submit to its end, against the simulator."""

import base64
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from infra.clock import SystemClock
from infra.evidence import EvidenceKeeper
from infra.http.outbound import OutboundPolicy
from infra.new_ids import new_key
from infra.postgres.list_jobs import list_jobs
from infra.safety.detectors_in_order import Detectors
from infra.safety.moderation import Moderation
from infra.safety.moderator import Moderator
from infra.safety.policies import Policies
from infra.safety.reading import Reading
from infra.spool import open_spool
from producer.files import Files, NewFile
from producer.submit import Submitter
from schemas.embedding_vectors import floats_of
from schemas.errors import InputError
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import JobRecord, JobRequest, job_view
from schemas.job_filter import JobFilter
from schemas.job_states import JobState
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.safety import Finding, Medium, Stage
from schemas.stored_file import FilePurpose, FileRecord
from tests.fixtures.fakes import MovedGate, PaintingProvider
from tests.fixtures.harness import Harness
from tests.fixtures.judging import Frank, judge
from tests.fixtures.model_server import png
from tests.fixtures.simulation import Simulation, simulation
from worker.pipeline.picture_sources import StoredPictures
from worker.pipeline.run import Checks, build_stages
from worker.providers.opening import open_providers
from worker.providers.provider import Reply

NOW: Final = SystemClock().now()
BAD: Final = "a bad thing [violence 0.9]"
MODELS: Final = (
    ("sim-image-1", Kind.IMAGE),
    ("sim-chat-1", Kind.CHAT),
    ("sim-embedding-1", Kind.EMBEDDING),
    ("sim-chat-1", Kind.COMPLETION),
    ("sim-image-1", Kind.IMAGE_EDIT),
    ("sim-speech-1", Kind.SPEECH),
)
PNG: Final = "data:image/png;base64," + base64.b64encode(png()).decode()


class Watchful(Frank):
    """Finds violence in every picture of an input that is blue."""

    stages = frozenset({Stage.PROMPT})
    media = frozenset({Medium.IMAGE})

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Find."""
        shown = reading.subject.picture
        assert shown is not None
        blue = shown.data == png("blue")
        return [Finding(self.name, "1", "violence", 0.9)] if blue else []


@pytest.fixture
def simulated(genq: Harness) -> Iterator[Simulation]:
    """A harness whose models are the simulator's, and whose checks say what texts say."""
    scene = simulation()
    running = genq.do(scene.__aenter__())
    specs = tuple(ModelSpec(name=name, kind=kind) for name, kind in MODELS)
    server = ModelServer(name="painter", base_url=f"{running.url}/v1", models=specs)
    genq.settings = genq.settings.model_copy(update={"model_servers": (server,)})
    clock, engine = SystemClock(), genq._engine

    async def opened() -> Any:
        return await open_providers(
            [server], policy=OutboundPolicy(), clock=clock, silence=timedelta(seconds=20)
        )

    providers = genq.do(opened())
    moderator = Moderator(Detectors(models=(Frank(), Watchful("Eyes"))), clock)
    moderation = Moderation(moderator, Policies(engine, clock))
    genq.stages = build_stages(
        [server],
        providers=providers,
        store=genq.store,
        gate=MovedGate("painter"),
        checks=Checks(moderation, EvidenceKeeper(engine, genq.settings)),
        sources=StoredPictures(engine, genq.store, most=100_000),
    )
    genq._submitter = Submitter(engine, genq.settings, genq._doorbells)
    yield running
    genq.do(providers.close())
    genq.do(scene.__aexit__(None, None, None))


def run(genq: Harness, kind: Kind, **given: Any) -> JobRecord:
    tenant = genq.tenant("acme")
    wanted = JobRequest.model_validate({"kind": kind, "input": given})
    job_id = format_id("job", genq.do(genq._submitter.submit(tenant, wanted)).job.id)
    genq.run_until_idle()
    return genq.job(job_id)


def upload(genq: Harness, data: bytes, tenant: str = "acme") -> str:
    """Store a picture as the API does: sealed."""
    files, owner = Files(genq._engine, genq.store, genq.settings), genq.tenant(tenant).id

    async def store() -> FileRecord:
        async with open_spool(genq.settings) as spool:
            await spool.add(data)
            wanted = NewFile(FilePurpose.VISION, "kite.png", "image/png")
            return await files.create(owner, wanted, spool)

    file = genq.do(store())
    assert file.key is not None
    return format_id("file", file.id)


def test_a_job_of_every_kind_ends_with_what_it_asked_for(
    genq: Harness, simulated: Simulation
) -> None:
    del simulated
    vectors = run(genq, Kind.EMBEDDING, input=["a kite", "the sea"], dimensions=8)
    assert vectors.state is JobState.SUCCEEDED
    assert [len(floats_of(one)) for one in vectors.made["embeddings"]] == [8, 8]
    assert (
        job_view(vectors, "", whole=True)["output"]["embeddings"] == vectors.made["embeddings"]
    )
    assert job_view(vectors, "")["output"]["embeddings"] is None
    # Large ones do not travel with pages of jobs.
    large = run(genq, Kind.EMBEDDING, input=["a kite"] * 50, dimensions=1024)
    assert len(large.made["embeddings"]) == 50
    tenant = genq.tenant("acme").id
    page = genq.in_transaction(lambda c: list_jobs(c, tenant, JobFilter(), limit=10))
    assert [bool(job.made) for job in page] == [False, True]
    assert {job.content for job in page} == {"kept"}
    text = run(genq, Kind.COMPLETION, prompt=["A kite is", "The sea is"], max_tokens=3)
    assert text.text == text.made["choices"][0]["text"]
    assert len(job_view(text, "", whole=True)["output"]["texts"]) == 2
    talk = run(genq, Kind.CHAT, messages=[{"role": "user", "content": "kites?"}], n=2)
    assert len({choice["text"] for choice in talk.made["choices"]}) == 2
    picture = run(genq, Kind.IMAGE, prompt="a kite", size="64x64")
    (made,) = picture.artifacts
    source = f"{format_id('job', picture.id)}/0"
    edits = run(
        genq, Kind.IMAGE_EDIT, prompt="bluer", images=[source, upload(genq, png()), PNG], n=2
    )
    assert [(one.width, one.height) for one in edits.artifacts] == [(made.width, 64)] * 2
    # The input is kept as it was sent.
    assert edits.input["images"][0] == source
    again = run(genq, Kind.IMAGE_EDIT, prompt="bluer", images=[PNG], mask=PNG)
    assert again.artifacts[0].sha256 != edits.artifacts[0].sha256


def test_a_speech_job_ends_with_a_file(genq: Harness, simulated: Simulation) -> None:
    asked = {"input": "a kite", "voice": "alloy", "response_format": "wav"}
    speech = run(genq, Kind.SPEECH, **asked)
    (sound,) = speech.artifacts
    assert (sound.content_type, sound.width, speech.text) == ("audio/wav", None, None)
    assert sound.key.endswith(".0.wav")


def test_a_picture_that_cannot_be_edited_is_named(genq: Harness, simulated: Simulation) -> None:
    del simulated
    genq.tenant("other")
    unfinished = genq.submit("a kite", run_at=NOW + timedelta(hours=1))
    made = run(genq, Kind.IMAGE, prompt="a kite", size="64x64")
    wrong = {
        upload(genq, png(), tenant="other"): "is not there",
        upload(genq, b"no picture"): "is no PNG",
        upload(genq, b"x" * 100_001): "is too large",
        f"{unfinished}/0": "is not made",
        f"{format_id('job', made.id)}/7": "made 1 pictures",
        f"{format_id('job', new_key())}/0": "is not there",
        "data:image/png;base64,AAAA": "is no PNG",
    }
    for reference, why in wrong.items():
        job = run(genq, Kind.IMAGE_EDIT, prompt="bluer", images=[PNG, reference])
        assert (job.state, job.attempts) == (JobState.FAILED, 1)
        assert job.error is not None
        assert job.error["code"] == InputError.code
        assert "/input/images/1 " in job.error["message"]
        assert why in job.error["message"]


def test_what_is_asked_of_every_kind_is_judged_before_a_model_sees_it(
    genq: Harness, simulated: Simulation
) -> None:
    blue = upload(genq, png("blue"))
    asked: list[tuple[Kind, dict[str, Any]]] = [
        (Kind.EMBEDDING, {"input": ["fine", BAD]}),
        (Kind.EMBEDDING, {"input": BAD}),
        (Kind.SPEECH, {"input": BAD, "voice": "alloy"}),
        (Kind.SPEECH, {"input": "fine", "voice": "alloy", "instructions": BAD}),
        (Kind.COMPLETION, {"prompt": ["fine", BAD]}),
        (Kind.COMPLETION, {"prompt": "fine", "suffix": BAD}),
        (Kind.IMAGE_EDIT, {"prompt": BAD, "images": [PNG]}),
        (Kind.IMAGE_EDIT, {"prompt": "fine", "images": [PNG, blue]}),
        (Kind.IMAGE_EDIT, {"prompt": "fine", "images": [PNG], "mask": blue}),
        (Kind.CHAT, {"messages": [{"role": "assistant", "refusal": BAD}]}),
    ]
    for kind, given in asked:
        assert run(genq, kind, **given).state is JobState.BLOCKED, (kind, given)
    assert simulated.service.calls.total == 0


class Saying(PaintingProvider):
    """A model that says what it is told to."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply

    async def generate(self, claim: Any) -> Reply:
        """Say it."""
        self.calls.append(claim)
        return self.reply


def test_every_choice_is_judged_before_a_caller_sees_one(genq: Harness) -> None:
    fine: dict[str, Any] = {"text": "fine", "finish_reason": "stop"}
    asked = JobRequest(kind=Kind.IMAGE, input={"prompt": "talk"})
    worst: list[dict[str, Any]] = [
        {**fine, "text": BAD},
        {**fine, "message": {"refusal": BAD}},
    ]
    for worse in worst:
        genq.provider = Saying(Reply(text="fine", details={"choices": [fine, worse]}))
        judge(genq)
        tenant = genq.tenant("acme")
        key: UUID = genq.do(genq._submitter.submit(tenant, asked)).job.id
        genq.run_until_idle()
        assert genq.job(format_id("job", key)).state is JobState.BLOCKED
        assert genq.provider.calls
