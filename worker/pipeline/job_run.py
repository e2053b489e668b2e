"""What one attempt has learned so far: the value that travels through the stages."""

from dataclasses import dataclass
from typing import Any

from schemas.claim import Claim
from schemas.job import Artifact
from schemas.model_catalog import ModelServer
from worker.providers.provider import Reply


@dataclass(frozen=True, slots=True)
class JobRun:
    """An attempt under way. Every stage returns a copy with its own field filled.

    Attributes:
        claim: The right to run it.
        route: The model server that was chosen.
        output: What the model gave.
        artifacts: What was stored of it.
    """

    claim: Claim
    route: ModelServer | None = None
    output: Reply | None = None
    artifacts: tuple[Artifact, ...] = ()

    def result(self) -> dict[str, Any]:
        """Return what is kept with the job beside its artifacts: ``text``, ``usage``, details.

        JSON types only, without NUL characters and non-finite numbers, so that PostgreSQL
        takes it as ``jsonb``.
        """
        if self.output is None:
            return {}
        kept: dict[str, Any] = dict(self.output.details)
        usage = self.output.usage.model_dump(exclude_none=True)
        if usage:
            kept["usage"] = usage
        if self.output.text is not None:
            kept["text"] = self.output.text
        return kept
