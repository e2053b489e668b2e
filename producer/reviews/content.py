"""What a reviewer has to see to decide; every look is told in the audit log."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.evidence import texts_of
from infra.pending import PendingOutput, open_pending
from infra.postgres.appeals import Appeal, appeal_of
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.evidence import Evidence, evidence_of
from infra.postgres.read_jobs import get_job
from infra.postgres.reports import JobReport, reports_of
from infra.postgres.review_queue import ReviewItem
from infra.sealing import sealer_for
from infra.settings import Settings
from producer.reviews.appeals import Appeals
from producer.reviews.reports import Reports
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord, iso_ms
from schemas.review_errors import ReviewBarredError
from schemas.safety import SEXUAL_MINORS
from schemas.webhook_errors import SealedValueError

_REPORTS_SHOWN: Final = 50
_LOOKED: Final = "review.looked_at"


class ReviewContents:
    """Opens what is sealed, for those who decide about it.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: The keys of what is sealed.
        appeals: Open what submitters wrote.
        reports: Open what users wrote.
    """

    def __init__(
        self, engine: AsyncEngine, settings: Settings, appeals: Appeals, reports: Reports
    ) -> None:
        self._engine = whole_transactions(engine)
        self._public_url = settings.public_url.rstrip("/")
        self._sealer = sealer_for(settings)
        self._appeals = appeals
        self._reports = reports

    async def look(self, item: ReviewItem) -> dict[str, Any]:
        """Return exactly the fields of ``ReviewContentView``, and note who looked."""
        async with transaction(self._engine) as connection:
            job = await get_job(connection, item.tenant_id, item.job_id)
            evidence = await evidence_of(connection, item.tenant_id, item.job_id)
            appeal = await appeal_of(connection, item.tenant_id, item.job_id)
            reports = await reports_of(
                connection, item.tenant_id, item.job_id, limit=_REPORTS_SHOWN
            )
            told = {"job": format_id("job", item.job_id), "what": "texts"}
            await record(connection, item.tenant_id, _LOOKED, _name(item), told)
        pending = self._pending(item)
        return {
            "input": dict(job.input) if job and not job.input_erased else None,
            "judged": self._judged(evidence),
            "output_text": _text_of(job, pending),
            "pictures": self._pictures(item, job, pending),
            "appeal": self._words(appeal),
            "reports": [self._report(item, one) for one in reports],
        }

    async def picture(self, item: ReviewItem, index: int) -> Artifact:
        """Return where a picture is that is to be decided about, and note who looked.

        Raises:
            NotFoundError: There is no such picture.
            ReviewBarredError: Nobody is shown it.
        """
        async with transaction(self._engine) as connection:
            job = await get_job(connection, item.tenant_id, item.job_id)
            found = [one for one in _artifacts(job, self._pending(item)) if one.index == index]
            if not found:
                raise NotFoundError(f"{_name(item)} has no picture {index}")
            if _is_hidden(item):
                raise ReviewBarredError(
                    f"pictures of {SEXUAL_MINORS} are shown to nobody: decide by the prompt, "
                    "the detectors and the checksum, and report to whom the law names"
                )
            told = {"job": format_id("job", item.job_id), "what": f"picture {index}"}
            await record(connection, item.tenant_id, _LOOKED, _name(item), told)
        return found[0]

    def _pending(self, item: ReviewItem) -> PendingOutput | None:
        if item.pending is None:
            return None
        return open_pending(self._sealer, item.tenant_id, item.job_id, item.pending)

    def _judged(self, evidence: Sequence[Evidence]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for one in evidence:
            try:
                texts = texts_of(self._sealer, one)
            except SealedValueError:
                # Its key is gone; the rest can be seen all the same.
                continue
            found += [
                {
                    "stage": one.stage,
                    "at": text["at"],
                    "text": text.get("text"),
                    "sha256": text.get("sha256"),
                }
                for text in texts
            ]
        return found

    def _pictures(
        self, item: ReviewItem, job: JobRecord | None, pending: PendingOutput | None
    ) -> list[dict[str, Any]]:
        own = f"{self._public_url}/v1/reviews/{format_id('rev', item.id)}/pictures"
        return [
            {
                "index": one.index,
                "url": f"{own}/{one.index}",
                "content_type": one.content_type,
                "bytes": one.bytes,
                "width": one.width,
                "height": one.height,
                "hidden": _is_hidden(item),
            }
            for one in _artifacts(job, pending)
        ]

    def _words(self, appeal: Appeal | None) -> str | None:
        return self._appeals.words_of(appeal) if appeal else None

    def _report(self, item: ReviewItem, report: JobReport) -> Mapping[str, Any]:
        return {
            "category": report.category,
            "note": self._reports.words_of(item.tenant_id, item.job_id, report),
            "created_at": iso_ms(report.created_at),
        }


def _artifacts(job: JobRecord | None, pending: PendingOutput | None) -> Sequence[Artifact]:
    if pending is not None:
        return pending.artifacts
    return job.artifacts if job else ()


def _text_of(job: JobRecord | None, pending: PendingOutput | None) -> str | None:
    if pending is not None:
        return pending.result.get("text")
    return job.text if job else None


def _is_hidden(item: ReviewItem) -> bool:
    return SEXUAL_MINORS in {item.category, *item.verdict.get("violations", ())}


def _name(item: ReviewItem) -> str:
    return f"review {format_id('rev', item.id)}"
