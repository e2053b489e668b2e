"""Names that operators type: the lane, model or tenant that they mean."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.pauses import (
    Scope,
    Target,
    find_model,
    find_tenant,
    known_models,
    lane_target,
    similar_tenants,
)
from schemas.errors import NotFoundError
from schemas.lanes import Lane
from schemas.model_catalog import ModelServer

_SHOWN: Final = 5


async def find_target(
    connection: AsyncConnection, scope: Scope, name: str, servers: Sequence[ModelServer]
) -> Target:
    """Return what ``name`` means.

    Args:
        connection: A transaction: a model that was never asked for gets its pool.
        scope: Of what kind it is.
        name: As the operator typed it.
        servers: The configured model servers.

    Raises:
        NotFoundError: There is none of this name; close ones are told.
    """
    match scope:
        case Scope.LANE:
            if name not in set(Lane):
                raise _unknown(scope, name, Lane)
            return lane_target(Lane(name))
        case Scope.TENANT:
            tenant = await find_tenant(connection, name)
            if tenant is None:
                raise await unknown_tenant(connection, name)
            return tenant
        case Scope.MODEL:
            offered = sorted({model.name for server in servers for model in server.models})
            found = await find_model(connection, name, offered)
            if found is None:
                raise _unknown(scope, name, {*offered, *await known_models(connection)})
            return found


async def unknown_tenant(connection: AsyncConnection, name: str) -> NotFoundError:
    """Return the error that there is no such tenant; it tells close names."""
    return _unknown(Scope.TENANT, name, await similar_tenants(connection, name))


def _unknown(scope: Scope, name: str, known: Iterable[str]) -> NotFoundError:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3) or names[:_SHOWN]
    hint = f"; there is {', '.join(close)}" if close else ""
    return NotFoundError(f"there is no {scope.value} {name!r}{hint}")
