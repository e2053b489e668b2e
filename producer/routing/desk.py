"""Routes of models, as operators look at them and change them. Every change is audited."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import actor, record
from infra.doorbells import ROUTES, WAKE, Doorbells
from infra.fault_words import in_words
from infra.model_settings import ModelSettings
from infra.postgres import routes as stored
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.policies import INSTALLATION
from infra.postgres.routes import RouteVersion
from schemas.errors import FieldError, NotFoundError
from schemas.merge_patch import merge_patch
from schemas.route_document import RouteDocument
from schemas.route_errors import InvalidRouteError, RouteConflictError
from schemas.routes import ModelRouteNow, document_faults, route_of, shut

_LONGEST_NOTE: Final = 500
_NOTHING: Final[Mapping[str, Any]] = {}


class Switch(StrEnum):
    """What is done with one server in one word."""

    ENABLE = "enable"
    DISABLE = "disable"
    DRAIN = "drain"


_SWITCHED: Final[Mapping[Switch, Mapping[str, bool]]] = {
    Switch.ENABLE: {"enabled": True, "draining": False},
    Switch.DISABLE: {"enabled": False, "draining": False},
    Switch.DRAIN: {"enabled": True, "draining": True},
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A model's route: what counts, and the version that says so; none: the settings alone."""

    route: ModelRouteNow
    version: RouteVersion | None


class RouteDesk:
    """Looks at and changes routes.

    Args:
        engine: PostgreSQL.
        settings: The model servers: a route may only name these.
        doorbells: How processes hear of a change.
    """

    def __init__(
        self, engine: AsyncEngine, settings: ModelSettings, doorbells: Doorbells
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._doorbells = doorbells

    @property
    def models(self) -> list[str]:
        """Every model that is offered, in configured order."""
        servers = self._settings.model_servers
        return list(dict.fromkeys(spec.name for server in servers for spec in server.models))

    async def every(self) -> list[Shown]:
        """Return the routes of all models that are offered."""
        async with transaction(self._engine) as connection:
            counting = (await stored.counting_routes(connection)).documents
            shown: list[Shown] = []
            for model in self.models:
                version = None
                if model in counting:
                    number = counting[model][0]
                    version = await stored.get_version(connection, model, number)
                shown.append(self._shown(model, version))
            return shown

    async def get(self, model: str) -> Shown:
        """Return a model's route.

        Raises:
            NotFoundError: No configured server offers the model.
        """
        self.require(model)
        async with transaction(self._engine) as connection:
            return await self._now(connection, model)

    async def put(
        self, model: str, written: Any, *, expected: int | None, note: str | None = None
    ) -> Shown:
        """Let this document count in place of the one that does.

        Args:
            model: Whose route.
            written: JSON of a ``RouteDocument``.
            expected: The version that it takes the place of; ``None``: whichever it is.
            note: Why, for whoever reads the history.

        Raises:
            NotFoundError: No configured server offers the model.
            InvalidRouteError: It is no document, or names what is not configured.
            RouteConflictError: Another version counts by now.
        """
        return await self._change(model, lambda _: written, "route.set", expected, note)

    async def merge(
        self, model: str, patch: Any, *, expected: int | None, note: str | None = None
    ) -> Shown:
        """Change what a JSON Merge Patch (RFC 7396) names. Else as ``put``."""
        return await self._change(
            model, lambda now: merge_patch(now, patch), "route.changed", expected, note
        )

    async def switch(self, model: str, server: str, switch: Switch) -> Shown:
        """Enable, disable or drain one server.

        Raises:
            NotFoundError: There is no such model, or it is not offered by this server.
        """
        if server not in self.require(model):
            raise NotFoundError(f"no configured server {server[:64]} offers {model}")
        patch = {"servers": {server: dict(_SWITCHED[switch])}}
        note = f"{switch.value} {server}"
        return await self._change(
            model, lambda now: merge_patch(now, patch), f"route.{switch.value}", None, note
        )

    async def rollback(
        self, model: str, version: int | None, *, expected: int | None = None
    ) -> Shown:
        """Let an earlier version count again; ``None``: the one before; 0: the settings alone.

        Raises:
            NotFoundError: There is no such version, or none before.
            RouteConflictError: Another version counts than ``expected``.
            InvalidRouteError: It is no document of this release.
        """
        self.require(model)
        async with transaction(whole_transactions(self._engine)) as connection:
            now = await stored.lock_route(connection, model)
            _hold(now, expected)
            target = version
            if target is None:
                before = await stored.get_version(connection, model, now) if now else None
                if before is None:
                    raise NotFoundError(f"{model} has no route to roll back from")
                target = before.replaces
            wanted = await self._version(connection, model, target) if target else None
            if wanted is not None:
                # Of a server that was taken away since it says nothing that counts.
                _document(wanted.document)
            await stored.point_route(connection, model, target, actor())
            detail = {"version": target, "replaces": now}
            await record(
                connection, INSTALLATION, "route.rolled_back", f"route of {model}", detail
            )
            shown = self._shown(model, wanted)
        await self._tell()
        return shown

    async def versions(
        self, model: str, *, before: int | None, limit: int
    ) -> Sequence[RouteVersion]:
        """Return versions, newest first.

        Raises:
            NotFoundError: No configured server offers the model.
        """
        self.require(model)
        async with transaction(self._engine) as connection:
            return await stored.list_versions(connection, model, before=before, limit=limit)

    async def _change(
        self,
        model: str,
        make: Callable[[Mapping[str, Any]], Any],
        action: str,
        expected: int | None,
        note: str | None,
    ) -> Shown:
        self.require(model)
        async with transaction(whole_transactions(self._engine)) as connection:
            now = await stored.lock_route(connection, model)
            _hold(now, expected)
            counting = await stored.get_version(connection, model, now) if now else None
            before = counting.document if counting else _NOTHING
            document = self._check(model, make(before), before)
            made = await stored.add_version(
                connection,
                model,
                document=document.model_dump(mode="json", exclude_unset=True),
                replaces=now,
                note=note[:_LONGEST_NOTE] if note else None,
                by=actor(),
            )
            await stored.point_route(connection, model, made.version, actor())
            detail = {"version": made.version, "replaces": now}
            await record(connection, INSTALLATION, action, f"route of {model}", detail)
            shown = self._shown(model, made)
        await self._tell()
        return shown

    async def _tell(self) -> None:
        await self._doorbells.ring(ROUTES)
        # What waited because nobody took it may go now.
        await self._doorbells.ring(WAKE)

    async def _now(self, connection: AsyncConnection, model: str) -> Shown:
        number = await stored.route_version(connection, model)
        version = await stored.get_version(connection, model, number) if number else None
        return self._shown(model, version)

    async def _version(
        self, connection: AsyncConnection, model: str, version: int
    ) -> RouteVersion:
        found = await stored.get_version(connection, model, version)
        if found is None:
            raise NotFoundError(f"the route of {model} has no version {version}")
        return found

    def _shown(self, model: str, version: RouteVersion | None) -> Shown:
        document = None
        settings = self._settings
        if version is not None:
            try:
                document = RouteDocument.model_validate(version.document)
            except ValidationError:
                # One of a newer release: this release's workers call nobody by it.
                document = shut(settings.model_servers, model)
        strategy = settings.strategy_of(model)
        number = version.version if version else 0
        route = route_of(settings.model_servers, model, strategy, number, document)
        return Shown(route, version)

    def _check(self, model: str, written: Any, before: Mapping[str, Any]) -> RouteDocument:
        """Return a document that has no fault which ``before`` does not have as well.

        A server that was taken away since must not stand in the way of every other change.
        """
        document = _document(written)
        servers = self._settings.model_servers
        faults = document_faults(document, model, servers)
        if faults:
            with contextlib.suppress(ValidationError):
                known = document_faults(RouteDocument.model_validate(before), model, servers)
                faults = [fault for fault in faults if fault not in known]
        if faults:
            raise _invalid(faults)
        return document

    def require(self, model: str) -> list[str]:
        """Return the servers that offer a model.

        Raises:
            NotFoundError: There is none.
        """
        servers = self._settings.model_servers
        found = [s.name for s in servers if any(spec.name == model for spec in s.models)]
        if not found:
            raise NotFoundError(f"no configured model server offers {model[:128]}")
        return found


def _hold(now: int, expected: int | None) -> None:
    if expected is not None and expected != now:
        raise RouteConflictError(
            f"version {now} counts by now, not {expected}: look at it, and change that one"
        )


def _document(written: Any) -> RouteDocument:
    try:
        return RouteDocument.model_validate(written)
    except ValidationError as error:
        raise _invalid(
            [
                ("".join(f"/{part}" for part in fault["loc"]), in_words(fault))
                for fault in error.errors(include_url=False)
            ]
        ) from None


def _invalid(faults: Sequence[tuple[str, str]]) -> InvalidRouteError:
    place, message = faults[0]
    more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
    return InvalidRouteError(
        f"the route is refused: {place or 'the document'}: {message}{more}",
        fields=[FieldError(where, what) for where, what in faults],
    )
