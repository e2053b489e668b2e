"""Stage 3: which models, on which servers, may do the work?"""

from collections.abc import Sequence
from dataclasses import replace

from schemas.errors import UnknownModelError
from schemas.model_catalog import ModelServer, offers_of
from worker.pipeline.job_run import JobRun


class Route:
    """Finds the servers that offer the job's model, and the models that may stand in for it."""

    name = "route"

    def __init__(self, servers: Sequence[ModelServer]) -> None:
        self._servers = tuple(servers)

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``offers``, its own model first.

        Raises:
            UnknownModelError: No configured server offers the model any more.
        """
        claim = run.claim
        offers = offers_of(self._servers, claim.model, claim.kind)
        if not offers or offers[0].model != claim.model:
            raise UnknownModelError(
                f"no configured model server offers {claim.model} for {claim.kind} jobs; "
                "submit the job again with a model that GET /v1/models lists"
            )
        return replace(run, offers=offers)
