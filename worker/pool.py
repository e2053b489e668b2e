"""A Celery pool of asyncio tasks: one loop in one thread, one task per pointer.

Celery hands a pool a synchronous tracer, through which nothing can be awaited. genq needs none
of what the tracer does (results, callbacks, chords), so the message is decoded here, its
pointers are awaited, and Celery's own callbacks then acknowledge it. Nothing of Celery is
patched.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
import uvloop
from billiard.einfo import ExceptionInfo
from billiard.exceptions import Terminated
from celery.concurrency import prefork
from celery.concurrency.base import BasePool
from celery.exceptions import Reject
from kombu.asynchronous import get_event_loop
from kombu.serialization import loads, prepare_accept_content

from schemas.claim import Pointer
from worker.intake import Intake, Parked, Prefetch, Taps

_START_SECONDS: Final = 60.0
_CANCEL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.02

# Prefork's own drain runs acknowledgements, and nothing else, with this.
_run_ready: Final[Callable[[Any], None]] = vars(prefork)["_run_ready_callbacks"]

_log: Final = structlog.get_logger()


class Service(Protocol):
    """What the pool runs. All coroutines are awaited on the pool's loop."""

    slots: int
    drain_seconds: float

    async def start(self) -> None:
        """Open what attempts need."""
        ...

    async def run(self, pointers: Sequence[Pointer], ended: Callable[[], None]) -> None:
        """Start and run the attempts of one message; return when all have ended.

        Args:
            pointers: The message.
            ended: Called once for each pointer that is done with.
        """
        ...

    async def drain(self) -> None:
        """Take nothing new."""
        ...

    async def stop(self) -> None:
        """Interrupt what still runs, and close."""
        ...


class Handle:
    """What Celery keeps of a message in hand."""

    __slots__ = ("__weakref__", "left", "pid", "pointers", "task")

    def __init__(self, pid: int, pointers: Sequence[Pointer]) -> None:
        self.pid = pid
        self.pointers = pointers
        self.left = len(pointers)
        self.task: asyncio.Task[None] | None = None

    def terminate(self, signal: object = None) -> None:
        """Do nothing: a job is cancelled in the ledger, never through the broker."""

    def wait(self, timeout: float | None = None) -> None:
        """Do nothing: nobody waits for a message."""


class AsyncioPool(BasePool):
    """The pool. ``app.service`` is what it runs."""

    signal_safe = False
    body_can_be_buffer = True
    # Celery makes its consumer, which attaches itself, before it starts its pool.
    _intake: Intake | None = None
    _hub: Any = None
    _hurried = False

    def on_start(self) -> None:
        """Start the loop and the service; a service that cannot start ends the worker."""
        self._service: Service = self.app.service
        self._handles: dict[int, Handle] = {}
        self._numbers = itertools.count(1)
        self._draining: asyncio.Task[None] | None = None
        self._stopped = False
        self._accept = prepare_accept_content(self.app.conf.accept_content)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="attempts", daemon=True)
        self._thread.start()
        self._await(self._service.start(), _START_SECONDS)

    def attach(self, consumer: Any) -> None:
        """Remember Celery's loop, and how its consumer is told that slots are free."""
        self._hub = get_event_loop()
        rabbit = self.app.conf.task_default_queue_type == "quorum"
        self._intake = (Taps if rabbit else Prefetch)(consumer, self._hub, self._free_slots)

    def first_prefetch(self) -> int:
        """Return how many messages a new connection may deliver at first."""
        return self._intake.first_prefetch() if self._intake else 1

    def announce_drain(self) -> None:
        """Take nothing new, as of now; safe in a signal handler."""
        if self._intake is not None:
            self._intake.close()
        self._loop.call_soon_threadsafe(self._begin_drain)

    def hurry(self) -> None:
        """Wait for no attempt any longer when the pool stops; safe in a signal handler."""
        self._hurried = True

    def _begin_drain(self) -> None:
        self._draining = self._loop.create_task(self._service.drain())
        hub = self._hub
        if hub is not None:
            # Celery's loop sleeps until its socket or its next timer has something; a signal
            # alone does not wake it.
            hub.call_soon(_nothing)

    def on_apply(  # noqa: PLR0917 # pyright: ignore[reportIncompatibleMethodOverride] - as Celery calls it; its stub forgets the handle
        self,
        target: object,
        args: Sequence[Any] | None = None,
        kwargs: object = None,
        callback: Callable[..., None] | None = None,
        accept_callback: Callable[..., None] | None = None,
        error_callback: Callable[..., None] | None = None,
        **_: object,
    ) -> Handle:
        """Begin to run a message; called in Celery's thread, never blocks it."""
        del target, kwargs
        handle = Handle(next(self._numbers), self._pointers_of(args or ()))
        accept = partial(accept_callback or _nothing, handle.pid, time.monotonic())
        begin = partial(self._begin, handle, accept, callback, error_callback)
        put_back = partial(_put_back, error_callback or _nothing)
        if self._intake is None or not self._intake.parks(Parked(begin, put_back)):
            begin()
        return handle

    def terminate_job(self, pid: int, signal: object = None) -> None:  # noqa: ARG002 - Celery passes it
        """Cancel the attempts of one message."""
        handle = self._handles.get(pid)
        if handle and handle.task:
            self._loop.call_soon_threadsafe(handle.task.cancel)

    def on_stop(self) -> None:
        """Let attempts end for the grace period, then interrupt the rest."""
        if self._intake is not None:
            self._intake.close()
            self._intake.settle()
        self._await_handles(self._service.drain_seconds, patient=lambda: not self._hurried)
        for handle in list(self._handles.values()):
            if handle.task:
                self._loop.call_soon_threadsafe(handle.task.cancel)
        self._await_handles(_CANCEL_SECONDS)
        # Celery stops and then terminates a pool, and a second signal does so in the midst.
        if self._stopped:
            return
        self._stopped = True
        self._await(self._service.stop(), _CANCEL_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CANCEL_SECONDS)

    on_terminate = on_stop

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _await(self, coroutine: Any, seconds: float) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def _pointers_of(self, args: Sequence[Any]) -> list[Pointer]:
        """Decode ``(name, id, request, body, content type, encoding)``; nonsense is empty."""
        try:
            _name, _id, _request, body, content_type, encoding = args
            if content_type:
                body = loads(body, content_type, encoding, accept=self._accept)
            (pairs,), _kwargs, _embedded = body
            return [Pointer(UUID(job_id), int(fence)) for job_id, fence in pairs]
        except Exception as error:  # noqa: BLE001 - here it would end this worker, and the next
            _log.critical("carrier_unreadable", error_type=type(error).__name__)
            return []

    def _begin(
        self,
        handle: Handle,
        accept: Callable[[], None],
        callback: Callable[..., None] | None,
        error_callback: Callable[..., None] | None,
    ) -> None:
        self._handles[handle.pid] = handle
        if self._intake is not None:
            self._intake.take(handle.pid, accept)
        self._loop.call_soon_threadsafe(self._spawn, handle, callback, error_callback)

    def _spawn(
        self,
        handle: Handle,
        callback: Callable[..., None] | None,
        error_callback: Callable[..., None] | None,
    ) -> None:
        handle.task = self._loop.create_task(self._run(handle, callback, error_callback))

    async def _run(
        self,
        handle: Handle,
        callback: Callable[..., None] | None,
        error_callback: Callable[..., None] | None,
    ) -> None:
        begun = time.monotonic()
        try:
            await self._service.run(handle.pointers, lambda: self._one_ended(handle))
        except asyncio.CancelledError:
            self._report(handle, error_callback, _failure(Terminated(15)))
        except Exception:  # noqa: BLE001 - logged, and answered to Celery
            # The ledger decides what becomes of the jobs; the message is done with either way.
            _log.exception("carrier_failed", jobs=len(handle.pointers))
            self._report(handle, callback, (1, ExceptionInfo(), time.monotonic() - begun))
        else:
            self._report(handle, callback, (0, None, time.monotonic() - begun))

    def _report(
        self, handle: Handle, callback: Callable[..., None] | None, outcome: object
    ) -> None:
        """Give the slots back, and tell Celery; in this order, or it would not be woken."""
        self._handles.pop(handle.pid, None)
        if self._intake is not None:
            self._intake.drop(handle.pid)
        if callback:
            callback(outcome)
        self._follow_slots()

    def _free_slots(self) -> int:
        """Count jobs, not messages."""
        return self._service.slots - sum(handle.left for handle in list(self._handles.values()))

    def _follow_slots(self) -> None:
        if self._intake is not None:
            self._intake.follow()

    def _one_ended(self, handle: Handle) -> None:
        """Give the slot of one attempt back, while others of its message still run."""
        handle.left -= 1
        if handle.left:
            self._follow_slots()

    def _await_handles(
        self, seconds: float, patient: Callable[[], bool] = lambda: True
    ) -> None:
        """Wait in Celery's thread, doing what its loop would do: heartbeats and acks."""
        # Not get_event_loop(): that forgets it when Celery resets it after a lost connection.
        hub = self._hub
        until = time.monotonic() + seconds
        pause = threading.Event()
        while self._handles and time.monotonic() < until and patient():
            if hub is not None:
                hub.fire_timers()
                _run_ready(hub)
            pause.wait(_LOOK_SECONDS)
        if hub is not None:
            _run_ready(hub)


def _nothing(*_: object) -> None:
    """Wake a loop."""


def _put_back(tell: Callable[..., None]) -> None:
    tell(_failure(Reject(requeue=True)))


def _failure(error: Exception) -> ExceptionInfo:
    try:
        raise error
    except type(error):
        return ExceptionInfo()
