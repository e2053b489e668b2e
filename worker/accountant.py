"""What an attempt took, what that costs, and what the job's result says of it."""

from typing import Any, Final

from infra.cache_settings import CacheCharge
from infra.settings import Settings
from infra.telemetry.metrics import installed_version
from schemas.claim import Claim
from schemas.cost import NEXT_TO_NOTHING, Cost, actual, money, worth
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.model_catalog import ModelServer, Price
from schemas.picture_digests import without_pictures
from schemas.work import Work
from worker.pipeline.job_run import JobRun

_VERSION: Final = installed_version()


class Accountant:
    """Reckons with the prices that are configured.

    Budgets, usage and what the job's view says of its cost all come of one number of its.
    """

    def __init__(self, settings: Settings) -> None:
        self._free = settings.cache_charge is CacheCharge.NONE
        self._at: dict[tuple[str, str, Kind], Price] = {}
        self._of: dict[tuple[str, Kind], list[Price]] = {}
        for server in settings.model_servers:
            self._enter(server)

    def work_of(self, run: JobRun) -> Work:
        """Return what the attempt's call gave and took, whatever became of the attempt."""
        run = run.void or run
        output, by, claim = run.output, run.served_by, run.claim
        if output is None:
            return Work(charged=0 if (claim.model, claim.kind) in self._of else None)
        usage = output.usage
        cached = run.cached_of is not None
        took = actual(claim.cost, usage)
        price = by.price or self._at.get((by.server, by.model, claim.kind)) if by else None
        cost = worth(price, claim.input, took=took, usage=usage, pixels=output.pixels)
        priced = price is not None or (claim.model, claim.kind) in self._of
        charged = 0 if cached and self._free else cost
        return Work(
            model=by.model if by else "",
            server=by.server if by else "",
            images=len(output.pictures) or usage.images or 0,
            pixels=output.pixels,
            input_tokens=usage.input_tokens or 0,
            cached_tokens=usage.cached_tokens or 0,
            output_tokens=usage.output_tokens or 0,
            reasoning_tokens=usage.reasoning_tokens or 0,
            milliseconds=0 if cached or by is None else round(by.seconds * 1000),
            worth=0 if cached else cost,
            charged=charged if priced else None,
            cached=cached,
        )

    def actual_of(self, run: JobRun) -> Cost | None:
        """Return what the job took; ``None``: what it was reckoned to take."""
        if run.output is None:
            return None
        if run.cached_of is not None and self._free:
            return NEXT_TO_NOTHING
        took = actual(run.claim.cost, run.output.usage)
        # The whole of it: jobs of few tokens all have the smallest share, and not one price.
        return None if took == run.claim.cost else took

    def result_of(self, run: JobRun, work: Work) -> dict[str, Any]:
        """Return what is kept with the job: what it made, and ``facts`` that never change.

        ``facts``: which ``genq`` ran it; what the call ``took``, as ``Work.numbers`` tells;
        ``cost`` in millionths of a dollar, if there is a price; ``cached_of``; ``rewritten`` if
        the model did not see the job's input, and ``told`` is what it saw.
        """
        result = run.result()
        if run.output is None:
            return result
        facts: dict[str, Any] = {"genq": _VERSION, "took": work.numbers()}
        if work.charged is not None:
            cost = {"estimated": self._estimated(run.claim), "actual": work.charged}
            facts["cost"] = cost
        if run.cached_of is not None:
            facts["cached_of"] = format_id("job", run.cached_of)
        result["facts"] = facts
        if run.told is not None and run.told != run.claim.input:
            facts["rewritten"] = True
            result["told"] = without_pictures(dict(run.told))
        return result

    def _estimated(self, claim: Claim) -> int:
        """Return what ``POST /v1/estimate`` tells of such a job, and budgets hold back."""
        prices = self._of.get((claim.model, claim.kind), ())
        cost = claim.cost
        return money(prices, claim.input, images=cost.images, tokens=cost.tokens)

    def _enter(self, server: ModelServer) -> None:
        for spec in server.models:
            if spec.price is not None:
                self._at[server.name, spec.name, spec.kind] = spec.price
                self._of.setdefault((spec.name, spec.kind), []).append(spec.price)
