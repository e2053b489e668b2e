"""Stage 4: the call that everything else is about."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from infra.telemetry.metrics import FALLBACKS
from schemas.claim import Claim
from schemas.errors import GenqError, InternalError
from schemas.model_catalog import ModelServer
from worker.call_counts import CANCELLED, OK, CallCounts
from worker.gate import Gate
from worker.pipeline.fallback import another_model_may, another_server_may
from worker.pipeline.job_run import JobRun, ServedBy
from worker.pipeline.server_load import ServerLoad
from worker.providers.provider import Providers, Reply
from worker.spans import call_span, tell_usage

log = structlog.get_logger()

_NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class _Failure:
    server: str
    error: GenqError
    reopening: timedelta


class Generate:
    """Calls a model server as soon as it has a free place and takes calls.

    Where another server of the model, or a model that stands in for it, could mend a failure,
    that one is called within the same attempt; each server and model at most once.
    """

    name = "generate"

    def __init__(self, providers: Providers, load: ServerLoad, gate: Gate) -> None:
        self._providers = providers
        self._load = load
        self._gate = gate
        self._counts = CallCounts()

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``output`` and ``served_by``. Waiting is part of its time.

        Args:
            run: Needs ``offers``.

        Raises:
            GenqError: The first failure that another attempt could mend, else the first;
                ``retry_after`` is when the first of the servers takes calls again.
        """
        failures: list[_Failure] = []
        told = run.claim.input if run.told is None else run.told
        for offer in run.offers:
            claim = replace(run.claim, model=offer.model, input=told)
            untried = list(offer.servers)
            while untried:
                server = min(untried, key=self._preference)
                untried.remove(server)
                if failures:
                    _note(failures[-1], claim.model, server)
                try:
                    output = await self._call(server, claim)
                except GenqError as error:
                    if claim.model == run.claim.model and not another_model_may(error):
                        raise
                    reopening = max(self._gate.wait(server), error.retry_after or _NOW)
                    failures.append(_Failure(server.name, error, reopening))
                    if not another_server_may(error):
                        break
                else:
                    return _served(run, output, ServedBy(claim.model, server.name))
        if not failures:
            raise InternalError("the job was not routed before its model was called")
        deciding = next((f.error for f in failures if f.error.retryable), failures[0].error)
        deciding.retry_after = min(f.reopening for f in failures) or None
        raise deciding

    def _preference(self, server: ModelServer) -> tuple[bool, timedelta, float]:
        """Order servers: sound ones first, then open ones, then those with the most room."""
        return self._gate.shaky(server), self._gate.wait(server), self._load.share(server)

    async def _call(self, server: ModelServer, claim: Claim) -> Reply:
        provider = self._providers.of(server)
        counts = self._counts.of(server, claim.kind)
        async with self._load.call(server):
            await self._gate.enter(server)
            try:
                with call_span(server, claim) as span, counts.seconds.time():
                    output = await provider.generate(claim)
                    tell_usage(span, claim, output.usage)
            except GenqError as error:
                counts.ended(error.code)
                self._gate.refused(server, error)
                raise
            except asyncio.CancelledError:
                # Its caller, its wall time or this worker ends it.
                counts.ended(CANCELLED)
                raise
            counts.ended(OK)
            counts.used(claim, output.usage)
            self._gate.answered(server)
            return output


def _note(failure: _Failure, model: str, server: ModelServer) -> None:
    code = failure.error.code
    FALLBACKS.labels(failure.server, code).inc()
    log.warning(
        "fell_back", server=failure.server, error_code=code, to_model=model, to=server.name
    )


def _served(run: JobRun, output: Reply, by: ServedBy) -> JobRun:
    # For the line that tells the attempt's end.
    structlog.contextvars.bind_contextvars(model=by.model, server=by.server)
    return replace(run, output=output, served_by=by)
