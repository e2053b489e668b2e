"""The order of the stages, and the loop that passes a job through them."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from infra.objectstore.store import ObjectStore
from schemas.errors import GenqError
from schemas.model_catalog import ModelServer
from worker.gate import Gate
from worker.pipeline.job_run import JobRun
from worker.pipeline.server_load import ServerLoad
from worker.pipeline.stages.admit import Admit
from worker.pipeline.stages.generate import Generate
from worker.pipeline.stages.route import Route
from worker.pipeline.stages.store import Store
from worker.providers.provider import Providers

log = structlog.get_logger()


class Stage(Protocol):
    """One step. It knows no other step, and fills one field of the run."""

    @property
    def name(self) -> str:
        """How logs, traces and tests call it."""
        ...

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` and what this stage adds to it.

        Raises:
            GenqError: The attempt ends here.
        """
        ...


def build_stages(
    servers: Sequence[ModelServer], *, providers: Providers, store: ObjectStore, gate: Gate
) -> tuple[Stage, ...]:
    """Return the stages in their order, ready for any number of jobs at once.

    Args:
        servers: The configured model servers.
        providers: An open provider for each of them.
        store: Where pictures go.
        gate: Holds calls back that a server does not take now.
    """
    generate = Generate(providers, ServerLoad(servers), gate)
    return (Admit(), Route(servers), generate, Store(store))


async def run_stages(run: JobRun, stages: Sequence[Stage]) -> JobRun:
    """Pass ``run`` through every stage; the first exception ends the attempt.

    Raises:
        GenqError: A stage refused or failed in a way that the taxonomy knows.
        Exception: A stage has a fault; it is logged with its traceback before it travels on.
    """
    for stage in stages:
        try:
            run = await stage(run)
        except GenqError:
            raise
        except Exception:
            log.exception("stage_failed", stage=stage.name)
            raise
    return run
