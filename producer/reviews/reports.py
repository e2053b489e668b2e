"""Reports: what users say of results, and the one item per job that is open for it."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.new_ids import new_key
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.reports import JobReport, add_report, lock_reports
from infra.postgres.reviews import NewReview, open_reviews
from infra.postgres.tenants import Tenant
from infra.sealing import sealer_for
from infra.settings import Settings
from infra.subjects import subject_of
from schemas.ids import format_id
from schemas.job import JobRecord, iso_ms
from schemas.job_states import JobState
from schemas.review import Origin, ReportRequest
from schemas.safety import Stage


class Reports:
    """Takes in what users say of a tenant's results.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: The keys of what they write, and the pepper of pseudonyms.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._sealer = sealer_for(settings)

    async def add(self, tenant: Tenant, job: JobRecord, said: ReportRequest) -> dict[str, Any]:
        """Keep a report, and ask people unless they are asked already; return its JSON."""
        key = new_key()
        note = said.note
        sealed = (
            self._sealer.seal(note.encode(), place=_place(tenant.id, job.id)) if note else None
        )
        reporter = (
            subject_of(self._settings, tenant.id, said.reporter) if said.reporter else None
        )
        async with transaction(self._engine) as connection:
            item_id = await lock_reports(connection, tenant.id, job.id)
            if item_id is None:
                item = _item(job, said.category)
                item_id = item.id
                await open_reviews(connection, [item])
            created_at = await add_report(
                connection,
                key=key,
                tenant_id=tenant.id,
                job_id=job.id,
                category=said.category,
                reporter=reporter,
                note=sealed,
                item_id=item_id,
            )
            of = f"report {format_id('rpt', key)}"
            told = {"job": format_id("job", job.id), "category": said.category}
            await record(connection, tenant.id, "job.reported", of, told)
        return {
            "id": format_id("rpt", key),
            "object": "report",
            "job": format_id("job", job.id),
            "review": format_id("rev", item_id),
            "category": said.category,
            "created_at": iso_ms(created_at),
        }

    def words_of(self, tenant_id: int, job_id: UUID, report: JobReport) -> str | None:
        """Return what was written; ``None``: nothing was, or it was erased.

        Raises:
            SealedValueError: Its key is not known any more.
        """
        if report.note is None:
            return None
        return self._sealer.open(report.note, place=_place(tenant_id, job_id)).decode()


def _item(job: JobRecord, category: str) -> NewReview:
    output = job.state is JobState.SUCCEEDED
    return NewReview(
        id=new_key(),
        tenant_id=job.tenant_id,
        job_id=job.id,
        stage=Stage.OUTPUT if output else Stage.PROMPT,
        category=category,
        verdict=orjson.dumps(job.verdict or {}).decode(),
        origin=Origin.REPORT,
        holds=False,
    )


def _place(tenant_id: int, job_id: UUID) -> str:
    return f"job_report|{tenant_id}|{job_id}|note"
