"""Which of a model's servers gets a call: the strategies of ``schemas.routing``."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Final

from schemas.claim import Claim
from schemas.cost import ORDINARY, estimate, money
from schemas.model_catalog import ModelServer, prices_of
from schemas.routes import RoutesNow
from schemas.routing import Strategy
from worker.pipeline.server_load import ServerLoad
from worker.pipeline.server_times import ServerTimes

# Percent that a canary is owed before a call is its. A new one is owed half of that: after any
# number of calls it has its share, rounded to the nearest.
_A_CALL: Final = 100.0
_A_BIT: Final = 1e-6


class Choice:
    """Chooses, and remembers what it chose.

    Args:
        load: How busy servers are.
        times: How long they took.
        routes: Says what counts for a model now.
    """

    def __init__(self, load: ServerLoad, times: ServerTimes, routes: RoutesNow) -> None:
        self._load = load
        self._times = times
        self.routes = routes
        self._numbers = count(1)
        self._last: dict[tuple[str, str], int] = {}
        self._credit: dict[tuple[str, str], float] = {}
        self._owed: defaultdict[tuple[str, str], float] = defaultdict(lambda: _A_CALL / 2)
        self._scores: Final[Mapping[Strategy, Callable[[ModelServer, Claim], float]]] = {
            Strategy.LEAST_LOADED: lambda server, _: load.share(server),
            Strategy.RESPONSE_TIME: self._expected,
            Strategy.CHEAPEST: _price,
        }

    def lot(self, servers: Sequence[ModelServer], claim: Claim) -> str | None:
        """Return the canary that this call is for, if it falls to one: by stride, not chance.

        To be asked once for a call. A canary that cannot take its call then loses it.
        """
        canaries = self.routes().of(claim.model).canaries
        if not canaries:
            return None
        owed = {one.name: (claim.model, one.name) for one in servers if one.name in canaries}
        for name, key in owed.items():
            self._owed[key] += canaries[name]
        found = max(owed, key=lambda name: self._owed[owed[name]], default=None)
        if found is None or self._owed[owed[found]] < _A_CALL - _A_BIT:
            return None
        self._owed[owed[found]] -= _A_CALL
        return found

    def narrow(
        self, servers: Sequence[ModelServer], claim: Claim, lot: str | None = None
    ) -> Sequence[ModelServer]:
        """Return which of the servers may take the call: all, unless shares say which.

        Args:
            servers: Which of them could.
            claim: The call.
            lot: The canary that it is for.
        """
        route = self.routes().of(claim.model)
        if route.canaries:
            its = [one for one in servers if one.name == lot]
            others = [one for one in servers if one.name not in route.canaries]
            servers = its or others or servers
        if route.strategy is Strategy.WEIGHTED and len(servers) > 1:
            return [self._weighted(servers, claim.model)]
        return servers

    def choose(self, servers: Sequence[ModelServer], claim: Claim) -> ModelServer:
        """Return which of the servers, all with a free place, takes the call."""
        score = self._scores.get(self.routes().of(claim.model).strategy, _equal)
        busiest = self._load.share

        def rank(server: ModelServer) -> tuple[float, float, int]:
            last = self._last.get((claim.model, server.name), 0)
            found = score(server, claim)
            # Among equals the least loaded; among those the one that waited longest.
            return found, 0.0 if score is _equal else busiest(server), last

        return min(servers, key=rank)

    def chosen(self, server: ModelServer, claim: Claim) -> None:
        """Note that the server takes the call."""
        self._last[claim.model, server.name] = next(self._numbers)

    def took(self, server: ModelServer, claim: Claim, seconds: float) -> None:
        """Note how long a call took that the server answered."""
        if self.routes().of(claim.model).strategy is not Strategy.RESPONSE_TIME:
            return
        ordinary = estimate(claim.kind, claim.input).units / ORDINARY
        self._times.took(server.name, claim.model, seconds / ordinary)

    def _expected(self, server: ModelServer, claim: Claim) -> float:
        calls = self._load.calls(server)
        each = self._times.expected(server.name, claim.model, idle=not calls)
        return each * (calls + 1)

    def _weighted(self, servers: Sequence[ModelServer], model: str) -> ModelServer:
        """Return whose turn it is: smooth weighted round robin, as nginx does it.

        Source: nginx, ``ngx_http_upstream_get_peer`` in ``ngx_http_upstream_round_robin.c``.
        """
        weighed = [one for one in servers if one.weight] or list(servers)
        weights = {one.name: one.weight or 1.0 for one in weighed}
        for name, weight in weights.items():
            self._credit[model, name] = self._credit.get((model, name), 0.0) + weight
        chosen = max(weighed, key=lambda one: self._credit[model, one.name])
        self._credit[model, chosen.name] -= sum(weights.values())
        return chosen


def _equal(_server: ModelServer, _claim: Claim) -> float:
    return 0.0


def _price(server: ModelServer, claim: Claim) -> float:
    reckoned = estimate(claim.kind, claim.input)
    prices = prices_of([server], claim.model, claim.kind)
    return money(prices, claim.input, images=reckoned.images, tokens=reckoned.tokens)
