"""The audit log: what was written stays as it was, and whoever changes it is found."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import acting_as, record
from infra.audit_bytes import AuditKey
from infra.objectstore.directory import DirectoryStore
from infra.postgres.audit_log import latest_entries, read_chain
from infra.postgres.engine import create_engine, transaction
from infra.settings import Settings
from producer.audit.anchors import NEWEST, anchor
from producer.audit.command import main
from producer.audit.verification import Verdict, verify
from schemas.audit import GENESIS

T = TypeVar("T")

_KEY = AuditKey(None, "a pepper for tests")
_ACME = 7


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "objects")


def _with(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async def run() -> T:
        engine = create_engine(settings, process="test")
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(run())


async def _write(engine: AsyncEngine, count: int, *, tenant: int = _ACME) -> None:
    for number in range(count):
        async with transaction(engine) as connection:
            with acting_as("operator ann@host"):
                await record(
                    connection, tenant, "tenant.changed", "tenant acme", {"weight": number}
                )


def _tamper(database_url: str, statement: str) -> None:
    """Change what genq never changes, as somebody with the database's own key could."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())


def _faults(settings: Settings, store: DirectoryStore) -> list[str]:
    return _verdict(settings, store).faults


def _verdict(settings: Settings, store: DirectoryStore) -> Verdict:
    return _with(settings, lambda engine: verify(engine, store, _KEY))


def _grown(settings: Settings, store: DirectoryStore) -> None:
    """Write two chains, anchor, and write some more."""

    async def grow(engine: AsyncEngine) -> None:
        await _write(engine, 3)
        await _write(engine, 2, tenant=0)
        await anchor(engine, store, _KEY)
        await _write(engine, 2)
        await anchor(engine, store, _KEY)
        await _write(engine, 1)

    _with(settings, grow)


def test_what_was_written_is_sound_and_says_who_did_what(
    settings: Settings, store: DirectoryStore
) -> None:
    _grown(settings, store)

    async def newest(engine: AsyncEngine) -> tuple[str, str, int, bytes]:
        async with transaction(engine) as connection:
            first = (await read_chain(connection, _ACME, after=0, limit=1))[0]
            last = (await latest_entries(connection, _ACME, before=None, limit=1))[0]
        return last.actor, last.action, last.seq, first.prev

    verdict = _verdict(settings, store)
    assert verdict == Verdict(entries=8, chains=2, anchors=2, unanchored=1, faults=[])
    assert _with(settings, newest) == ("operator ann@host", "tenant.changed", 6, GENESIS)


def test_the_database_itself_refuses_to_change_or_delete_an_entry(
    settings: Settings, store: DirectoryStore, database_url: str
) -> None:
    _grown(settings, store)
    for statement in (
        b"UPDATE audit_log SET actor = 'nobody'",
        b"DELETE FROM audit_anchor",
        b"TRUNCATE audit_log",
    ):
        with (
            psycopg.connect(database_url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="append only"),
        ):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (
            "UPDATE audit_log SET detail = '{}' WHERE tenant_id = 7 AND seq = 2",
            "chain of tenant 7, entry 2: it was changed after it was written",
        ),
        (
            "DELETE FROM audit_log WHERE tenant_id = 7 AND seq = 2",
            "chain of tenant 7: entries 2 to 2 are gone",
        ),
        (
            (
                "UPDATE audit_log SET seq = seq + 100 WHERE tenant_id = 7 AND seq IN (2, 3);"
                " UPDATE audit_log SET seq = 105 - seq WHERE tenant_id = 7 AND seq > 100"
            ),
            "chain of tenant 7, entry 2: it was changed after it was written",
        ),
        (
            "DELETE FROM audit_log WHERE tenant_id = 7 AND seq > 4",
            "chain of tenant 7: entries 5 to 5 were anchored and are gone",
        ),
        (
            "DELETE FROM audit_log WHERE tenant_id = 0",
            "chain of the installation: an anchor knows it, and it is gone",
        ),
        (
            "UPDATE audit_anchor SET signature = decode(repeat('00', 64), 'hex')",
            "the signature is not genq's",
        ),
        (
            "DELETE FROM audit_anchor WHERE id = (SELECT max(id) FROM audit_anchor)",
            "is in the object store, and gone from the database",
        ),
        (
            "DELETE FROM audit_anchor WHERE id = (SELECT min(id) FROM audit_anchor)",
            "the one before it is not there",
        ),
    ],
)
def test_what_is_changed_or_cut_off_is_found(
    settings: Settings, store: DirectoryStore, database_url: str, statement: str, fault: str
) -> None:
    _grown(settings, store)
    assert _faults(settings, store) == []
    _tamper(database_url, statement)
    assert any(fault in found for found in _faults(settings, store))


def test_a_tail_and_its_anchors_cut_off_together_are_found_even_after_new_anchors(
    settings: Settings, store: DirectoryStore, database_url: str
) -> None:
    _grown(settings, store)
    _tamper(
        database_url,
        "WITH a AS (DELETE FROM audit_anchor WHERE id = (SELECT max(id) FROM audit_anchor))"
        " DELETE FROM audit_log WHERE tenant_id = 7 AND seq > 3",
    )

    async def go_on(engine: AsyncEngine) -> None:
        await _write(engine, 1)
        await anchor(engine, store, _KEY)

    _with(settings, go_on)
    assert any("gone from the database" in fault for fault in _faults(settings, store))


def test_a_copy_that_was_lost_on_the_way_is_made_up_for(
    settings: Settings, store: DirectoryStore, tmp_path: Path
) -> None:
    _grown(settings, store)
    copies = sorted((tmp_path / "objects" / "audit").iterdir())
    for copy in copies[-2:]:
        copy.unlink()
    assert len(_faults(settings, store)) == 2

    _with(settings, lambda engine: anchor(engine, store, _KEY))
    assert _faults(settings, store) == []
    assert (tmp_path / "objects" / NEWEST).exists()


def test_writers_at_once_make_one_chain_without_gaps(
    settings: Settings, store: DirectoryStore
) -> None:
    async def crowd(engine: AsyncEngine) -> None:
        await asyncio.gather(*(_write(engine, 10) for _ in range(20)))

    _with(settings, crowd)
    verdict = _verdict(settings, store)
    assert (verdict.entries, verdict.faults) == (200, [])


def test_what_is_rolled_back_is_not_recorded(settings: Settings, store: DirectoryStore) -> None:
    async def fail(engine: AsyncEngine) -> None:
        await _write(engine, 1)
        async with engine.connect() as connection:
            await record(connection, _ACME, "tenant.changed", "tenant acme", {})
            await connection.rollback()
        await _write(engine, 1)

    _with(settings, fail)
    verdict = _verdict(settings, store)
    assert (verdict.entries, verdict.faults) == (2, [])


def test_a_log_that_cannot_be_read_is_not_called_false(
    settings: Settings,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {
        # A database without genq's tables.
        "DATABASE_URL": postgres_url,
        "BROKER_URL": settings.broker_url.get_secret_value(),
        "OBJECT_STORE": f"file://{tmp_path}/objects",
        "KEY_PEPPER": settings.key_pepper.get_secret_value(),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"GENQ_{name}", value)

    assert main(["verify"]) == 5
    assert "genq db check" in capsys.readouterr().err
