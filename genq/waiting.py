"""Waits for a job's end, by live events where somebody watches, else by held requests."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import Final

from genq.calls import Call, Exchange, Pending, found_in
from genq.decoding import read_job
from genq.errors import (
    ApiError,
    GenqError,
    NoAnswerError,
    RateLimitedError,
    ServerUnreachableError,
    UnavailableError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from genq.event_models import JobEvent, event_of_job, read_job_event
from genq.exchanges import held, job_path, job_source
from genq.listening import SILENCE, Listener
from genq.models import Job
from genq.retries import pause_before

# How long one request may be held by the server while the job goes on, in seconds. Whoever
# watches changes hears of them at least this often.
HOLD: Final = 30
HOLD_WATCHED: Final = 1
# A server that does not hold requests is not asked again sooner than this.
PAUSE_UNHELD: Final = 0.25
# A stream that says nothing at first is held back by something in between.
OPENING: Final = 5.0
# However alive a stream is: if it tells nothing for so long, the job itself is looked at.
DOUBT: Final = 20.0
# A stream that breaks so often at once is given up.
BREAKS_BORNE: Final = 3
# A server that was there may be away for so long: it is restarted, or moved.
AWAY: Final = 60.0
LONGEST_PAUSE_AWAY: Final = 5.0
# Events that leave the job in the state that it was in.
_TICKS: Final = frozenset({"position", "progress"})

OnChange = Callable[[Job], object]
OnProgress = Callable[[JobEvent], object]
Clock = Callable[[], float]


def wait_for_job(
    job_id: str,
    *,
    timeout: float | None,
    on_change: OnChange | None = None,
    on_progress: OnProgress | None = None,
    clock: Clock = time.monotonic,
) -> Exchange[Job]:
    """Return the job when it has ended.

    Args:
        job_id: The job.
        timeout: Seconds; without end if not given.
        on_change: Hears of each new state.
        on_progress: Hears of each live event; of each new state where events cannot be had.
        clock: Seconds that only grow.

    Raises:
        WaitTimeoutError: ``timeout`` seconds have passed; the job goes on.
    """
    return (yield from _Wait(job_id, timeout, on_change, on_progress, clock).run())


class _Wait:
    def __init__(
        self,
        job_id: str,
        timeout: float | None,
        on_change: OnChange | None,
        on_progress: OnProgress | None,
        clock: Clock,
    ) -> None:
        self._call = Call("GET", job_path(job_id))
        self._listener = Listener(job_source(job_id))
        self._timeout = timeout
        self._on_change = on_change
        self._on_progress = on_progress
        self._clock = clock
        self._until = math.inf if timeout is None else clock() + timeout
        self._changed: tuple[object, ...] = ()
        self._told: tuple[object, ...] = ()
        self._ended_live = False
        self._pause = 0.0
        self._live = on_progress is not None
        self._watched = on_progress is not None or on_change is not None
        self._job: Job | None = None

    def run(self) -> Exchange[Job]:
        # Who listens looks first whether there is anything left to hear of.
        job = yield from self._look(hold=0 if self._live else self._hold())
        while not job.done:
            if self._left() <= 0:
                raise self._timed_out(job)
            if self._live:
                yield from self._listen()
            # However listening ended, the job itself tells whether it has; after a break it is
            # waited for a moment, in place of a pause.
            hold = 0 if self._listener.connected or self._listener.ended else self._hold()
            job = yield from self._look(hold=hold)
        return job

    def _left(self) -> float:
        return max(self._until - self._clock(), 0.0)

    def _timed_out(self, job: Job) -> WaitTimeoutError:
        return WaitTimeoutError(job.id, job.status, self._timeout or 0.0)

    # --- live -------------------------------------------------------------------------------

    def _listen(self) -> Exchange[None]:
        """Listen until the job may have changed, or there is no use in listening."""
        last_word = self._clock()
        while self._live and self._left() and self._clock() - last_word < DOUBT:
            found = yield from self._hear()
            for event in found or ():
                last_word = self._clock()
                self._ended_live = self._ended_live or event.is_last
                if self._on_progress is not None:
                    yield from _awaited(self._on_progress(event))
            if found is None or self._listener.ended or self._is_news(found):
                break
        if self._listener.ended or self._listener.breaks >= BREAKS_BORNE:
            self._live = False

    def _hear(self) -> Exchange[Sequence[JobEvent] | None]:
        """Return the next events; ``None`` after a break, or where there is no stream."""
        listener = self._listener
        patience = SILENCE
        try:
            if not listener.connected:
                patience = OPENING
                yield from listener.connect(min(OPENING, self._left()))
            found = yield from listener.hear(min(patience, self._left()))
            return None if found is None else [read_job_event(event) for event in found]
        except NoAnswerError:
            # Mute from the start: something in between keeps the events back.
            self._live = patience == SILENCE
        except (ServerUnreachableError, UnavailableError):
            pass  # It is opened again, or given up after so many times.
        except (ApiError, UnexpectedAnswerError):
            self._live = False
        return None

    def _is_news(self, found: Sequence[JobEvent]) -> bool:
        return self._on_change is not None and any(e.type not in _TICKS for e in found)

    # --- by asking --------------------------------------------------------------------------

    def _look(self, *, hold: int) -> Exchange[Job]:
        """Return the job as it is, or as it is up to ``hold`` seconds later."""
        away_since: float | None = None
        failures = 0
        pause = self._pause
        while True:
            call = replace(held(self._call, hold), after=pause)
            try:
                answer = yield call
                job = read_job(found_in(answer))
            except (ServerUnreachableError, UnavailableError, RateLimitedError) as error:
                now = self._clock()
                away_since = now if away_since is None else away_since
                failures += 1
                if self._job is None or now - away_since >= AWAY:
                    raise
                if not self._left():
                    raise self._timed_out(self._job) from error
                pause = min(_pause_away(error, failures), self._left())
                continue
            early = not self._live and answer.seconds < PAUSE_UNHELD
            self._pause = min(PAUSE_UNHELD, self._left()) if early else 0.0
            yield from self._note(job)
            return job

    def _hold(self) -> int:
        # A server counts whole seconds; asking for one too many would be late.
        return min(HOLD_WATCHED if self._watched else HOLD, math.floor(min(self._left(), HOLD)))

    def _note(self, job: Job) -> Exchange[None]:
        self._job = job
        state = (job.status, job.waiting_on, job.attempts)
        if self._on_change is not None and state != self._changed:
            self._changed = state
            yield from _awaited(self._on_change(job))
        told = (*state, job.queue and job.queue.position)
        # What the stream tells is not told twice.
        untold = not self._ended_live if job.done else not self._live
        if self._on_progress is not None and told != self._told and untold:
            self._told = told
            yield from _awaited(self._on_progress(event_of_job(job)))


def _pause_away(error: GenqError, failures: int) -> float:
    asked = error.retry_after if isinstance(error, ApiError) else None
    return asked if asked is not None else min(pause_before(failures), LONGEST_PAUSE_AWAY)


def _awaited(result: object) -> Exchange[None]:
    if isawaitable(result):
        yield Pending(result)
