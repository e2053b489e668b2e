"""Looks at the limits again and again, over a connection that no fault touches on purpose."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from schemas.lanes import BY_NUMBER
from tests.chaos.postgres import Postgres
from tests.chaos.tenants import Enrolled

_EVERY_SECONDS: Final = 0.05
_IN_FLIGHT: Final = """
SELECT tenant_id, lane, count(*) FROM live WHERE state IN (3, 4) GROUP BY tenant_id, lane
"""


class Watch:
    """What was seen of the limits at every look."""

    def __init__(self, postgres: Postgres, tenants: Sequence[Enrolled]) -> None:
        self.looks = 0
        self.most: Counter[str] = Counter()
        self.faults: list[str] = []
        self._postgres = postgres
        self._tenants: Mapping[int, Enrolled] = {tenant.id: tenant for tenant in tenants}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._postgres.url, autocommit=True
                ) as connection:
                    while True:
                        rows = await (await connection.execute(_IN_FLIGHT)).fetchall()
                        self._judge(rows)
                        await asyncio.sleep(_EVERY_SECONDS)
            except psycopg.OperationalError:
                # It crashed on our order, and recovers.
                await asyncio.sleep(_EVERY_SECONDS)

    def _judge(self, rows: Sequence[Any]) -> None:
        self.looks += 1
        total: Counter[int] = Counter()
        for tenant_id, lane, jobs in rows:
            tenant = self._tenants[tenant_id]
            total[tenant_id] += jobs
            place = f"{tenant.plan.name} in {BY_NUMBER[lane].value}"
            self._compare(place, jobs, tenant.plan.max_inflight)
        for tenant_id, jobs in total.items():
            plan = self._tenants[tenant_id].plan
            if plan.total is not None:
                self._compare(f"{plan.name} in all lanes", jobs, plan.total)

    def _compare(self, place: str, jobs: int, most: int) -> None:
        self.most[f"{place}, at most {most}"] = max(jobs, self.most[f"{place}, at most {most}"])
        if jobs > most:
            self.faults.append(f"{place}: {jobs} in flight, at most {most} allowed")
