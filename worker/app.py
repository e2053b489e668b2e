"""The composition root of a worker: what attempts need, made on the pool's loop."""

import asyncio
import os
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from celery import Celery
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.broker import TASK_NAME, create_celery
from infra.clock import SystemClock
from infra.doorbells import READY, WAKE, Doorbells
from infra.evidence import EvidenceKeeper
from infra.http.opening import proxy_of
from infra.http.outbound_policy import policy_of
from infra.objectstore.opening import open_store
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import create_engine
from infra.route_book import RouteBook
from infra.safety.moderation import Moderation
from infra.safety.opening import open_moderation
from infra.server_reports import ReportBoard
from infra.settings import Settings
from infra.telemetry.metrics import LOOP_LAG_SECONDS
from schemas.claim import Pointer
from schemas.generation import Kind
from worker.attempts import AttemptRunner
from worker.cancels import CancelListener
from worker.gate import Gate, open_gate
from worker.pipeline.picture_opening import open_pictures
from worker.pipeline.picture_sources import PictureSources
from worker.pipeline.run import Checks, Stage, build_stages
from worker.pipeline.server_load import ServerLoad
from worker.pipeline.stages.cache import Cache, open_cache
from worker.pipeline.stages.mark import open_mark
from worker.pool import Service
from worker.progress import LiveNews, open_news
from worker.providers.opening import open_providers
from worker.providers.provider import Providers
from worker.recent_calls import RecentCalls
from worker.server_reports import Reporter
from worker.session import SessionKeeper
from worker.shown_text import ModerationOfTexts

_LAG_EVERY_SECONDS: Final = 0.25
_STUCK: Final = 70

_log: Final = structlog.get_logger()


class WorkerService:
    """Everything between the pool and an attempt; satisfies ``worker.pool.Service``."""

    def __init__(self, settings: Settings) -> None:
        self.slots = settings.slots
        self.drain_seconds = settings.drain_grace.total_seconds()
        self._settings = settings
        self._closing = AsyncExitStack()
        self._routes = RouteBook(None, settings, SystemClock())
        self._runner: AttemptRunner | None = None
        self._session: SessionKeeper | None = None
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open everything, the session last: from then on jobs are released for its slots."""
        settings = self._settings
        engine = create_engine(settings, process="work")
        self._closing.push_async_callback(engine.dispose)
        starting = create_engine(settings, process="work starts", durable=False)
        self._closing.push_async_callback(starting.dispose)
        doorbells = await self._closing.enter_async_context(Doorbells(settings.doorbell_url()))
        store = open_store(settings)
        self._closing.push_async_callback(store.close)
        news = await self._closing.enter_async_context(open_news(settings, doorbells))
        gate = await self._gate(engine, doorbells)
        providers = await self._providers(gate, news)
        moderation = await self._moderation(engine, news)
        sources = await self._closing.enter_async_context(
            open_pictures(settings, engine, store)
        )
        cache = self._cache(starting, store)
        stages = self._stages(
            engine, providers, store, gate, moderation, sources=sources, cache=cache
        )
        session = SessionKeeper(
            engine,
            settings,
            lanes=settings.lanes,
            on_lost=self._abandon,
            orphans=self._orphans,
            on_cancelled=self._cancel,
            on_routes=self._routes.told,
        )
        self._runner = AttemptRunner(
            engine, settings, doorbells, session, stages, starting=starting, news=news
        )
        self._watch_loop()
        await session.start()
        self._session = session
        listener = CancelListener(doorbells, session, self._cancel)
        self._listener = asyncio.create_task(listener.listen())
        # Work may have been waiting for a worker.
        await doorbells.ring(WAKE, READY)

    async def _gate(self, engine: AsyncEngine, doorbells: Doorbells) -> Gate:
        """Open what decides which server is called, and when."""
        self._routes = RouteBook(engine, self._settings, SystemClock())
        # A server may have been switched off: not before that is known is anything called.
        await self._routes.first()
        gate = open_gate(self._settings, engine, doorbells, self._routes)
        return await self._closing.enter_async_context(gate)

    async def _providers(self, gate: Gate, news: LiveNews) -> Providers:
        settings = self._settings
        providers = await open_providers(
            settings.model_servers,
            policy=policy_of(settings),
            proxy=proxy_of(settings),
            clock=SystemClock(),
            silence=max(settings.attempt_timeout(kind) for kind in Kind),
            closed=gate.close,
            news=news,
        )
        self._closing.push_async_callback(providers.close)
        return providers

    def _cache(self, starting: AsyncEngine, store: ObjectStore) -> Cache | None:
        cache = open_cache(self._settings, starting, store)
        if cache is not None:
            self._closing.callback(cache.close)
        return cache

    async def _moderation(self, engine: AsyncEngine, news: LiveNews) -> Moderation:
        opened = await asyncio.to_thread(open_moderation, self._settings, engine, SystemClock())
        self._closing.push_async_callback(opened.close)
        news.judge = ModerationOfTexts(opened)
        return opened

    def _stages(
        self,
        engine: AsyncEngine,
        providers: Providers,
        store: ObjectStore,
        gate: Gate,
        moderation: Moderation,
        *,
        sources: PictureSources,
        cache: Cache | None,
    ) -> tuple[Stage, ...]:
        settings = self._settings
        return build_stages(
            settings.model_servers,
            providers=providers,
            store=store,
            gate=gate,
            checks=Checks(moderation, EvidenceKeeper(engine, settings)),
            mark=open_mark(settings, moderation.policies, SystemClock()),
            sources=sources,
            routes=self._routes,
            watch=partial(self._report, gate),
            cache=cache,
        )

    def _report(self, gate: Gate, load: ServerLoad, recent: RecentCalls) -> None:
        """Tell from now on how model servers do."""
        board = ReportBoard(self._settings.doorbell_url())
        servers = self._settings.model_servers
        reporter = Reporter(board, servers, gate=gate, load=load, recent=recent)
        self._closing.push_async_callback(reporter.close)
        reporter.start()

    async def run(self, pointers: Sequence[Pointer], ended: Callable[[], None]) -> None:
        """Run the attempts of one message; ``ended`` is called once for each."""
        if self._runner is not None:
            await self._runner.run(pointers, ended)

    async def drain(self) -> None:
        """Take nothing new, and let dispatchers know."""
        if self._runner is not None:
            await self._runner.drain()

    async def stop(self) -> None:
        """End the session and close everything; attempts have ended by now."""
        if self._runner is not None:
            await self._runner.close()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        if self._session is not None:
            await self._session.close()
        await self._closing.aclose()
        _log.info("worker_stopped")

    def _abandon(self) -> None:
        if self._runner is not None:
            self._runner.abandon()

    def _cancel(self, job_ids: Collection[UUID]) -> None:
        if self._runner is not None:
            self._runner.cancel(job_ids)

    def _orphans(self, running: Collection[Pointer]) -> list[Pointer]:
        return self._runner.orphans(running) if self._runner is not None else []

    def _watch_loop(self) -> None:
        """Measure the loop's lag; a loop that is stuck for a session's life ends the process.

        Its jobs are then recovered by the ledger, and a supervisor starts a fresh worker.
        """
        loop = asyncio.get_running_loop()
        limit = self._settings.session_ttl.total_seconds()
        stopped = threading.Event()
        self._closing.callback(stopped.set)

        def watch() -> None:
            while not stopped.wait(_LAG_EVERY_SECONDS):
                answered = threading.Event()
                asked = loop.time()
                loop.call_soon_threadsafe(answered.set)
                if not answered.wait(limit) and not stopped.is_set():
                    _log.critical("loop_stuck", seconds=limit)
                    os._exit(_STUCK)
                LOOP_LAG_SECONDS.observe(loop.time() - asked)

        threading.Thread(target=watch, name="loop-watch", daemon=True).start()


def create_worker_app(settings: Settings, service: Service | None = None) -> Celery:
    """Return the Celery application of a worker, with its one task and its service.

    Args:
        settings: Broker and lanes.
        service: What the pool runs, if not the pipeline.
    """
    app = create_celery(settings, lanes=settings.lanes)
    # Read by the pool, which Celery makes and to which it hands nothing but the application.
    vars(app)["service"] = service or WorkerService(settings)

    @app.task(name=TASK_NAME)
    def run(pointers: object) -> None:
        """Stand for the pool, which runs the pointers itself: Celery must know the name."""
        del pointers
        raise RuntimeError(f"{TASK_NAME} runs in worker.pool:AsyncioPool only")

    return app
