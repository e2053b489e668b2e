"""Which servers and models may take a call: by the settings, and by what was said since."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from schemas.generation import Kind
from schemas.model_catalog import OWN_SERVER, ModelServer, offers_of, servers_of
from schemas.route_document import (
    Capabilities,
    RouteDocument,
    RouteFallbacks,
    RouteServer,
)
from schemas.routing import Strategy

_AS_SETTINGS: Final = RouteServer()
_NOTHING_SAID: Final = Capabilities()


RoutesNow = Callable[[], "Routes"]
"""Says what counts now."""


class Failing(StrEnum):
    """Why a call failed, as far as it matters for what is tried next."""

    CONTEXT_TOO_LONG = "context_too_long"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"


@dataclass(frozen=True, slots=True)
class Member:
    """One server of a model's route.

    Attributes:
        server: With the weight, the price and the tags that count for this model.
        takes: Whether it gets new calls.
        canary: Percent of the model's calls that are its; 0: it is none.
        can: What it can do.
    """

    server: ModelServer
    takes: bool = True
    canary: float = 0.0
    can: Capabilities = _NOTHING_SAID


@dataclass(frozen=True, slots=True)
class ModelRouteNow:
    """How calls of one model find their server now.

    Attributes:
        version: Of the document; 0: the settings alone.
        members: By name, in configured order.
        canaries: Those of them that take calls, and their percent.
        vanished: Servers that the document names and the settings do not.
    """

    model: str
    version: int
    strategy: Strategy
    members: Mapping[str, Member]
    document: RouteDocument
    canaries: Mapping[str, float] = field(default_factory=dict[str, float])
    vanished: tuple[str, ...] = ()

    @property
    def picky(self) -> bool:
        """Whether any server is said not to be able to do everything."""
        return any(member.can != _NOTHING_SAID for member in self.members.values())

    def stand_ins(self, failing: Failing, settled: Sequence[str]) -> Sequence[str]:
        """Return the models that are next after such a failure.

        Args:
            failing: What happened.
            settled: What the settings say.
        """
        said: Sequence[str] | None = getattr(self.document.fallbacks, failing.value)
        return settled if said is None else said


class Routes:
    """All that counts at one moment. It never changes; a change is another one.

    Args:
        servers: The configured model servers.
        strategy_of: The configured strategy of a model.
        documents: By model the version that counts, and its document.
        changes: How many changes of documents led here.
        unread: Models of which no document could be read; none of their servers takes calls.
    """

    def __init__(
        self,
        servers: Sequence[ModelServer],
        strategy_of: Callable[[str], Strategy],
        documents: Mapping[str, tuple[int, RouteDocument]] = MappingProxyType({}),
        changes: int = 0,
        unread: Collection[str] = (),
    ) -> None:
        self.servers = tuple(servers)
        self.unread = frozenset(unread)
        self.documents = documents
        self.changes = changes
        self._strategy_of = strategy_of
        self._models: dict[str, ModelRouteNow] = {}
        self._settled: dict[tuple[str, Kind], tuple[str, ...]] = {}

    def of(self, model: str) -> ModelRouteNow:
        """Return the route of a model, which need not be one that is offered."""
        found = self._models.get(model)
        if found is None:
            version, document = self.documents.get(model, (0, None))
            strategy = self._strategy_of(model)
            found = route_of(self.servers, model, strategy, version, document)
            if found.members:
                self._models[model] = found
        return found

    def members(self, model: str, kind: Kind) -> list[Member]:
        """Return the servers that offer the model for the kind, in configured order."""
        own = self.of(model).members
        return [
            member
            for member in own.values()
            if any(s.name == model and s.kind is kind for s in member.server.models)
        ]

    def settled(self, model: str, kind: Kind) -> tuple[str, ...]:
        """Return the models that stand in for this one by the settings."""
        found = self._settled.get((model, kind))
        if found is None:
            offers = offers_of(self.servers, model, kind)
            found = tuple(offer.model for offer in offers if offer.model != model)
            self._settled[model, kind] = found
        return found

    def lets(self, server: str, model: str, requires: Collection[str]) -> bool:
        """Return whether the server may be given a call of the model at this moment."""
        member = self.of(model).members.get(server)
        return member is not None and member.takes and permits(member, requires)

    def closed(self, model: str) -> bool:
        """Return whether no server of the model, nor of what stands in for it, gets calls."""
        route = self.of(model)
        if not route.version or any(member.takes for member in route.members.values()):
            return False
        return not self._taking(self._stand_ins(model, Failing.SERVER_ERROR))

    def reached(self, model: str) -> frozenset[str]:
        """Return the servers that take a model's calls while its own are closed, and its own.

        A server closes because it fails, or because it is rate limited.
        """
        closed = (Failing.SERVER_ERROR, Failing.RATE_LIMITED)
        return self._taking({model}.union(*(self._stand_ins(model, why) for why in closed)))

    def _stand_ins(self, model: str, failing: Failing) -> set[str]:
        """Return the models that stand in for a model, whatever the kind."""
        route = self.of(model)
        specs = [spec for member in route.members.values() for spec in member.server.models]
        kinds = {spec.kind for spec in specs if spec.name == model}
        return {
            name
            for kind in kinds
            for name in route.stand_ins(failing, self.settled(model, kind))
        }

    def _taking(self, models: Collection[str]) -> frozenset[str]:
        members = [member for model in models for member in self.of(model).members.values()]
        return frozenset(member.server.name for member in members if member.takes)


def least_loaded(_model: str) -> Strategy:
    """Choose the least loaded for every model."""
    return Strategy.LEAST_LOADED


def settled_routes(
    servers: Sequence[ModelServer], strategy_of: Callable[[str], Strategy] = least_loaded
) -> RoutesNow:
    """Return what says that nobody changed anything."""
    routes = Routes(servers, strategy_of)
    return lambda: routes


def permits(member: Member, requires: Collection[str]) -> bool:
    """Return whether a server carries all that a job insists on."""
    # genq's own workers see every job's pictures anyway.
    own = member.server.name == OWN_SERVER.name
    return not requires or own or set(requires) <= set(member.server.tags)


def route_of(
    servers: Sequence[ModelServer],
    model: str,
    strategy: Strategy,
    version: int,
    document: RouteDocument | None,
) -> ModelRouteNow:
    """Return what a document makes of the configured servers of a model."""
    said = document or RouteDocument()
    # What genq runs itself is there whatever is configured.
    offering = [
        s for s in (*servers, OWN_SERVER) if any(spec.name == model for spec in s.models)
    ]
    members = {one.name: _member(one, model, said) for one in offering}
    return ModelRouteNow(
        model,
        version,
        said.strategy or strategy,
        members,
        said,
        canaries={n: m.canary for n, m in members.items() if m.canary and m.takes},
        vanished=tuple(name for name in said.servers if name not in members),
    )


def shut(servers: Sequence[ModelServer], model: str) -> RouteDocument:
    """Return the document by which no server takes calls of a model, and no model stands in."""
    off = RouteServer(enabled=False)
    offering = [s.name for s in servers if any(spec.name == model for spec in s.models)]
    return RouteDocument(
        servers=dict.fromkeys(offering, off),
        fallbacks=RouteFallbacks(**{failing.value: () for failing in Failing}),
    )


def document_faults(
    document: RouteDocument, model: str, servers: Sequence[ModelServer]
) -> list[tuple[str, str]]:
    """Return what a document names and the settings do not have: JSON pointer and message."""
    offering = [s.name for s in servers if any(spec.name == model for spec in s.models)]
    there = ", ".join(offering)
    faults = [
        (f"/servers/{name}", f"no configured server {name} offers {model}; there is {there}")
        for name in document.servers
        if name not in offering
    ]
    kinds = {spec.kind for s in servers for spec in s.models if spec.name == model}
    for failing in Failing:
        for number, name in enumerate(getattr(document.fallbacks, failing.value) or ()):
            at = f"/fallbacks/{failing.value}/{number}"
            if name == model:
                faults.append((at, "a model does not stand in for itself"))
            elif not any(servers_of(servers, name, kind) for kind in kinds):
                faults.append((at, f"no configured server offers {name} for the same kind"))
    return faults


def _member(server: ModelServer, model: str, document: RouteDocument) -> Member:
    said = document.servers.get(server.name, _AS_SETTINGS)
    changed: dict[str, object] = {}
    if said.weight is not None:
        changed["weight"] = said.weight
    if said.tags is not None:
        changed["tags"] = said.tags
    if said.price is not None:
        changed["models"] = tuple(
            spec.model_copy(update={"price": said.price}) if spec.name == model else spec
            for spec in server.models
        )
    return Member(
        server.model_copy(update=changed) if changed else server,
        takes=said.enabled and not said.draining,
        canary=said.canary,
        can=said.capabilities.over(document.capabilities),
    )
