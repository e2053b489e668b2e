"""What the master key seals besides webhooks' secrets: keys, evidence, reviews; by pages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.subject_keys import salt_place
from infra.postgres.tenant_keys import key_place


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One value, and where it stands.

    Attributes:
        place: What it was sealed for.
    """

    table: str
    key: dict[str, Any]
    place: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Table:
    """How a table is read and written.

    Attributes:
        keys: Columns of its key, with their types.
        column: What is sealed.
        place: What a row's value is sealed for.
    """

    keys: dict[str, str]
    column: str
    place: Callable[[Any], str]
    more: str = ""


TABLES: Final[dict[str, _Table]] = {
    "tenant_key": _Table(
        {"tenant_id": "bigint", "number": "integer"},
        "wrapped",
        lambda row: key_place(row.tenant_id, row.number),
    ),
    "subject_key": _Table(
        {"tenant_id": "bigint", "subject": "bytea"},
        "salt",
        lambda row: salt_place((row.tenant_id, bytes(row.subject))),
    ),
    "safety_evidence": _Table(
        {"id": "uuid"},
        "body",
        lambda row: f"safety_evidence|{row.tenant_id}|{row.job_id}|{row.stage}",
        ", tenant_id, job_id, stage",
    ),
    "review_item": _Table(
        {"id": "uuid"},
        "pending",
        lambda row: f"review_item|{row.tenant_id}|{row.job_id}|pending",
        ", tenant_id, job_id",
    ),
    "appeal": _Table(
        {"id": "uuid"},
        "body",
        lambda row: f"appeal|{row.tenant_id}|{row.job_id}|body",
        ", tenant_id, job_id",
    ),
    "job_report": _Table(
        {"id": "uuid"},
        "note",
        lambda row: f"job_report|{row.tenant_id}|{row.job_id}|note",
        ", tenant_id, job_id",
    ),
    "review_decision": _Table(
        {"item_id": "uuid", "reviewer": "text"},
        "sealed_note",
        lambda row: f"review_decision|{row.item_id}|{row.reviewer}|note",
    ),
}


async def sealed_rows(
    connection: AsyncConnection, table: str, *, after: dict[str, Any] | None, limit: int
) -> list[SealedRow]:
    """Return what is sealed in a table, in the order of its key."""
    told = TABLES[table]
    names = ", ".join(told.keys)
    beyond = ", ".join(f"CAST(:{name} AS {kind})" for name, kind in told.keys.items())
    where = f"AND ({names}) > ({beyond})" if after else ""
    statement = text(
        f"SELECT {names}, {told.column} AS sealed{told.more} FROM {table}"
        f" WHERE octet_length({told.column}) > 0 {where} ORDER BY {names} LIMIT :limit"
    )
    rows = await connection.execute(statement, {**(after or {}), "limit": limit})
    return [
        SealedRow(
            table,
            {name: getattr(row, name) for name in told.keys},
            told.place(row),
            bytes(row.sealed),
        )
        for row in rows
    ]


async def replace_row(connection: AsyncConnection, row: SealedRow, sealed: bytes) -> bool:
    """Write what was sealed anew; false: somebody changed it meanwhile."""
    told = TABLES[row.table]
    same = " AND ".join(f"{name} = :{name}" for name in told.keys)
    statement = text(
        f"UPDATE {row.table} SET {told.column} = :new WHERE {same} AND {told.column} = :old"
    )
    values = {**row.key, "old": row.sealed, "new": sealed}
    return (await connection.execute(statement, values)).rowcount == 1
