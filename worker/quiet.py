"""Quiet: a worker that takes nothing new, ends what it runs, and stays (SIGTSTP).

For deployments that first want to see a worker idle, and for whoever wants to look at one that
is. SIGTERM then ends it. There is no way back: start another worker.
"""

import signal
import threading
from collections.abc import Sequence
from typing import Any, Final

import structlog
from kombu.asynchronous import get_event_loop

from schemas.lanes import Lane

_log: Final = structlog.get_logger()


def be_quiet_on_signal(worker: Any, lanes: Sequence[Lane]) -> None:
    """Let SIGTSTP make a Celery worker quiet; call it in Celery's thread when it is ready.

    Args:
        worker: Celery's worker, its consumer and pool made.
        lanes: The lanes that it takes.
    """
    hub: Any = get_event_loop()

    def stop_consuming() -> None:
        # Not only now: a new connection must not consume them again either.
        for lane in lanes:
            worker.consumer.cancel_task_queue(lane.queue)
        _log.warning("worker_quiet", lanes=list(lanes))

    def quiet(*_: object) -> None:
        worker.pool.announce_drain()
        # The signal may have interrupted the holder of the loop's lock: ask from outside.
        threading.Thread(target=hub.call_soon, args=(stop_consuming,), daemon=True).start()

    signal.signal(signal.SIGTSTP, quiet)
