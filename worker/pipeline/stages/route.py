"""Stage 3: which models, on which servers, may do the work?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from schemas.claim import Claim
from schemas.errors import GenqError, UnknownModelError
from schemas.job_needs import Needs, needs_of
from schemas.model_catalog import ModelServer, Offer
from schemas.queue_errors import ModelBusyError
from schemas.route_errors import NoCapableServerError, NoPermittedServerError
from schemas.routes import Failing, Member, Routes, RoutesNow, permits
from worker.pipeline.job_run import JobRun

# A job that no server may take now looks again after so long; it costs no attempt.
_LOOK_AGAIN: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Found:
    """The servers of one model that may do the work, or why there is none."""

    servers: tuple[ModelServer, ...] = ()
    refusal: GenqError | None = None
    failing: Failing = Failing.SERVER_ERROR


class Route:
    """Finds the servers that may do the job's model, and the models that may stand in for it.

    Args:
        routes: Says what counts now.
    """

    name = "route"

    def __init__(self, routes: RoutesNow) -> None:
        self._routes = routes

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``offers``, its own model first, and ``stand_ins``.

        Raises:
            UnknownModelError: No configured server offers the model any more.
            NoPermittedServerError: None carries the tags that the job insists on.
            NoCapableServerError: None can do what the job asks for.
            ModelBusyError: Those that could are taken out of service for now.
        """
        claim = run.claim
        routes = self._routes()
        if not routes.members(claim.model, claim.kind):
            raise UnknownModelError(
                f"no configured model server offers {claim.model} for {claim.kind} jobs; "
                "submit the job again with a model that GET /v1/models lists"
            )
        settled = routes.settled(claim.model, claim.kind)
        own = routes.of(claim.model)
        stand_ins = {failing: own.stand_ins(failing, settled) for failing in Failing}
        names = dict.fromkeys([n for some in stand_ins.values() for n in some] + [*settled])
        needed = _once(lambda: needs_of(claim.kind, _told(run)))
        found = {
            name: _able(routes, name, claim, needed)
            for name in (claim.model, *(n for n in names if n != claim.model))
        }
        ordered = _ordered(claim.model, found, stand_ins)
        offers = tuple(Offer(name, found[name].servers) for name in ordered)
        return replace(run, offers=offers, stand_ins=stand_ins)


def _ordered(
    model: str, found: Mapping[str, _Found], stand_ins: Mapping[Failing, Sequence[str]]
) -> list[str]:
    """Return the models that can be called, the own one or who stands in for it first."""
    able = [name for name, one in found.items() if one.servers]
    own = found[model]
    if own.servers:
        return able
    first = next((name for name in stand_ins[own.failing] if name in able), None)
    if first is None:
        raise own.refusal or ModelBusyError(f"no model server takes calls of {model} now")
    return [first, *(name for name in able if name != first)]


def _able(routes: Routes, model: str, claim: Claim, needed: Callable[[], Needs]) -> _Found:
    """Return the servers of a model that may be given the job, now."""
    members = routes.members(model, claim.kind)
    if model in routes.unread:
        # Who carries which tags, and can do what, stands in what this release cannot read.
        return _Found(refusal=_busy(model))
    permitted = [member for member in members if permits(member, claim.requires)]
    if not permitted:
        return _Found(refusal=_no_permitted(model, claim))
    able = permitted
    if routes.of(model).picky:
        able, lacking, failing = _capable(permitted, needed())
        if not able:
            return _Found(refusal=_no_capable(model, lacking), failing=failing)
    if any(member.takes for member in able):
        # With the others, too: they may take calls again while the job waits for a place.
        return _Found(tuple(member.server for member in able))
    return _Found(refusal=_busy(model))


def _capable(
    members: Sequence[Member], needs: Needs
) -> tuple[list[Member], Sequence[str], Failing]:
    """Return who can do the job, what the others lack, and as what it counts if nobody can."""
    able: list[Member] = []
    lacking: list[str] = []
    failing = Failing.SERVER_ERROR
    for member in members:
        lacks = needs.missing(member.can)
        if lacks is None and needs.too_long(member.can):
            lacks = f"about {needs.tokens} tokens: at most {member.can.max_context_tokens}"
            failing = Failing.CONTEXT_TOO_LONG
        if lacks is None:
            able.append(member)
        elif lacks not in lacking:
            lacking.append(lacks)
    return able, lacking, failing


def _busy(model: str) -> GenqError:
    return ModelBusyError(
        f"every model server that may take this job of {model} is switched off or drains: "
        "the job waits in the queue",
        retry_after=_LOOK_AGAIN,
    )


def _no_permitted(model: str, claim: Claim) -> GenqError:
    tags = ", ".join(sorted(claim.requires))
    return NoPermittedServerError(
        f"no model server of {model} carries what the job insists on ({tags}): it was sent to "
        "none; an operator tags servers in the settings or in the model's route"
    )


def _no_capable(model: str, lacking: Sequence[str]) -> GenqError:
    return NoCapableServerError(
        f"no model server of {model} can do what the job asks for ({'; '.join(lacking)}): "
        "ask for less, or name another model"
    )


def _told(run: JobRun) -> Mapping[str, Any]:
    return run.claim.input if run.told is None else run.told


def _once(reckon: Callable[[], Needs]) -> Callable[[], Needs]:
    known: list[Needs] = []

    def needs() -> Needs:
        if not known:
            known.append(reckon())
        return known[0]

    return needs
