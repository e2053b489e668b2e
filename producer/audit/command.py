"""`genq audit`, from what was typed to what is printed."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.audit_bytes import key_of
from infra.objectstore.opening import open_store
from infra.postgres.audit_log import latest_entries
from infra.postgres.engine import create_engine, transaction
from infra.postgres.tenant_plans import find_plan
from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from producer.audit.verification import Verdict, verify
from producer.doctor.reach import find
from producer.operator.screen import Screen
from producer.operator.targets import unknown_tenant
from schemas.audit import INSTALLATION, AuditEntry
from schemas.audit_views import audit_view
from schemas.errors import GenqError, NotFoundError, SettingsError
from schemas.job import iso_ms

_FALSE = 1
_UNREACHABLE = 5
# Whatever keeps the log from being read: only what was read can be false.
_CODES = {NotFoundError.code: 3, SettingsError.code: 8}
_HEADINGS = ("seq", "at", "actor", "action", "object", "detail")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    given = _parse(arguments)
    try:
        settings = find(given.data_dir, embedded=given.embedded).settings()
        quiet = settings.model_copy(update={"log_level": "error"})
        configure_logging(quiet, process="audit", stream=sys.stderr.buffer)
        return asyncio.run(_run(given, settings))
    except GenqError as error:
        sys.stderr.write(f"genq: {error.message}\n")
        return _CODES.get(error.code, _UNREACHABLE)
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        sys.stderr.write(f"genq: {first}; is the database of this release? genq db check\n")
        return _UNREACHABLE


async def _run(given: argparse.Namespace, settings: Settings) -> int:
    screen = Screen(as_json=given.json)
    engine = create_engine(settings, process="audit")
    try:
        if given.command == "verify":
            store = open_store(settings)
            try:
                verdict = await verify(engine, store, key_of(settings))
            finally:
                await store.close()
            return _tell(screen, verdict)
        async with transaction(engine) as connection:
            tenant_id = await _tenant_id(connection, given.tenant)
            found = await latest_entries(connection, tenant_id, before=None, limit=given.limit)
        screen.show(
            _HEADINGS, [_row(entry) for entry in found], [audit_view(entry) for entry in found]
        )
        return 0
    finally:
        await engine.dispose()


async def _tenant_id(connection: AsyncConnection, name: str | None) -> int:
    if name is None:
        return INSTALLATION
    plan = await find_plan(connection, name)
    if plan is None:
        raise await unknown_tenant(connection, name)
    return plan.id


def _tell(screen: Screen, verdict: Verdict) -> int:
    sound = not verdict.faults
    facts: dict[str, Any] = {
        "sound": sound,
        "entries": verdict.entries,
        "chains": verdict.chains,
        "anchors": verdict.anchors,
        "unanchored": verdict.unanchored,
        "faults": verdict.faults,
    }
    counts = f"{verdict.entries} entries in {verdict.chains} chains, {verdict.anchors} anchors"
    lines = [f"FAULT {fault}" for fault in verdict.faults]
    lines.append(f"{'sound' if sound else 'NOT what was written'}: {counts}")
    if verdict.unanchored:
        lines.append(f"{verdict.unanchored} entries are newer than the last anchor")
    screen.say("\n".join(lines), facts)
    return 0 if sound else _FALSE


def _row(entry: AuditEntry) -> Sequence[str]:
    detail = orjson.dumps(entry.detail).decode() if entry.detail else ""
    return (
        str(entry.seq), iso_ms(entry.at), entry.actor, entry.action, entry.object, detail
    )  # fmt: skip


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="genq audit", description="the audit log")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in (("ls", "the newest entries of a chain"), ("verify", "is it all there?")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--json", action="store_true", help="JSON, one object a line")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
        if name == "ls":
            command.add_argument("--tenant", help="whose chain; without it the installation's")
            command.add_argument("--limit", type=int, default=50)
    return parser.parse_args(arguments)
