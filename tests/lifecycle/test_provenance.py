"""Results are marked, known to the registry, and found again when the marks are gone."""

import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from infra.clock import SystemClock
from infra.pending import open_pending
from infra.provenance.opening import open_credentials
from infra.safety.policies import Policies
from infra.sealing import sealer_for
from producer.verification import Verifier
from schemas.job import Artifact, job_view
from schemas.job_states import JobState
from schemas.policy_limits import Limits
from tests.fixtures.harness import Harness
from tests.fixtures.judging import Seer, judge
from tests.fixtures.pictures import encoded, half, jpeg_50, scene
from worker.pipeline.run import build_stages
from worker.pipeline.stages.mark import open_mark
from worker.providers.picture import read_picture
from worker.providers.provider import Providers, Reply

SCENE = scene(3)


class Scenic:
    """A model that paints the same scene each time, and tells of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.text: str | None = None

    async def generate(self, claim: object) -> Reply:
        del claim
        return Reply((read_picture(self.data, server="painter"),), self.text)


@pytest.fixture
def painter(genq: Harness) -> Scenic:
    """The harness's model, with a stage that marks what it makes."""
    painter = Scenic(encoded(SCENE))
    policies = Policies(genq._engine, SystemClock())
    mark = open_mark(genq.settings, policies, SystemClock())
    genq.stages = build_stages(
        genq.settings.model_servers,
        providers=Providers({"painter": painter}),
        store=genq.store,
        gate=genq.gate,
        mark=mark,
    )
    return painter


def _verifier(genq: Harness) -> Verifier:
    return Verifier(genq._engine, open_credentials(genq.settings), Limits())


def _ask(genq: Harness, data: bytes, tenant: str = "acme") -> dict[str, Any]:
    owner = genq.tenant(tenant).id
    return genq.do(_verifier(genq).of_file(data, tenant_id=owner))


def _bytes(genq: Harness, artifact: Artifact) -> bytes:
    return (genq.objects / artifact.key).read_bytes()


def _records(genq: Harness) -> list[Any]:
    return genq.sql("SELECT * FROM provenance_record ORDER BY index")


def test_a_picture_is_handed_out_with_its_marks_and_found_without_them(
    genq: Harness, painter: Scenic
) -> None:
    """Its record is written with the job's end, and stays when the job's rows are gone."""
    job_id = genq.submit("a kite")
    genq.run_until_idle()
    job = genq.job(job_id)
    assert job.state is JobState.SUCCEEDED
    (artifact,) = job.artifacts
    data = _bytes(genq, artifact)
    assert len(data) == artifact.bytes
    assert Image.open(io.BytesIO(data)).tobytes() == SCENE.tobytes()
    told = _ask(genq, data)
    assert told["c2pa"]["state"] == "valid"
    assert told["c2pa"]["claims"]["unique_id"] == f"{job_id}.0"
    assert told["registry"]["match"] == "exact"
    view = job_view(job, "http://q")["output"]
    assert view["ai_generated"] is True
    assert view["artifacts"][0]["sha256"] == told["sha256"]

    genq.sql("DELETE FROM result")
    genq.sql("DELETE FROM payload")
    found = _ask(genq, encoded(jpeg_50(half(SCENE)), "JPEG", quality=50))
    assert found["c2pa"]["state"] == "none"
    assert found["registry"]["match"] == "near"
    assert found["registry"]["job_id"] == job_id
    assert _ask(genq, data, "globex")["registry"]["job_id"] is None


def test_a_text_is_known_from_twenty_words_on(genq: Harness, painter: Scenic) -> None:
    painter.text = " ".join(f"word{n}" for n in range(40))
    genq.submit()
    genq.run_until_idle()
    text, picture = _records(genq)
    assert (text.index, picture.index) == (-1, 0)
    assert text.simhash is not None
    assert picture.phash is not None
    found = genq.do(_verifier(genq).of_text(painter.text, tenant_id=genq.tenant("acme").id))
    assert found["registry"]["match"] == "exact"
    painter.text = "only a few words"
    genq.sql("DELETE FROM provenance_record")
    genq.submit()
    genq.run_until_idle()
    assert [record.index for record in _records(genq)] == [0]


def test_of_an_attempt_that_died_there_is_no_record(genq: Harness, painter: Scenic) -> None:
    """Only the attempt that ended its job is in the registry, once."""
    genq.submit()
    genq.release()
    with genq.worker_dies_after("mark"):
        genq.work_one()
    assert _records(genq) == []
    genq.silence_workers()
    genq.new_worker()
    genq.run_until_idle()
    genq.advance(timedelta(hours=1))
    genq.run_until_idle()
    (record,) = _records(genq)
    assert record.fence > 1


def test_a_file_that_cannot_be_signed_is_handed_out_all_the_same(
    genq: Harness, painter: Scenic
) -> None:
    """A damaged picture is its model server's; to lose the job would not mend it.

    (One that was cut off did not arrive whole, and is asked for again: ``read_picture``.)
    """
    whole = encoded(SCENE)
    middle = len(whole) // 2
    painter.data = whole[:middle] + bytes(2_000) + whole[middle + 2_000 :]
    job_id = genq.submit()
    genq.run_until_idle()
    job = genq.job(job_id)
    assert job.state is JobState.SUCCEEDED
    (record,) = _records(genq)
    assert record.phash is None


def test_a_held_picture_lies_in_quarantine_with_its_marks(
    genq: Harness, painter: Scenic
) -> None:
    """Should people let it pass, it is handed out as it lies there, and known from then on."""
    policies = Policies(genq._engine, SystemClock())
    judge(genq, Seer(), mark=open_mark(genq.settings, policies, SystemClock()))
    job_id = genq.submit("perhaps never [weapons_mass_harm 0.4]")
    genq.run_until_idle()
    job = genq.job(job_id)
    assert job.state is JobState.HELD
    (item,) = genq.sql("SELECT * FROM review_item")
    sealer = sealer_for(genq.settings)
    made = open_pending(sealer, job.tenant_id, job.id, bytes(item.pending))
    (artifact,), (mark,) = made.artifacts, made.marks
    assert artifact.key.startswith("quarantine/")
    assert mark.sha256 == artifact.sha256
    found = open_credentials(genq.settings).read(_bytes(genq, artifact), "image/png")
    assert found
    assert found.active_id == mark.manifest_id
    assert _records(genq) == []
