"""What is counted of calls of model servers. A label set is looked up once, not once a call."""

from functools import lru_cache
from typing import Final

from prometheus_client import Histogram

from infra.telemetry.metrics import PROVIDER_REQUEST_SECONDS, PROVIDER_REQUESTS, TOKENS
from schemas.generation import Usage

OK: Final = "ok"
CANCELLED: Final = "cancelled"


class ServerCounts:
    """The numbers of one server and one kind of call."""

    def __init__(self, server: str, operation: str) -> None:
        self._server = server
        self.seconds: Histogram = PROVIDER_REQUEST_SECONDS.labels(server, operation)
        self._outcome = lru_cache(maxsize=64)(PROVIDER_REQUESTS.labels)
        self._tokens = lru_cache(maxsize=256)(TOKENS.labels)

    def ended(self, outcome: str) -> None:
        """Count a call; ``outcome`` is ``OK``, ``CANCELLED``, or an error's code."""
        self._outcome(self._server, outcome).inc()

    def used(self, model: str, usage: Usage) -> None:
        """Count the tokens that a call took, if its server told."""
        if usage.input_tokens:
            self._tokens(self._server, model, "input").inc(usage.input_tokens)
        if usage.output_tokens:
            self._tokens(self._server, model, "output").inc(usage.output_tokens)


class CallCounts:
    """The counts of every server; made as they are first needed."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], ServerCounts] = {}

    def of(self, server: str, operation: str) -> ServerCounts:
        """Return the counts of one server and one kind of call."""
        key = (server, operation)
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = ServerCounts(server, operation)
        return found
