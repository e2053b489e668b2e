"""SIGQUIT: take nothing new, interrupt what runs at once, and end.

Celery's own handler speaks AMQP from within the signal. When the signal comes while Celery's
thread is in the midst of speaking AMQP, the handler waits for ever, for a lock that the
interrupted call holds. So this one only says what is to be done, as SIGTERM's does.
"""

import signal
from typing import Any

from celery.worker import state

_INTERRUPTED = 1


def hurry_on_signal(worker: Any) -> None:
    """Let SIGQUIT end a worker, draining or not; call it in Celery's thread when it is ready.

    Args:
        worker: Celery's worker, its pool made.
    """

    def hurry(*_: object) -> None:
        worker.pool.hurry()
        worker.pool.announce_drain()
        if state.should_stop is None:
            state.should_stop = _INTERRUPTED  # pyright: ignore[reportAttributeAccessIssue] - the stub knows None only

    signal.signal(signal.SIGQUIT, hurry)
