"""Which routes count: known to a process without a statement per job."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.model_settings import ModelSettings
from infra.postgres.engine import transaction
from infra.postgres.routes import counting_routes, route_changes
from schemas.errors import DatabaseUnavailableError
from schemas.route_document import RouteDocument
from schemas.routes import Routes, shut

FRESH_SECONDS: Final = 1.0
"""How old what is known may be where somebody asks for it."""

_log: Final = structlog.get_logger()


class RouteBook:
    """Knows the routes that count; ``now`` is the settings alone until it has looked.

    Who cannot look keeps what there was. Where the first document that is known of a model
    cannot be read, no server takes calls of it: what it forbids is not known.

    Args:
        engine: Where routes are stored; without it the settings are all there is.
        settings: The model servers.
        clock: Measures how old what is known is.
    """

    def __init__(
        self, engine: AsyncEngine | None, settings: ModelSettings, clock: Clock
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.now = Routes(settings.model_servers, settings.strategy_of)
        self._strategy_of = settings.strategy_of

    def routes(self) -> Routes:
        """Return what counts, as far as it is known."""
        return self.now

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this whenever something else counts."""
        self._listeners.append(listener)

    async def fresh(self) -> Routes:
        """Return what counts, as of a second ago at most, if PostgreSQL answers."""
        if self._old:
            async with self._looking:
                # All who waited here are content with one look.
                if self._old:
                    await self._try()
        return self.now

    async def told(self, changes: int) -> None:
        """Look if there were other changes than the known ones."""
        if changes != self.now.changes:
            async with self._looking:
                if changes != self.now.changes:
                    await self._try()

    async def first(self) -> None:
        """Read the routes once, before anything goes by them.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        async with self._looking:
            await self._read()

    async def look(self) -> None:
        """Ask whether something changed, and read it if so: one small statement if not."""
        async with self._looking:
            await self._try()

    @property
    def _old(self) -> bool:
        at = self._looked_at
        return at is None or self._clock.monotonic() - at >= FRESH_SECONDS

    async def _try(self) -> None:
        try:
            await self._read()
        except DatabaseUnavailableError as error:
            _log.warning("routes_not_read", reason=error.message)
        except Exception:  # noqa: BLE001 - a process goes on with the routes that it knows
            _log.exception("routes_not_read")
        self._looked_at = self._clock.monotonic()

    async def _read(self) -> None:
        if self._engine is None:
            return
        async with transaction(self._engine) as connection:
            if await route_changes(connection) != self.now.changes:
                found = await counting_routes(connection)
                self._take(found.documents, found.changes)
        self._looked_at = self._clock.monotonic()

    def _take(self, stored: Mapping[str, tuple[int, Mapping[str, Any]]], changes: int) -> None:
        before = self.now
        documents: dict[str, tuple[int, RouteDocument]] = {}
        unread: set[str] = set()
        for model, (version, written) in stored.items():
            known = before.documents.get(model)
            if known is None or known[0] != version:
                document = _document(model, version, written)
                if document is not None:
                    documents[model] = (version, document)
                    continue
            if known is None or model in before.unread:
                unread.add(model)
            documents[model] = known or (version, shut(before.servers, model))
        self.now = Routes(before.servers, self._strategy_of, documents, changes, unread)
        for model in documents:
            gone = self.now.of(model).vanished
            if gone:
                _log.warning("route_names_no_server", model=model, servers=list(gone))
        _log.info("routes_read", changes=changes, routes=len(documents))
        for listener in self._listeners:
            listener()


def _document(model: str, version: int, written: Mapping[str, Any]) -> RouteDocument | None:
    try:
        return RouteDocument.model_validate(written)
    except ValidationError as error:
        # Of a newer release.
        _log.error("route_unreadable", model=model, version=version, faults=error.error_count())
        return None
