"""Stage 4: the call that everything else is about."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from infra.clock import SystemClock
from infra.telemetry.metrics import FALLBACKS
from schemas.claim import Claim
from schemas.errors import GenqError, InternalError, ModelRefusedError
from schemas.model_catalog import ModelServer, Offer, Price, prices_of
from schemas.queue_errors import IdenticalJobRunsError, ModelBusyError
from schemas.routes import Failing
from worker.call_counts import CANCELLED, OK, CallCounts
from worker.gate import Gate
from worker.pipeline.choice import Choice
from worker.pipeline.fallback import another_server_may, failing_of
from worker.pipeline.job_run import JobRun, ServedBy
from worker.pipeline.server_load import ServerLoad
from worker.providers.provider import Providers, Reply
from worker.recent_calls import RecentCalls
from worker.spans import call_span, tell_usage

log = structlog.get_logger()

_NOW: Final = timedelta(0)
_SOON: Final = timedelta(seconds=1)


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
        self,
        providers: Providers,
        load: ServerLoad,
        gate: Gate,
        choice: Choice,
        recent: RecentCalls | None = None,
    ) -> None:
        self._providers = providers
        self._load = load
        self._gate = gate
        self._choice = choice
        self._counts = CallCounts()
        self._recent = RecentCalls(SystemClock()) if recent is None else recent

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``output`` and ``served_by``. Waiting is part of its time.

        Args:
            run: Needs ``offers``.

        Raises:
            GenqError: The first failure that another attempt could mend, else the first;
                ``retry_after`` is when the first of the servers takes calls again.
        """
        if run.output is not None:
            # It was made before.
            return run
        if not run.offers:
            raise InternalError("the job was not routed before its model was called")
        failures: list[_Failure] = []
        left = {offer.model: offer for offer in run.offers}
        offer: Offer | None = run.offers[0]
        while offer is not None:
            del left[offer.model]
            done = await self._ask(run, offer, failures)
            if done is not None:
                return done
            offer = _next_offer(run, failures, left)
        raise _deciding(failures, run.claim.model)

    async def _ask(self, run: JobRun, offer: Offer, failures: list[_Failure]) -> JobRun | None:
        """Ask a model's servers, each once; ``None`` if none gave it, ``failures`` says why."""
        told = run.claim.input if run.told is None else run.told
        claim = replace(run.claim, model=offer.model, input=told)
        untried = list(offer.servers)
        lot = self._choice.lot(untried, claim)
        while untried and (server := await self._take(untried, claim, lot)) is not None:
            untried.remove(server)
            if failures:
                _note(failures[-1], claim.model, server)
            try:
                if run.flight is not None:
                    await run.flight.begin()
                output, seconds = await self._call(server, claim)
            except IdenticalJobRunsError:
                raise
            except GenqError as error:
                self._failed(run, server, error, failures, own=claim.model == run.claim.model)
                if not another_server_may(failing_of(error)):
                    return None
            else:
                if run.flight is not None:
                    run.flight.reply = output
                return _served(
                    run,
                    output,
                    ServedBy(claim.model, server.name, seconds, _price(server, claim)),
                )
            finally:
                self._load.leave(server)
        return None

    def _failed(
        self,
        run: JobRun,
        server: ModelServer,
        error: GenqError,
        failures: list[_Failure],
        *,
        own: bool,
    ) -> None:
        """Note a failure, and end the attempt if nobody else could do better."""
        if own and failing_of(error) is None:
            raise error
        reopening = max(self._gate.wait(server), error.retry_after or _NOW)
        failures.append(_Failure(server.name, error, reopening))
        if isinstance(error, ModelRefusedError):
            # What one model refuses is not carried to another.
            raise _deciding(failures, run.claim.model)

    def _permitted(self, servers: Sequence[ModelServer], claim: Claim) -> list[ModelServer]:
        """Return those that may be given the call at this moment: routes change."""
        lets = self._choice.routes().lets
        return [one for one in servers if lets(one.name, claim.model, claim.requires)]

    async def _take(
        self, untried: Sequence[ModelServer], claim: Claim, lot: str | None
    ) -> ModelServer | None:
        """Take a place at a server: a sound one that is open, by the model's strategy.

        Where there is none such, at the one that is open first, sound ones before others.
        ``None``: there is none any more that may be given the call.
        """
        choose = partial(self._choice.choose, claim=claim)
        while permitted := self._permitted(untried, claim):
            left = {one.name: self._gate.left_out(one) for one in permitted}
            ready = [one for one in permitted if not left[one.name]]
            opening = None
            if ready:
                among = self._choice.narrow(ready, claim, lot)
                # Who waits looks again when one more may be asked.
                opening = min(
                    (wait.total_seconds() for wait in left.values() if wait), default=None
                )
            else:
                among = [min(permitted, key=self._closed_rank)]
            try:
                async with asyncio.timeout(opening):
                    server = await self._load.take(among, choose)
            except TimeoutError:
                continue
            if server is None:
                continue
            if self._permitted([server], claim) and not (ready and self._gate.left_out(server)):
                self._gate.called(server)
                self._choice.chosen(server, claim)
                return server
            # It closed while this call waited for it.
            self._load.leave(server)
        return None

    def _closed_rank(self, server: ModelServer) -> tuple[bool, float, float]:
        # Those that open together share the calls that wait for it.
        wait = round(self._gate.wait(server).total_seconds(), 1)
        return self._gate.shaky(server), wait, self._load.share(server)

    async def _call(self, server: ModelServer, claim: Claim) -> tuple[Reply, float]:
        """Return what the server answers, and after how many seconds."""
        provider = self._providers.of(server)
        counts = self._counts.of(server, claim.kind)
        await self._enter(server, claim)
        now = asyncio.get_running_loop().time
        begun = now()
        try:
            with call_span(server, claim) as span, counts.seconds.time():
                output = await provider.generate(claim)
                tell_usage(span, claim, output.usage)
        except GenqError as error:
            counts.ended(error.code)
            self._recent.ended(server.name, claim.model, now() - begun, error.code)
            self._gate.refused(server, error)
            raise
        except asyncio.CancelledError:
            # Its caller, its wall time or this worker ends it.
            counts.ended(CANCELLED)
            raise
        seconds = now() - begun
        counts.ended(OK)
        counts.used(claim, output.usage, output.pixels, _price(server, claim))
        self._answered(server, claim, seconds)
        return output, seconds

    async def _enter(self, server: ModelServer, claim: Claim) -> None:
        """Wait until the server takes calls."""
        await self._gate.enter(server)
        if not self._permitted([server], claim):
            # It was taken out of service while the call waited before it.
            raise _taken_out(claim.model)

    def _answered(self, server: ModelServer, claim: Claim, seconds: float) -> None:
        self._gate.answered(server)
        self._choice.took(server, claim, seconds)
        self._recent.ended(server.name, claim.model, seconds)


def _price(server: ModelServer, claim: Claim) -> Price | None:
    """Return the model's price at the server, as its route says by now."""
    return next(iter(prices_of([server], claim.model, claim.kind)), None)


def _next_offer(
    run: JobRun, failures: Sequence[_Failure], left: Mapping[str, Offer]
) -> Offer | None:
    """Return the model that stands in for the last failure; each is called once."""
    failing = next((f for f in map(_failing, reversed(failures)) if f), Failing.SERVER_ERROR)
    names = run.stand_ins.get(failing, left) if run.stand_ins else left
    return next((left[name] for name in names if name in left), None)


def _failing(failure: _Failure) -> Failing | None:
    return failing_of(failure.error)


def _taken_out(model: str) -> ModelBusyError:
    return ModelBusyError(
        f"the model servers that may take this job of {model} were taken out of service: the "
        "job waits in the queue",
        retry_after=_SOON,
    )


def _deciding(failures: Sequence[_Failure], model: str) -> GenqError:
    if not failures:
        return _taken_out(model)
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
