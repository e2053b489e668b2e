"""A new master key takes the place of an older one while everything goes on."""

import base64
from typing import Any

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import create_engine
from infra.sealing import Sealer
from infra.settings import Settings
from infra.webhook_receivers import Destinations
from producer.operator.command import main
from producer.webhooks.reseal import Resealed, reseal
from producer.webhooks.tenant_secret import rotate_secret
from schemas.receiver import Receiver
from schemas.webhook_errors import SealedValueError
from schemas.webhooks import AuthKind, Signatures
from tests.fixtures.endpoints import SEALER, make_endpoint
from tests.fixtures.harness import Harness

OLD = bytes(range(32))
NEW = bytes(range(32, 64))


async def receivers(connection: Any, settings: Settings, sealer: Sealer) -> list[Receiver]:
    lanes = (await connection.exec_driver_sql("SELECT id FROM webhook_lane ORDER BY id")).all()
    reads = Destinations(sealer, timeout=settings.webhook_timeout)
    found = await reads.read(connection, [row.id for row in lanes])
    assert [one.fault for one in found.values()] == [None] * len(lanes)
    return [found[row.id].receiver for row in lanes]


def seal_something(genq: Harness, sealer: Sealer) -> None:
    """Give a tenant and its endpoint everything that is ever sealed."""
    tenant = genq.tenant("acme")

    async def write(connection: Any) -> None:
        made = await make_endpoint(
            connection,
            tenant.id,
            "https://example.com/hook",
            headers={"X-A": "1"},
            auth_kind=AuthKind.BEARER,
            auth={"token": "t"},
            signatures=Signatures.V1 | Signatures.V1A,
            sealer=sealer,
        )
        await rotate_secret(connection, sealer, tenant.id, grace_seconds=60)
        await connection.exec_driver_sql(
            "INSERT INTO webhook_lane (id, tenant_id, endpoint_id, origin)"
            " VALUES (1, %(tenant)s, NULL, 'https://example.com'),"
            " (2, %(tenant)s, %(endpoint)s, 'https://example.com')",
            {"tenant": tenant.id, "endpoint": made.id},
        )

    genq.in_transaction(write)


def test_everything_is_sealed_anew_once(genq: Harness) -> None:
    old, both, new = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
    seal_something(genq, old)

    async def walk(sealer: Sealer) -> Resealed:
        engine: AsyncEngine = create_engine(genq.settings, process="test")
        try:
            return await reseal(engine, sealer)
        finally:
            await engine.dispose()

    before = genq.in_transaction(lambda c: receivers(c, genq.settings, old))
    # Three secrets, headers and credentials.
    assert genq.do(walk(both)) == Resealed(looked=5, sealed=5)
    assert genq.do(walk(both)) == Resealed(looked=5)
    assert genq.in_transaction(lambda c: receivers(c, genq.settings, new)) == before
    assert genq.do(walk(old)) == Resealed(looked=5, unreadable=5)
    with pytest.raises(SealedValueError, match="GENQ_SECRETS_KEY"):
        old.open(
            genq.sql("SELECT sealed FROM webhook_secret")[0].sealed, place="endpoint:x:secret"
        )


def test_an_operator_moves_from_the_pepper_to_a_key_of_its_own(
    genq: Harness,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seal_something(genq, SEALER)
    written = base64.b64encode(NEW).decode()
    settings = genq.settings
    given = {
        "GENQ_DATABASE_URL": settings.database_url.get_secret_value(),
        "GENQ_BROKER_URL": settings.broker_url.get_secret_value(),
        "GENQ_VALKEY_URL": settings.doorbell_url(),
        "GENQ_KEY_PEPPER": settings.key_pepper.get_secret_value(),
        "GENQ_SECRETS_KEY": written,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert main(["webhook-reseal", "--json"]) == 0
    done = orjson.loads(capsys.readouterr().out)
    assert done == {"looked": 5, "sealed": 5, "unreadable": 0}
    alone = Sealer([NEW])
    assert len(genq.in_transaction(lambda c: receivers(c, settings, alone))) == 2

    # Somebody else's key opens nothing, and says so.
    monkeypatch.setenv("GENQ_SECRETS_KEY", base64.b64encode(OLD).decode())
    assert main(["webhook-reseal"]) == 1
    assert "after the newest" in capsys.readouterr().err
