"""Stage 3: the call that everything else is about."""

from dataclasses import replace

from infra.telemetry.metrics import PROVIDER_REQUEST_SECONDS
from schemas.errors import InternalError
from worker.pipeline.job_run import JobRun
from worker.pipeline.server_load import ServerLoad
from worker.providers.provider import Providers


class Generate:
    """Calls the model server, as soon as it has a free place."""

    name = "generate"

    def __init__(self, providers: Providers, load: ServerLoad) -> None:
        self._providers = providers
        self._load = load

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``output``. Waiting for a place is part of the attempt's time.

        Args:
            run: Needs ``route``.

        Raises:
            GenqError: What the model server's failure means.
        """
        if run.route is None:
            raise InternalError("the job was not routed before its model was called")
        provider = self._providers.of(run.route)
        seconds = PROVIDER_REQUEST_SECONDS.labels(run.route.name, run.claim.kind.value)
        async with self._load.call(run.route):
            with seconds.time():
                output = await provider.generate(run.claim)
        return replace(run, output=output)
