"""What `genq keys` does, and what it prints: a new key alone on standard output."""

import argparse
from collections.abc import Sequence
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import SystemClock
from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.keys import Keys, NewKey, find_typed
from producer.operator import plans
from producer.operator.reach import NO_PEPPER
from producer.operator.screen import Screen
from producer.operator.who import operator
from schemas.api_key import ApiKey, key_view
from schemas.errors import SettingsError
from schemas.ids import format_id, parse_id
from schemas.job import iso_ms
from schemas.scopes import EVERYTHING, OWN_TENANT, in_order

_DASH: Final = "-"

_log: Final = structlog.get_logger()


def keys_of(engine: AsyncEngine, settings: Settings) -> Keys:
    """Return the keys of the installation."""
    return Keys(engine, settings.key_pepper.get_secret_value(), SystemClock())


def require_pepper(settings: Settings) -> None:
    """Refuse to make keys that would work nowhere.

    Raises:
        SettingsError: The shell does not name the installation's pepper.
    """
    if settings.key_pepper.get_secret_value() == NO_PEPPER:
        raise SettingsError(
            "to make a key, set GENQ_KEY_PEPPER to that of the installation's API: a key that "
            "is made with another one works nowhere"
        )


async def run_keys(
    given: argparse.Namespace, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    """Run a command of `genq keys`.

    Raises:
        NotFoundError: There is no such tenant, or no such key.
        KeyNotActiveError: The key to rotate has ended, or was rotated before.
        SettingsError: A key cannot be made without the installation's pepper.
    """
    keys = keys_of(engine, settings)
    match given.command:
        case "key-ls":
            await _list(given, keys, engine, screen)
        case "key-create":
            require_pepper(settings)
            await _create(given, keys, engine, screen)
        case "key-rotate":
            require_pepper(settings)
            await _rotate(given, keys, engine, screen)
        case _:
            await _revoke(given, keys, engine, screen)


async def _create(
    given: argparse.Namespace, keys: Keys, engine: AsyncEngine, screen: Screen
) -> None:
    async with transaction(engine) as connection:
        plan = await plans.find(connection, given.tenant)
    made = await keys.create(plan.id, given.wanted, may=EVERYTHING, unless_told=OWN_TENANT)
    _tell("key_created", made.key)
    show_new_key(screen, made, plan.name)


async def _rotate(
    given: argparse.Namespace, keys: Keys, engine: AsyncEngine, screen: Screen
) -> None:
    old = await find_typed(engine, given.key)
    made = await keys.rotate(old.tenant_id, old.id, given.wanted, may=EVERYTHING)
    ends = (await keys.get(old.tenant_id, old.id)).expires_at
    _tell("key_rotated", old, by=format_id("key", made.key.id))
    show_new_key(screen, made, None)
    screen.remark(f"{_shown(old)} works until {_instant(ends)}")


async def _revoke(
    given: argparse.Namespace, keys: Keys, engine: AsyncEngine, screen: Screen
) -> None:
    found = await find_typed(engine, given.key)
    revoked = await keys.revoke(found.tenant_id, found.id, may=EVERYTHING)
    _tell("key_revoked", revoked)
    line = f"{_shown(revoked)}: revoked at {_instant(revoked.revoked_at)}"
    screen.say(line, key_view(revoked))
    screen.remark("it works no more, after 5 s at the latest")


async def _list(
    given: argparse.Namespace, keys: Keys, engine: AsyncEngine, screen: Screen
) -> None:
    async with transaction(engine) as connection:
        plan = await plans.find(connection, given.tenant)
    before = None if given.after is None else parse_id("key", given.after)
    found = await keys.page(plan.id, limit=given.limit + 1, before=before)
    shown = found[: given.limit]
    if not shown:
        screen.remark(f"no key; make one: genq keys create {plan.name}")
        return
    headings = (
        "id",
        "name",
        "begins",
        "scopes",
        "status",
        "expires",
        "last used",
        "replaced by",
    )
    screen.show(headings, [_row(key) for key in shown], [key_view(key) for key in shown])
    if len(found) > len(shown):
        screen.remark(f"there are more: --after {format_id('key', shown[-1].id)}")


def show_new_key(screen: Screen, made: NewKey, tenant: str | None) -> None:
    """Print a key; for people it stands alone, so that a script can take it."""
    screen.say(made.text, {**key_view(made.key), "key": made.text})
    whose = f" of tenant {tenant}" if tenant else ""
    ends = f", until {_instant(made.key.expires_at)}" if made.key.expires_at else ""
    scopes = ", ".join(in_order(made.key.scopes))
    screen.remark(f"{format_id('key', made.key.id)}{whose}: {scopes}{ends}")
    screen.remark("it is shown this once: keep it where secrets are kept")


def _tell(event: str, key: ApiKey, **more: Any) -> None:
    shown = format_id("key", key.id)
    scopes = in_order(key.scopes)
    _log.info(event, operator=operator(), key_id=shown, scopes=scopes, **more)


def _row(key: ApiKey) -> Sequence[str]:
    return (
        format_id("key", key.id),
        key.name,
        key.prefix,
        _scopes(key),
        key.status.value,
        _instant(key.expires_at),
        _instant(key.last_used_at),
        format_id("key", key.replaced_by) if key.replaced_by else _DASH,
    )


def _scopes(key: ApiKey) -> str:
    named = {EVERYTHING: "all", OWN_TENANT: "all but admin"}
    return named.get(key.scopes) or ",".join(in_order(key.scopes))


def _shown(key: ApiKey) -> str:
    return f"{format_id('key', key.id)} ({key.prefix}…, {key.name})"


def _instant(at: Any) -> str:
    return iso_ms(at) if at else _DASH
