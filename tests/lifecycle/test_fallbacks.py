"""A job whose model's server fails is served by another, in the same attempt, and says so."""

from collections.abc import Sequence
from pathlib import Path

from infra.objectstore.directory import DirectoryStore
from schemas.errors import ModelRateLimitedError, ModelUnavailableError
from schemas.generation import Kind
from schemas.job_states import AttemptOutcome, JobState
from schemas.model_catalog import ModelServer, ModelSpec
from tests.fixtures.fakes import MovedGate, PaintingProvider
from tests.fixtures.harness import MODEL, Harness
from worker.pipeline.run import build_stages
from worker.providers.provider import Providers


def serve(genq: Harness, folder: Path, *servers: ModelServer) -> dict[str, PaintingProvider]:
    """Let these servers do the work; return what stands behind each."""
    painters = {server.name: PaintingProvider() for server in servers}
    genq.settings = genq.settings.model_copy(update={"model_servers": servers})
    genq.gate = MovedGate(*painters)
    genq.stages = build_stages(
        servers,
        providers=Providers(painters),
        store=DirectoryStore(folder / "objects"),
        gate=genq.gate,
    )
    return painters


def server(name: str, model: str, fallbacks: Sequence[str] = ()) -> ModelServer:
    spec = ModelSpec(name=model, kind=Kind.IMAGE, fallbacks=tuple(fallbacks))
    return ModelServer(name=name, base_url="http://painter.invalid/v1", models=(spec,))


def test_a_stand_in_serves_the_job_in_the_same_attempt_and_is_named(
    genq: Harness, tmp_path: Path
) -> None:
    painters = serve(
        genq, tmp_path, server("first", MODEL, ["large"]), server("second", "large")
    )
    painters["first"].failures.append(ModelUnavailableError("503"))
    job_id = genq.submit()

    genq.run_until_idle()

    job = genq.job(job_id)
    assert (job.state, job.model, job.attempts) == (JobState.SUCCEEDED, MODEL, 1)
    assert genq.outcomes(job_id) == [AttemptOutcome.OK]
    assert [call.model for call in painters["second"].calls] == ["large"]
    kept = genq.sql("SELECT body FROM result")[0].body
    assert kept["served_by"] == {"model": "large", "server": "second"}


def test_a_job_whose_every_server_is_at_its_limit_comes_back_when_the_first_reopens(
    genq: Harness, tmp_path: Path
) -> None:
    servers = [server("first", MODEL), server("second", MODEL)]
    painters = serve(genq, tmp_path, *servers)
    for name, minutes in (("first", 10), ("second", 1)):
        painters[name].failures.append(
            ModelRateLimitedError("429", retry_after=minutes * genq.settings.retry_base)
        )
    job_id = genq.submit()

    genq.run_until_idle()
    genq.advance(1.2 * genq.settings.retry_base)
    genq.run_until_idle()

    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.outcomes(job_id) == [AttemptOutcome.RATE_LIMITED, AttemptOutcome.OK]
    # The one that is still closed was not called again.
    assert [len(painter.calls) for painter in painters.values()] == [1, 2]
