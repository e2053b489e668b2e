"""Probes: is the process alive, and can it do its work?"""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.resources import files
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.health import probe, schema_revision
from producer.api.patience import within
from producer.api.services import Services
from schemas.errors import GenqError, ObjectMissingError, SettingsError

_PATIENCE_SECONDS: Final = 2.0
_ABSENT_KEY: Final = "readyz/absent"
_QUIET: Final = {"cache-control": "no-store"}

Check = Callable[[Services], Coroutine[Any, Any, None]]


async def livez(services: Services, request: Request) -> Response:
    """Answer that the event loop turns; asks nobody."""
    del services, request
    return Response(b'{"status":"ok"}', 200, _QUIET, "application/json")


async def readyz(services: Services, request: Request) -> Response:
    """Answer 200 if everything that the API needs is there, else 503 with what is missing."""
    del request
    checks = await asyncio.gather(
        *(_outcome(services, name, check) for name, check in _CHECKS.items())
    )
    ready = all(check["status"] == "ok" for check in checks)
    body = {"status": "ok" if ready else "unavailable", "checks": checks}
    return Response(orjson.dumps(body), 200 if ready else 503, _QUIET, "application/json")


def newest_revision() -> str:
    """Return the newest revision that this installation brings.

    The names of the migrations' files are enough, and ``migrations`` is not ours to import.
    """
    names = [entry.name for entry in files("migrations").joinpath("versions").iterdir()]
    return max(name.partition("_")[0] for name in names if name[:4].isdigit())


async def _outcome(services: Services, name: str, check: Check) -> dict[str, Any]:
    began = services.clock.monotonic()
    fault = None
    try:
        await within(_PATIENCE_SECONDS, check(services))
    except TimeoutError:
        fault = f"no answer within {_PATIENCE_SECONDS:g} s"
    except GenqError as error:
        fault = error.message
    except Exception as error:  # noqa: BLE001 - a probe reports whatever is wrong
        fault = type(error).__name__
    return {
        "name": name,
        "status": "ok" if fault is None else "failed",
        "latency_ms": round((services.clock.monotonic() - began) * 1000, 1),
        "error": fault,
    }


async def _database(services: Services) -> None:
    async with transaction(services.engine) as connection:
        await probe(connection)


async def _migrations(services: Services) -> None:
    async with transaction(services.engine) as connection:
        found = await schema_revision(connection)
    wanted = newest_revision()
    # A newer one is fine: the next release's migrations run before its processes do.
    if found is None or found < wanted:
        raise SettingsError(
            f"the database is at revision {found or 'none'}, this genq needs {wanted}: "
            "genq db upgrade"
        )


async def _valkey(services: Services) -> None:
    await services.doorbells.ping()


async def _object_store(services: Services) -> None:
    try:
        await services.store.get(_ABSENT_KEY)
    except ObjectMissingError:
        # The store looked and found nothing: it works.
        return


_CHECKS: Final[dict[str, Check]] = {
    "database": _database,
    "migrations": _migrations,
    "valkey": _valkey,
    "object_store": _object_store,
}
