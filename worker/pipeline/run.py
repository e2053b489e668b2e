"""The order of the stages, and the loop that passes a job through them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from infra.clock import SystemClock
from infra.evidence import EvidenceKeeper
from infra.objectstore.store import ObjectStore
from infra.route_book import RouteBook
from infra.safety.moderation import Moderation
from schemas.errors import GenqError
from schemas.model_catalog import OWN_SERVER, ModelServer
from schemas.routes import settled_routes
from worker.gate import Gate
from worker.pipeline.choice import Choice
from worker.pipeline.job_run import JobRun
from worker.pipeline.picture_sources import PictureSources
from worker.pipeline.server_load import ServerLoad
from worker.pipeline.server_times import ServerTimes
from worker.pipeline.stages.admit import Admit
from worker.pipeline.stages.cache import Cache
from worker.pipeline.stages.fetch import Fetch
from worker.pipeline.stages.generate import Generate
from worker.pipeline.stages.lay_out import LayOut
from worker.pipeline.stages.mark import Mark
from worker.pipeline.stages.moderate_output import ModerateOutput
from worker.pipeline.stages.moderate_prompt import ModeratePrompt
from worker.pipeline.stages.route import Route
from worker.pipeline.stages.store import Store
from worker.providers.provider import Providers
from worker.recent_calls import RecentCalls

log = structlog.get_logger()


Watch = Callable[[ServerLoad, RecentCalls], None]


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


@dataclass(frozen=True, slots=True)
class Checks:
    """Who judges what goes in and what comes out, and keeps what was judged."""

    moderation: Moderation
    evidence: EvidenceKeeper


def build_stages(
    servers: Sequence[ModelServer],
    *,
    providers: Providers,
    store: ObjectStore,
    gate: Gate,
    checks: Checks | None = None,
    mark: Mark | None = None,
    sources: PictureSources | None = None,
    routes: RouteBook | None = None,
    watch: Watch | None = None,
    cache: Cache | None = None,
) -> tuple[Stage, ...]:
    """Return the stages in their order, ready for any number of jobs at once.

    Args:
        servers: The configured model servers.
        providers: An open provider for each of them.
        store: Where pictures go.
        gate: Holds calls back that a server does not take now.
        checks: Judges; without it nothing is judged.
        mark: Marks what was made; without it nothing is marked.
        sources: Reads pictures that an input names; without it inputs hold all of theirs.
        routes: Says which of several servers of a model is chosen, and who may be asked.
        watch: Is given what knows how servers do.
        cache: Gives jobs what was made before; without it a model is asked every time.
    """
    now = settled_routes(servers) if routes is None else routes.routes
    route = Route(now)
    load = ServerLoad((*servers, OWN_SERVER))
    if routes is not None:
        routes.on_change(load.shake)
    choice = Choice(load, ServerTimes(SystemClock()), now)
    recent = RecentCalls(SystemClock())
    if watch is not None:
        watch(load, recent)
    generate = Generate(providers, load, gate, choice, recent)
    marking = () if mark is None else (mark,)
    first = (Admit(),) if sources is None else (Admit(), Fetch(sources))
    asking = (generate,) if cache is None else (cache, generate)
    laid = () if sources is None else (LayOut(),)
    if checks is None:
        return (*first, *laid, route, *asking, *marking, Store(store))
    before = ModeratePrompt(checks.moderation, checks.evidence)
    after = ModerateOutput(checks.moderation, checks.evidence, store, mark)
    return (*first, before, *laid, route, *asking, after, *marking, Store(store))


class Trail:
    """How far an attempt came, whatever ended it.

    Attributes:
        run: After the last stage that was passed.
    """

    def __init__(self, run: JobRun) -> None:
        self.run = run

    def of_end(self, error: BaseException) -> JobRun:
        """Return what counts of an attempt that this ended.

        Of what only failed, what was judged, and what it cost; of what was stopped by a stage
        of its own accord, all that is known.
        """
        if error is self.run.stop:
            return self.run
        void = self.run if self.run.output is not None else None
        run = self.run
        return JobRun(run.claim, verdicts=run.verdicts, flight=run.flight, void=void)


async def run_stages(trail: Trail, stages: Sequence[Stage]) -> JobRun:
    """Pass a run through every stage; the first exception ends the attempt.

    Args:
        trail: Begins with the claim, and is kept up with every stage.
        stages: In their order.

    Raises:
        GenqError: A stage refused or failed in a way that the taxonomy knows.
        HeldForReviewError: A person decides.
        Exception: A stage has a fault; it is logged with its traceback before it travels on.
    """
    for stage in stages:
        try:
            trail.run = await stage(trail.run)
        except GenqError:
            raise
        except Exception:
            log.exception("stage_failed", stage=stage.name)
            raise
        if trail.run.stop is not None:
            raise trail.run.stop
    return trail.run
