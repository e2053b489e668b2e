"""What is counted of calls of model servers. A label set is looked up once, not once a call."""

from functools import lru_cache
from typing import Final

from prometheus_client import Histogram

from infra.telemetry.metrics import PROVIDER_REQUEST_SECONDS, PROVIDER_REQUESTS, SPEND, TOKENS
from schemas.budget import MONEY_SCALE
from schemas.claim import Claim
from schemas.cost import actual, worth
from schemas.generation import Kind, Usage
from schemas.model_catalog import ModelServer, Price

OK: Final = "ok"
CANCELLED: Final = "cancelled"


class ServerCounts:
    """The numbers of one server and one kind of call."""

    def __init__(self, server: ModelServer, kind: Kind) -> None:
        self._server = server.name
        self._prices = {m.name: m.price for m in server.models if m.kind is kind and m.price}
        self.seconds: Histogram = PROVIDER_REQUEST_SECONDS.labels(server.name, kind.value)
        self._outcome = lru_cache(maxsize=64)(PROVIDER_REQUESTS.labels)
        self._tokens = lru_cache(maxsize=256)(TOKENS.labels)

    def ended(self, outcome: str) -> None:
        """Count a call; ``outcome`` is ``OK``, ``CANCELLED``, or an error's code."""
        self._outcome(self._server, outcome).inc()

    def used(
        self, claim: Claim, usage: Usage, pixels: int = 0, price: Price | None = None
    ) -> None:
        """Count the tokens that a call took, if its server told, and its price, if it has one.

        Args:
            claim: Names the model that answered.
            usage: What the server told.
            pixels: Of the pictures that came.
            price: The model's at this server now, if that is not the configured one.
        """
        if usage.input_tokens:
            self._tokens(self._server, claim.model, "input").inc(usage.input_tokens)
        if usage.output_tokens:
            self._tokens(self._server, claim.model, "output").inc(usage.output_tokens)
        price = price or self._prices.get(claim.model)
        if price is not None:
            took = actual(claim.cost, usage)
            spent = worth(price, claim.input, took=took, usage=usage, pixels=pixels)
            SPEND.labels(self._server, claim.model).inc(spent / MONEY_SCALE)


class CallCounts:
    """The counts of every server; made as they are first needed."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Kind], ServerCounts] = {}

    def of(self, server: ModelServer, kind: Kind) -> ServerCounts:
        """Return the counts of one server and one kind of call."""
        key = (server.name, kind)
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = ServerCounts(server, kind)
        return found
