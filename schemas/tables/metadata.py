"""One MetaData for all tables; names of constraints; which tables are partitioned by time."""

from typing import Any, Final

from sqlalchemy import MetaData
from sqlalchemy.types import UserDefinedType

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Ledger tables, range-partitioned by a UUIDv7 column: table -> column. A partition is named
# ``{table}_p{YYYYMMDD}`` after its first day; retention drops whole partitions.
PARTITIONED: Final = {
    "job": "id",
    "payload": "job_id",
    "result": "job_id",
    "attempt": "job_id",
    "outbox": "job_id",
    "delivery_attempt": "event_id",
    "lineage": "job_id",
}


def by_range(table: str) -> dict[str, Any]:
    """Return the table options that partition ``table`` by its UUIDv7 column."""
    return {"postgresql_partition_by": f"RANGE ({PARTITIONED[table]})"}


# Small tables that change all the time: room for HOT updates, and vacuum at once.
HOT: Final[dict[str, Any]] = {
    "postgresql_with": {
        "fillfactor": 70,
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_cost_delay": 0,
    }
}


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id; SQLAlchemy has no name for it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name in SQL."""
        return "xid8"
