"""The tree that a job belongs to, as callers see it: a page at a time, oldest first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.lineage import TreeJob, read_tree
from schemas.ids import format_id
from schemas.job import JobRecord, iso_ms
from schemas.job_states import JobState, status_of
from schemas.lineage import lineage_view


async def tree_page(
    connection: AsyncConnection,
    job: JobRecord,
    *,
    limit: int,
    after: UUID | None,
    public_url: str,
) -> dict[str, Any]:
    """Return one page of the tree that ``job`` belongs to: the fields of ``JobTreeView``.

    Args:
        connection: To PostgreSQL.
        job: Any job of the tree; one that nothing was derived from is a tree of its own.
        limit: How many jobs.
        after: Only younger ones.
        public_url: Where callers reach the API, without a final slash.
    """
    root = job.lineage.root_id if job.lineage is not None else job.id
    found = await read_tree(connection, job.tenant_id, root, limit=limit + 1, after=after)
    more = len(found) > limit
    shown: Sequence[TreeJob] = found[:limit]
    return {
        "object": "list",
        "root": format_id("job", root),
        "data": [_tree_job_view(one, public_url) for one in shown],
        "has_more": more,
        "next": format_id("job", shown[-1].id) if more else None,
    }


def _tree_job_view(one: TreeJob, public_url: str) -> dict[str, Any]:
    """Return the fields of ``TreeJobView``."""
    shown = format_id("job", one.id)
    lineage = lineage_view(one.lineage) or {"parents": [], "action": None}
    detail: dict[str, Any] = dict(one.lineage.detail) if one.lineage is not None else {}
    own_url = f"{public_url}/v1/jobs/{shown}"
    visible = one.state is JobState.SUCCEEDED and one.pictures and not one.erased
    return {
        "id": shown,
        "action": lineage["action"],
        "index": detail.get("index"),
        "detail": {name: value for name, value in detail.items() if name != "index"},
        "parents": lineage["parents"],
        "kind": one.kind.value if one.kind else None,
        "model": one.model,
        "status": status_of(one.state).value if one.state else None,
        "created_at": iso_ms(one.created_at) if one.created_at else None,
        "erased": one.erased or one.kind is None,
        "pictures": 0 if one.erased else len(one.pictures),
        "thumbnail": f"{own_url}/artifacts/{one.pictures[0]}" if visible else None,
    }
