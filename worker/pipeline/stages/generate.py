"""Stage 4: the call that everything else is about."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from infra.telemetry.metrics import FALLBACKS
from schemas.claim import Claim
from schemas.errors import GenqError, InternalError
from schemas.model_catalog import ModelServer
from worker.call_counts import CANCELLED, OK, CallCounts
from worker.gate import Gate
from worker.pipeline.choice import Choice
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

    def __init__(
        self, providers: Providers, load: ServerLoad, gate: Gate, choice: Choice
    ) -> None:
        self._providers = providers
        self._load = load
        self._gate = gate
        self._choice = choice
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
                server = await self._take(untried, claim)
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
                finally:
                    self._load.leave(server)
        raise _deciding(failures)

    async def _take(self, untried: Sequence[ModelServer], claim: Claim) -> ModelServer:
        """Take a place at a server: a sound one that is open, by the model's strategy.

        Where there is none such, at the one that is open first, sound ones before others.
        """
        choose = partial(self._choice.choose, claim=claim)
        while True:
            left = {one.name: self._gate.left_out(one) for one in untried}
            ready = [one for one in untried if not left[one.name]]
            if not ready:
                server = await self._load.take([min(untried, key=self._closed_rank)], choose)
                break
            among = self._choice.narrow(ready, claim)
            # Who waits looks again when one more may be asked.
            opening = min(
                (wait.total_seconds() for wait in left.values() if wait), default=None
            )
            try:
                async with asyncio.timeout(opening):
                    server = await self._load.take(among, choose)
            except TimeoutError:
                continue
            if not self._gate.left_out(server):
                break
            # It closed while this call waited for it.
            self._load.leave(server)
        self._gate.called(server)
        self._choice.chosen(server, claim)
        return server

    def _closed_rank(self, server: ModelServer) -> tuple[bool, float, float]:
        # Those that open together share the calls that wait for it.
        wait = round(self._gate.wait(server).total_seconds(), 1)
        return self._gate.shaky(server), wait, self._load.share(server)

    async def _call(self, server: ModelServer, claim: Claim) -> Reply:
        provider = self._providers.of(server)
        counts = self._counts.of(server, claim.kind)
        await self._gate.enter(server)
        now = asyncio.get_running_loop().time
        begun = now()
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
        self._choice.took(server, claim, now() - begun)
        return output


def _deciding(failures: Sequence[_Failure]) -> GenqError:
    if not failures:
        return InternalError("the job was not routed before its model was called")
    deciding = next((f.error for f in failures if f.error.retryable), failures[0].error)
    deciding.retry_after = min(f.reopening for f in failures) or None
    return deciding


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
