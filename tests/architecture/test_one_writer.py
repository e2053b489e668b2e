"""SQL has one home, and a transaction one owner.

The bug class: two places that move a job, of which one forgets the fence or the event; and a
function that commits half of what its caller wanted to commit as one.
"""

import ast
import re
from collections.abc import Iterator

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
from tests.architecture.source import ROOT, Source, dotted, python_files, refuse

TABLE_MODULES = (
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
TABLES = "|".join(metadata.tables)
WRITE = re.compile(
    rf"\b(INSERT\s+INTO|DELETE\s+FROM|TRUNCATE(\s+TABLE)?|UPDATE|MERGE\s+INTO|COPY)\s+"
    rf"(ONLY\s+)?(({TABLES})\b|\{{\}})",
    re.IGNORECASE,
)
READ = re.compile(rf"\bSELECT\b.*\b(FROM|JOIN)\s+({TABLES})\b", re.IGNORECASE | re.DOTALL)
BUILDERS = {"insert", "update", "delete", "select", "text"}
HOMES = ("infra/postgres/", "migrations/", "schemas/tables/")


def sql_outside_its_home(source: Source) -> Iterator[str]:
    if source.path.startswith(HOMES):
        return
    for line, string in source.strings:
        if WRITE.search(string) or READ.search(string):
            yield f"{source.path}:{line}: SQL belongs to infra/postgres"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sqlalchemy"):
            built = BUILDERS & {alias.name for alias in node.names}
            if built:
                yield f"{source.path}:{node.lineno}: {', '.join(sorted(built))}: see above"


def ends_of_transactions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func).endswith((".commit", ".rollback")):
            yield f"{source.path}:{node.lineno}: the caller owns the transaction"


def test_sql_is_in_infra_postgres_alone() -> None:
    sources = python_files("producer", "worker", "infra", "genq", "schemas")
    refuse(fault for source in sources for fault in sql_outside_its_home(source))


def test_nothing_in_infra_postgres_ends_a_transaction() -> None:
    sources = python_files("infra/postgres")
    refuse(fault for source in sources for fault in ends_of_transactions(source))


def test_every_file_of_tables_is_known_here() -> None:
    files = {file.stem for file in (ROOT / "schemas/tables").glob("*.py")}
    assert files - {"__init__", "metadata"} == {
        module.__name__.rpartition(".")[2] for module in TABLE_MODULES
    }


def test_sql_elsewhere_is_found() -> None:
    for text in (
        'q = "INSERT INTO live (job_id) VALUES (1)"',
        'q = """\nupdate only flow set vtime = 1"""',
        'q = f"DELETE FROM {table} WHERE id = 1"',
        'q = "SELECT id FROM job"',
        "from sqlalchemy import text",
    ):
        faults = list(sql_outside_its_home(Source("worker/x.py", text)))
        assert len(faults) == 1, text


def test_words_about_sql_are_not_sql() -> None:
    for text in ('"""Update live jobs."""', 'log("delete of job refused")', "x.update(live)"):
        assert list(sql_outside_its_home(Source("worker/x.py", text))) == []


def test_a_commit_is_found() -> None:
    text = "async def f(connection):\n    await connection.commit()\n"
    assert len(list(ends_of_transactions(Source("infra/postgres/x.py", text)))) == 1
