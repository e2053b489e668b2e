"""Compare the tables of a database with those of the code, through PostgreSQL's own eyes.

Alembic's comparison does not look at index predicates, partitioning, storage options or
constraint texts. Here the code's tables are made in a scratch schema that is rolled back, and
PostgreSQL describes both sides in the same words.
"""

import re
from typing import Final

from sqlalchemy import Connection, text

from schemas.tables import (
    audit,
    batches,
    budgets,
    cache,
    chat,
    delivery,
    ledger,
    lineage,
    privacy,
    provenance,
    queue,
    routing,
    safety,
    schedules,
    tenants,
    usage,
    webhooks,
)
from schemas.tables.metadata import metadata

# A module puts its tables into the metadata when it is imported.
TABLE_MODULES: Final = (
    audit,
    batches,
    budgets,
    cache,
    chat,
    delivery,
    ledger,
    lineage,
    privacy,
    provenance,
    queue,
    routing,
    safety,
    schedules,
    tenants,
    usage,
    webhooks,
)

_SCRATCH: Final = "genq_drift"
_IGNORED: Final = re.compile(r"alembic_version$|.*_p\d{8}$")

_FACTS: Final = text("""
SELECT c.relname, 'table' AS what, concat_ws(' ', 'table',
         'partitioned by ' || pg_get_partkeydef(c.oid), CAST(c.reloptions AS text)) AS fact
  FROM pg_class c
 WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p')
UNION ALL
SELECT c.relname, 'column ' || a.attname, concat_ws(' ',
         format_type(a.atttypid, a.atttypmod),
         CASE WHEN a.attnotnull THEN 'not null' END,
         CASE WHEN a.attidentity <> '' THEN 'identity ' || CAST(a.attidentity AS text) END,
         'default ' || pg_get_expr(d.adbin, d.adrelid))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p')
   AND NOT a.attisdropped
UNION ALL
SELECT c.relname, 'constraint ' || k.conname, pg_get_constraintdef(k.oid)
  FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid
 WHERE c.relnamespace = CAST(:schema AS regnamespace)
UNION ALL
SELECT c.relname, 'index ' || CAST(i.indexrelid AS regclass), pg_get_indexdef(i.indexrelid)
         || CASE WHEN i.indisvalid OR c.relkind = 'p' THEN '' ELSE ' invalid' END
  FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
 WHERE c.relnamespace = CAST(:schema AS regnamespace)
""")

Facts = dict[tuple[str, str], str]


def find_drift(connection: Connection) -> list[str]:
    """Return what differs, one line each; the connection's transaction is rolled back."""
    try:
        schema = str(connection.execute(text("SELECT current_schema()")).scalar_one())
        found = _facts(connection, schema)
        connection.execute(text(f"CREATE SCHEMA {_SCRATCH}"))
        connection.execute(text(f"SET LOCAL search_path = {_SCRATCH}"))
        metadata.create_all(connection, checkfirst=False)
        wanted = _facts(connection, _SCRATCH)
    finally:
        connection.rollback()
    return [
        _difference(table, what, found.get((table, what)), wanted.get((table, what)))
        for table, what in sorted(found.keys() | wanted.keys())
        if found.get((table, what)) != wanted.get((table, what))
    ]


def _facts(connection: Connection, schema: str) -> Facts:
    rows = connection.execute(_FACTS, {"schema": f'"{schema}"'})
    # The schema's own name occurs in index definitions, and is no difference.
    qualified = re.compile(rf'\b{re.escape(schema)}\.|"{re.escape(schema)}"\.')
    return {
        (str(table), str(what)): qualified.sub("", str(fact))
        for table, what, fact in rows
        if not _IGNORED.match(table)
    }


def _difference(table: str, what: str, found: str | None, wanted: str | None) -> str:
    if found is None:
        return f"{table}: {what} is missing in the database: {wanted}"
    if wanted is None:
        return f"{table}: {what} is only in the database: {found}"
    return f"{table}: {what}: the database has: {found}; the code wants: {wanted}"
