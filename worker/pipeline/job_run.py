"""What one attempt has learned so far: the value that travels through the stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from schemas.cache import CacheStatus
from schemas.claim import Claim
from schemas.ids import format_id
from schemas.job import Artifact
from schemas.model_catalog import Offer, Price
from schemas.provenance import Mark
from schemas.routes import Failing
from schemas.safety import Verdict
from worker.pipeline.flights import Flight
from worker.providers.provider import Reply

OWN_MEMBERS: Final = frozenset({"usage", "served_by", "text", "cache", "facts", "told"})
"""Of a result: what says how the job came by it. The others are the model's answer."""


@dataclass(frozen=True, slots=True)
class ServedBy:
    """Which model answered, on which server, after how many seconds, and its price there."""

    model: str
    server: str
    seconds: float = field(default=0.0, compare=False)
    price: Price | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class JobRun:
    """An attempt under way. Every stage returns a copy with its own field filled.

    Attributes:
        claim: The right to run it.
        given: SHA-256 of pictures as they came, by their places in the input, where they were
            written anew.
        fetched: The input as it was accepted, if a picture of it lay elsewhere: another try
            may be shown another one.
        told: The input as the model is to see it, where that differs from the claim's.
        offers: The job's model and what may stand in for it, with the servers of each; the
            first is called first.
        stand_ins: By what failed the models that come next; absent: the offers in their order.
        output: What the model gave.
        served_by: Which of the offers gave it.
        artifacts: What was stored of it.
        marks: What the registry is to know of it.
        verdicts: What was judged so far, by what it is of: ``prompt``, ``output``.
        flight: The place of who asks the model for all that want the same.
        cached_of: The earlier job whose output this one was given; no model was called then.
        cache: What the cache was to it; ``None``: it was not asked.
        stop: What ends the attempt after this stage, along with all that is known of it.
        void: How far it came before a later stage failed: a model may have worked for nothing.
    """

    claim: Claim
    given: Mapping[tuple[str | int, ...], bytes] = field(
        default_factory=dict[tuple[str | int, ...], bytes]
    )
    fetched: Mapping[str, Any] | None = None
    told: Mapping[str, Any] | None = None
    offers: tuple[Offer, ...] = ()
    stand_ins: Mapping[Failing, Sequence[str]] = field(
        default_factory=dict[Failing, Sequence[str]]
    )
    output: Reply | None = None
    served_by: ServedBy | None = None
    artifacts: tuple[Artifact, ...] = ()
    marks: tuple[Mark, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    flight: Flight | None = None
    cached_of: UUID | None = None
    cache: CacheStatus | None = None
    stop: Exception | None = None
    void: "JobRun | None" = None

    def result(self) -> dict[str, Any]:
        """Return what is kept with the job beside its artifacts.

        ``text``, ``usage``, ``served_by`` (``model`` and ``server``), ``cache`` (``status`` and
        ``of``), and the reply's details.

        JSON types only, without NUL characters and non-finite numbers, so that PostgreSQL
        takes it as ``jsonb``.
        """
        if self.output is None:
            return {}
        kept: dict[str, Any] = dict(self.output.details)
        usage = self.output.usage.model_dump(exclude_none=True)
        if usage:
            kept["usage"] = usage
        if self.served_by is not None:
            kept["served_by"] = {"model": self.served_by.model, "server": self.served_by.server}
        if self.cache is not None:
            of = format_id("job", self.cached_of) if self.cached_of else None
            kept["cache"] = {"status": self.cache.value, "of": of}
        if self.output.text is not None:
            kept["text"] = self.output.text
        return kept
