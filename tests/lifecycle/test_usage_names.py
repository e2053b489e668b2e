"""Whom usage names: what an erasure looks through."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.usage import _NAMES, names_in_usage
from producer.dispatcher.usage import add_up_usage
from tests.fixtures.harness import Harness


def test_whom_usage_names_is_read_page_by_page_from_their_index(genq: Harness) -> None:
    for name in ("ann", "bob", "cid", None):
        genq.submit(end_user=name)
        genq.run_until_idle()
        if name == "bob":
            genq.do(add_up_usage(genq._engine))
    tenant_id = genq.tenant("acme").id

    async def looked(connection: AsyncConnection) -> str:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        values = {"tenant_id": tenant_id, "after": "", "limit": 1}
        plan = await connection.execute(text(f"EXPLAIN {_NAMES.text}"), values)
        return "\n".join(plan.scalars())

    def behind(name: str) -> list[str]:
        return genq.in_transaction(lambda c: names_in_usage(c, tenant_id, after=name, limit=1))

    assert [behind(name) for name in ("", "ann", "bob", "cid")] == [
        ["ann"],
        ["bob"],
        ["cid"],
        [],
    ]
    assert "ix_usage_hour_end_user" in genq.in_transaction(looked)
