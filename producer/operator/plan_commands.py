"""What `genq tenant` does, from what was typed to what is printed."""

import argparse
import shlex
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.doorbells import DELIVER, Doorbells
from infra.postgres.engine import transaction
from infra.postgres.pauses import Scope
from infra.postgres.tenant_plans import TenantPlan, list_plans
from infra.sealing import sealer_for
from infra.settings import Settings
from producer.keys import NewKey
from producer.operator import plans
from producer.operator.key_commands import keys_of, require_pepper
from producer.operator.plan_screen import change_facts, show_change, show_plans, show_standing
from producer.operator.plans import Changed
from producer.operator.screen import Screen
from producer.operator.sealing_commands import require_sealer
from producer.operator.who import operator
from schemas.api_key import KeyRequest
from schemas.job import iso_ms
from schemas.scopes import EVERYTHING, OWN_TENANT

_FIRST_KEY: Final = "first key"

_log: Final = structlog.get_logger()


async def run_tenants(
    given: argparse.Namespace, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    """Run a command of `genq tenant`.

    Raises:
        NotFoundError: There is no such tenant.
        SettingsError: A tenant's key cannot be made without the installation's pepper.
    """
    match given.command:
        case "tenant-ls":
            await _list(given, engine, screen)
        case "tenant-show":
            async with transaction(engine) as connection:
                show_standing(screen, await plans.look(connection, given.name))
        case "tenant-set":
            await _set(given, settings, engine, screen)
        case "tenant-secret":
            await _rotate_secret(given, settings, engine, screen)
        case _:
            await _suspend(given, engine, screen, suspended=given.command == "tenant-suspend")


async def _rotate_secret(
    given: argparse.Namespace, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    if given.grace:
        require_sealer(settings)
    done = await plans.rotate_webhook_secret(
        engine, sealer_for(settings), given.name, grace_seconds=given.grace
    )
    _tell("webhook_secret_rotated", done.plan)
    async with Doorbells(settings.doorbell_url()) as doorbells:
        await doorbells.ring(DELIVER)
    facts = {"name": done.plan.name, "webhook_secret": done.webhook_secret}
    screen.say(done.webhook_secret, {**facts, "grace_seconds": given.grace})
    screen.remark(f"webhooks of tenant {done.plan.name} are signed with it from now on")
    ends = f"for {given.grace} s more" if given.grace else "no more"
    screen.remark(f"the former one signs {ends}")


async def _list(given: argparse.Namespace, engine: AsyncEngine, screen: Screen) -> None:
    async with transaction(engine) as connection:
        found = await list_plans(
            connection, prefix=given.prefix, after=given.after, limit=given.limit + 1
        )
    shown = found[: given.limit]
    if not shown:
        screen.remark("no tenant fits")
        return
    show_plans(screen, shown)
    if len(found) > len(shown):
        screen.remark(f"there are more: --after {shlex.quote(shown[-1].name)}")


async def _set(
    given: argparse.Namespace, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    if given.create:
        require_pepper(settings)
    async with Doorbells(settings.doorbell_url()) as doorbells:
        done = await plans.change(
            engine,
            doorbells,
            given.name,
            given.wanted,
            create_with=settings.tenant_max_inflight if given.create else None,
        )
    if done.fields or done.created:
        _tell("tenant_changed", done.plan, created=done.created, changed=change_facts(done))
    show_change(screen, done, await _first_key(done, settings, engine))


async def _first_key(done: Changed, settings: Settings, engine: AsyncEngine) -> NewKey | None:
    if not done.created:
        return None
    wanted = KeyRequest(name=_FIRST_KEY)
    keys = keys_of(engine, settings)
    return await keys.create(done.plan.id, wanted, may=EVERYTHING, unless_told=OWN_TENANT)


async def _suspend(
    given: argparse.Namespace, engine: AsyncEngine, screen: Screen, *, suspended: bool
) -> None:
    async with transaction(engine) as connection:
        before = await plans.find(connection, given.name)
    plan = await plans.suspend(engine, given.name, suspended=suspended)
    since = plan.suspended_at
    facts = {"name": plan.name, "suspended_since": iso_ms(since) if since else None}
    if since is not None:
        _tell("tenant_suspended", plan)
        screen.say(f"tenant {plan.name}: suspended since {iso_ms(since)}", facts)
        screen.remark("its keys stop within 5 s; jobs that were accepted go on")
        screen.remark(f"next: genq tenant resume {shlex.quote(plan.name)}")
        return
    _tell("tenant_resumed", plan)
    was = "resumed" if before.suspended_at else "was not suspended"
    screen.say(f"tenant {plan.name}: {was}", facts)
    if plan.paused_at is not None:
        screen.remark(f"it is paused, too: genq resume tenant {shlex.quote(plan.name)}")


def _tell(event: str, plan: TenantPlan, **more: Any) -> None:
    named = {"what": Scope.TENANT.value, "name": plan.name}
    _log.info(event, operator=operator(), **named, **more)
