"""People's data on the command line, from what was typed to what is printed."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import acting_as
from infra.postgres.engine import create_engine, transaction
from infra.sealing import sealer_for
from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from producer.doctor.reach import find
from producer.operator import plans
from producer.operator.screen import Screen
from producer.operator.who import operator
from producer.privacy import holds, rules
from producer.privacy.erasing import ask_for_erasure
from producer.privacy.export import export_person
from producer.privacy.rotation import rotate_all, rotate_one
from producer.privacy.words import parse
from schemas.errors import GenqError, InputError, NotFoundError, SettingsError
from schemas.generation import Kind
from schemas.ids import InvalidIdError, parse_id
from schemas.lanes import Lane
from schemas.privacy import (
    HoldRequest,
    RetentionRequest,
    erasure_view,
    hold_view,
    rule_view,
)
from schemas.privacy_errors import LegalHoldError

_FAILED = 1
_UNREACHABLE = 5
_CODES = {
    NotFoundError.code: 3,
    LegalHoldError.code: 9,
    InputError.code: 2,
    SettingsError.code: 8,
}
_RULES = ("lane", "kind", "prompt_hours", "result_hours")
_HOLDS = ("id", "tenant", "person", "job", "reason", "placed_by", "placed_at", "released_at")

_Given = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    given = parse(arguments)
    try:
        settings = find(given.data_dir, embedded=given.embedded).settings()
        quiet = settings.model_copy(update={"log_level": "error"})
        configure_logging(quiet, process="privacy", stream=sys.stderr.buffer)
        with acting_as(f"operator {operator()}"):
            asyncio.run(_run(given, settings))
    except GenqError as error:
        sys.stderr.write(f"genq: {error.message}\n")
        return _CODES.get(error.code, _UNREACHABLE)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            sys.stderr.write(f"genq: {'.'.join(map(str, fault['loc']))}: {fault['msg']}\n")
        return _CODES[InputError.code]
    except OSError as error:
        sys.stderr.write(f"genq: {error.filename}: {error.strerror}\n")
        return _FAILED
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        sys.stderr.write(f"genq: {first}; is the database of this release? genq db check\n")
        return _UNREACHABLE
    return 0


async def _run(given: _Given, settings: Settings) -> None:
    engine = create_engine(settings, process="privacy")
    screen = Screen(as_json=given.json, quiet=given.quiet)
    try:
        await _COMMANDS[given.command](given, settings, engine, screen)
    finally:
        await engine.dispose()


async def _erase(
    given: _Given, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    tenant_id = await _tenant(engine, given.tenant)
    shown = await ask_for_erasure(engine, settings, tenant_id, given.end_user)
    view = erasure_view(shown.erasure, shown.holds, shown.evidence)
    screen.say(f"{view['id']}: no job of {view['person']} opens any more", view)
    for hold in view["held"]["holds"]:
        screen.remark(f"{hold} keeps a job of theirs")
    if view["held"]["evidence"]:
        screen.remark(f"{len(view['held']['evidence'])} pieces of evidence are kept")
    screen.remark("the dispatcher deletes the rest: genq audit ls --tenant " + given.tenant)


async def _export(
    given: _Given, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    tenant_id = await _tenant(engine, given.tenant)
    jobs = 0
    # A new file: nothing is written over.
    file = sys.stdout.buffer if given.output is None else given.output.open("xb")
    try:
        public_url = settings.public_url.rstrip("/")
        async for job in export_person(engine, tenant_id, given.end_user, public_url):
            file.write(orjson.dumps(job) + b"\n")
            jobs += 1
    finally:
        if given.output is None:
            file.flush()
        else:
            file.close()
    screen.remark(f"{jobs} jobs" if given.output is None else f"{jobs} jobs: {given.output}")


async def _list_rules(given: _Given, _: Settings, engine: AsyncEngine, screen: Screen) -> None:
    found = await rules.show_rules(engine, await _tenant(engine, given.tenant))
    views = [rule_view(rule) for rule in found]
    rows = [
        [str(view[name] if view[name] is not None else "any") for name in _RULES]
        for view in views
    ]
    screen.show([name.replace("_", " ") for name in _RULES], rows, views)
    if not found:
        screen.remark("no rules: content goes with its job")


async def _set_rule(given: _Given, _: Settings, engine: AsyncEngine, screen: Screen) -> None:
    wanted = RetentionRequest(
        lane=_lane(given),
        kind=_kind(given),
        prompt_hours=given.prompt_hours,
        result_hours=given.result_hours,
    )
    rule = await rules.keep_for(engine, await _tenant(engine, given.tenant), wanted)
    told = f"prompts {rule.prompt_hours} h, results {rule.result_hours} h after a job's end"
    screen.say(f"{_of(given)}: {told}", rule_view(rule))


async def _remove_rule(given: _Given, _: Settings, engine: AsyncEngine, screen: Screen) -> None:
    tenant_id = await _tenant(engine, given.tenant)
    await rules.forget_rule(engine, tenant_id, _lane(given), _kind(given))
    screen.say(f"{_of(given)}: no rule", {"lane": given.lane, "kind": given.kind})


async def _list_holds(given: _Given, _: Settings, engine: AsyncEngine, screen: Screen) -> None:
    found = await holds.show_holds(engine, given.tenant, everything=given.released)
    _show(screen, _HOLDS, [hold_view(name, hold) for name, hold in found])
    if not found:
        screen.remark("no holds")


async def _place_hold(
    given: _Given, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    wanted = HoldRequest(
        tenant=given.tenant, end_user=given.end_user, job_id=given.job, reason=given.reason
    )
    view = hold_view(*await holds.place(engine, settings, wanted))
    of = view["person"] or view["job"] or f"all of tenant {view['tenant']}"
    screen.say(f"{view['id']} keeps {of}", view)
    screen.remark(f"next: genq hold release {view['id']}")


async def _release_hold(
    given: _Given, _: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    try:
        hold_id = parse_id("hold", given.hold)
    except InvalidIdError as error:
        raise InputError(f"{given.hold} is no hold's id: {error}") from None
    await holds.release(engine, hold_id)
    screen.say(f"{given.hold}: released", {"id": given.hold, "released": True})


async def _rotate(
    given: _Given, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    sealer = sealer_for(settings)
    if given.tenant is None:
        rotated = await rotate_all(engine, sealer)
        screen.say(f"{rotated} tenants have a new data key", {"tenants": rotated})
    else:
        number = await rotate_one(engine, sealer, await _tenant(engine, given.tenant))
        screen.say(f"{given.tenant}: data key {number}", {"number": number})
    screen.remark("it seals within five minutes; older keys go on opening what they sealed")


_COMMANDS: Mapping[str, Callable[[_Given, Settings, AsyncEngine, Screen], Awaitable[None]]] = {
    "erase": _erase,
    "export": _export,
    "retention-ls": _list_rules,
    "retention-set": _set_rule,
    "retention-rm": _remove_rule,
    "hold-ls": _list_holds,
    "hold-place": _place_hold,
    "hold-release": _release_hold,
    "rotate-data": _rotate,
}


async def _tenant(engine: AsyncEngine, name: str) -> int:
    async with transaction(engine) as connection:
        return (await plans.find(connection, name)).id


def _show(screen: Screen, columns: Sequence[str], views: Sequence[dict[str, Any]]) -> None:
    rows = [
        ["" if view[name] is None else str(view[name]) for name in columns] for view in views
    ]
    screen.show([name.replace("_", " ") for name in columns], rows, views)


def _lane(given: _Given) -> Lane | None:
    return Lane(given.lane) if given.lane else None


def _kind(given: _Given) -> Kind | None:
    return Kind(given.kind) if given.kind else None


def _of(given: _Given) -> str:
    return f"{given.tenant}, lane {given.lane or 'any'}, kind {given.kind or 'any'}"
