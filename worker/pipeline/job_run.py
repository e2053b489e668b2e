"""What one attempt has learned so far: the value that travels through the stages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.claim import Claim
from schemas.job import Artifact
from schemas.model_catalog import Offer
from schemas.provenance import Mark
from schemas.safety import Verdict
from worker.providers.provider import Reply


@dataclass(frozen=True, slots=True)
class ServedBy:
    """Which model answered, and on which server."""

    model: str
    server: str


@dataclass(frozen=True, slots=True)
class JobRun:
    """An attempt under way. Every stage returns a copy with its own field filled.

    Attributes:
        claim: The right to run it.
        told: The input as the model is to see it, where that differs from the claim's.
        offers: The job's model and what may stand in for it, with the servers of each.
        output: What the model gave.
        served_by: Which of the offers gave it.
        artifacts: What was stored of it.
        marks: What the registry is to know of it.
        verdicts: What was judged so far, by what it is of: ``prompt``, ``output``.
        stop: What ends the attempt after this stage, along with all that is known of it.
    """

    claim: Claim
    told: Mapping[str, Any] | None = None
    offers: tuple[Offer, ...] = ()
    output: Reply | None = None
    served_by: ServedBy | None = None
    artifacts: tuple[Artifact, ...] = ()
    marks: tuple[Mark, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    stop: Exception | None = None

    def result(self) -> dict[str, Any]:
        """Return what is kept with the job beside its artifacts.

        ``text``, ``usage``, ``served_by`` (``model`` and ``server``), and the reply's details.

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
        if self.output.text is not None:
            kept["text"] = self.output.text
        return kept
