"""What the tests of people's data have in common: their jobs, and the dispatcher's duties."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from sqlalchemy import text

from infra.postgres.engine import transaction, whole_transactions
from producer.cancel import Canceller
from producer.privacy.erasure_walk import ErasureWalk
from schemas.ids import parse_id
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key

SECRET: Final = "a letter to my doctor"
ANSWER: Final = "dear patient"
RETENTION: Final = "/v1/privacy/retention"
ERASURES: Final = "/v1/privacy/erasures"
HOLDS: Final = "/v1/admin/legal_holds"


async def sql(api: Served, statement: str, **values: Any) -> Sequence[Any]:
    async with transaction(whole_transactions(api.services.engine)) as connection:
        found = await connection.execute(text(statement), values)
        return found.all() if found.returns_rows else ()


async def submitted(api: Served, end_user: str | None = "ada", **more: Any) -> str:
    body = {"kind": "chat", "input": {"messages": [{"role": "user", "content": SECRET}]}}
    job = await api.submit(
        body | {"end_user": end_user, "metadata": {"name": "Ada L."}, **more}
    )
    return job["id"]


async def ended(api: Served, end_user: str | None = "ada") -> str:
    job_id = await submitted(api, end_user)
    await end(api, job_id)
    return job_id


async def end(api: Served, job_id: str, *, hours_ago: int = 0) -> None:
    await api.end(job_id, text=ANSWER, pictures=(b"picture",))
    await sql(
        api,
        "UPDATE job SET finished_at = now() - make_interval(hours => :hours) WHERE id = :id",
        id=parse_id("job", job_id),
        hours=hours_ago,
    )


async def shown(api: Served, job_id: str) -> dict[str, Any]:
    return (await api.http.get(f"/v1/jobs/{job_id}")).json()


async def exported(api: Served, end_user: str = "ada") -> list[dict[str, Any]]:
    answer = await api.http.get("/v1/privacy/export", params={"end_user": end_user})
    assert answer.status_code == 200
    return [orjson.loads(line) for line in answer.content.splitlines()]


def walk_of(api: Served) -> ErasureWalk:
    services = api.services
    canceller = Canceller(services.engine, services.settings, services.doorbells)
    return ErasureWalk(services.engine, services.settings, services.store, canceller)


async def carry_out(api: Served, walk: ErasureWalk | None = None) -> None:
    """Let the grace pass, and do what dispatchers do."""
    await sql(
        api,
        "UPDATE erasure SET asked_at = asked_at - interval '3 seconds'"
        " WHERE state = 0 AND asked_at > now() - interval '3 seconds'",
    )
    here = walk or walk_of(api)
    while await here.step():
        pass


async def erase(api: Served, end_user: str = "ada") -> Any:
    answer = await api.http.post(ERASURES, json={"end_user": end_user})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def hold(api: Served, admin: dict[str, str], **what: str) -> str:
    body = {"tenant": "acme", "reason": "case 12", **what}
    answer = await api.http.post(HOLDS, json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def as_admin(api: Served) -> dict[str, str]:
    key = await new_key(api.services, "operators", KeyScope.ADMIN)
    return {"Authorization": f"Bearer {key}"}
