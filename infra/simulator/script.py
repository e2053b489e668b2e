"""What the simulator shall do wrong, and how long it takes: data, set by ``PUT /control``."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Operation = Literal[
    "images", "edits", "chat", "completions", "embeddings", "moderations", "speech"
]

MAX_SECONDS: Final = 3600.0


class FaultKind(StrEnum):
    """A way for a call to go wrong."""

    RATE_LIMIT = "rate_limit"
    """429 with ``retry-after``."""
    SERVER_ERROR = "server_error"
    """5xx."""
    HANG = "hang"
    """No answer until the client leaves."""
    CUT = "cut"
    """Headers, half of the body, then the connection closes."""
    MALFORMED = "malformed"
    """200 with JSON that ends in the middle."""
    REJECT = "reject"
    """400: the request is wrong and stays wrong."""
    REFUSE_CONTENT = "refuse_content"
    """400: the prompt offends the content policy."""
    UNAUTHORIZED = "unauthorized"
    """401."""


class Fault(BaseModel):
    """One kind of fault, and the calls that it hits.

    Attributes:
        on: The operation, or ``any``.
        kind: What goes wrong.
        times: How many calls it hits; null for all.
        after: How many matching calls pass before the first is hit.
        match: Only calls whose prompt contains this text.
        share: The part of the matching calls that it hits, 0 to 1.
        delay: Seconds before the fault is answered, beside the latency of a finished call.
        retry_after: Seconds of the ``retry-after`` header of a 429 or 5xx.
        status: The status of ``server_error`` (500 to 599) or ``reject`` (400 to 499).
        code: The error's ``code``, in place of the usual one.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    on: Operation | Literal["any"] = "any"
    kind: FaultKind
    times: Annotated[int, Field(ge=1)] | None = 1
    after: Annotated[int, Field(ge=0)] = 0
    match: str | None = None
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    delay: Annotated[float, Field(ge=0, le=MAX_SECONDS)] = 0.0
    retry_after: Annotated[float, Field(ge=0, le=MAX_SECONDS)] | None = None
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: str | None = None


class Script(BaseModel):
    """How the simulator behaves.

    Attributes:
        latency: Seconds from the arrival of a call to its answer, drawing included; null for
            the latency that the process was started with.
        latency_jitter: The latency varies by up to this many seconds, both ways.
        faults: Tried in order; the first that hits a call decides.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    latency: Annotated[float, Field(ge=0, le=MAX_SECONDS)] | None = None
    latency_jitter: Annotated[float, Field(ge=0, le=MAX_SECONDS)] = 0.0
    faults: Annotated[tuple[Fault, ...], Field(max_length=100)] = ()


@dataclass(slots=True)
class Armed:
    """A fault and what it has done so far.

    Attributes:
        fault: The fault.
        seen: Matching calls, hit or not.
        served: Calls that were hit.
    """

    fault: Fault
    seen: int = 0
    served: int = 0

    def hits(self, operation: Operation, prompt: str, random: Random) -> bool:
        """Return whether this call is hit, and count it."""
        fault = self.fault
        if fault.on not in {"any", operation} or (fault.match and fault.match not in prompt):
            return False
        if fault.times is not None and self.served >= fault.times:
            return False
        self.seen += 1
        hit = self.seen > fault.after and (fault.share >= 1 or random.random() < fault.share)
        self.served += hit
        return hit


class Direction:
    """The script in force, and what of it has been played."""

    def __init__(self, latency: float, random: Random) -> None:
        """Start without faults.

        Args:
            latency: Seconds, whenever a script names none.
            random: Decides jitter and shares.
        """
        self._usual = latency
        self._random = random
        self.latency = latency
        self.jitter = 0.0
        self.armed: list[Armed] = []

    def follow(self, script: Script) -> None:
        """Put a script in the place of the one in force; counts of its faults start at zero."""
        self.latency = self._usual if script.latency is None else script.latency
        self.jitter = script.latency_jitter
        self.armed = [Armed(fault) for fault in script.faults]

    def fault_for(self, operation: Operation, prompt: str) -> Fault | None:
        """Return the fault that hits this call, if one does."""
        for armed in self.armed:
            if armed.hits(operation, prompt, self._random):
                return armed.fault
        return None

    def next_latency(self) -> float:
        """Return the seconds that this call takes."""
        if not self.jitter:
            return self.latency
        return max(0.0, self.latency + self._random.uniform(-self.jitter, self.jitter))
