"""Stage 2: which model server does the work?"""

from collections.abc import Sequence
from dataclasses import replace

from schemas.errors import UnknownModelError
from schemas.model_catalog import ModelServer, servers_of
from worker.pipeline.job_run import JobRun
from worker.pipeline.server_load import ServerLoad


class Route:
    """Chooses, among the servers that offer the model, the one with the most room."""

    name = "route"

    def __init__(self, servers: Sequence[ModelServer], load: ServerLoad) -> None:
        self._servers = tuple(servers)
        self._load = load

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``route``.

        Raises:
            UnknownModelError: No configured server offers the model any more.
        """
        claim = run.claim
        offers = servers_of(self._servers, claim.model, claim.kind)
        if not offers:
            raise UnknownModelError(
                f"no configured model server offers {claim.model} for {claim.kind} jobs; "
                "submit the job again with a model that GET /v1/models lists"
            )
        return replace(run, route=self._load.least_loaded(offers))
