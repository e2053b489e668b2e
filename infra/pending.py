"""An output that waits for a person: everything that its job's end will hold, sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from infra.sealing import Sealer
from schemas.cost import Cost
from schemas.job import Artifact
from schemas.provenance import Mark


@dataclass(frozen=True, slots=True)
class PendingOutput:
    """What an attempt made that is held.

    Attributes:
        fence: Of the attempt; its rows in ``attempt`` name it.
        attempt: Its number.
        started_at: When it started.
        made_at: When it ended.
        result: What is kept with the job beside its artifacts.
        artifacts: Where the pictures lie: under keys that no route serves.
        actual: What it really took, if that is known.
        marks: What the registry is to know of it, once it is handed out.
    """

    fence: int
    attempt: int
    started_at: datetime
    made_at: datetime
    result: Mapping[str, Any]
    artifacts: Sequence[Artifact] = ()
    actual: Cost | None = None
    marks: Sequence[Mark] = ()


def seal_pending(sealer: Sealer, tenant_id: int, job_id: UUID, pending: PendingOutput) -> bytes:
    """Return an output as a review item keeps it."""
    return sealer.seal(orjson.dumps(asdict(pending)), place=_place(tenant_id, job_id))


def open_pending(sealer: Sealer, tenant_id: int, job_id: UUID, sealed: bytes) -> PendingOutput:
    """Return what ``seal_pending`` sealed.

    Raises:
        SealedValueError: The key is not known any more, or it belongs to another job.
    """
    told = orjson.loads(sealer.open(sealed, place=_place(tenant_id, job_id)))
    return PendingOutput(
        fence=told["fence"],
        attempt=told["attempt"],
        started_at=datetime.fromisoformat(told["started_at"]),
        made_at=datetime.fromisoformat(told["made_at"]),
        result=told["result"],
        artifacts=[Artifact(**artifact) for artifact in told["artifacts"]],
        actual=Cost(**told["actual"]) if told["actual"] else None,
        marks=[Mark(**mark) for mark in told.get("marks", ())],
    )


def _place(tenant_id: int, job_id: UUID) -> str:
    return f"review_item|{tenant_id}|{job_id}|pending"
