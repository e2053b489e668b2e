"""An attempt as its worker holds it: it can be stopped, for one of two reasons."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class Hand:
    """A pointer in hand, and who wants its attempt to end.

    Attributes:
        abandoned: The session is lost: others will run the job.
        unwanted: The caller cancelled the job.
    """

    def __init__(self) -> None:
        self.abandoned = False
        self.unwanted = False
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def abandon(self) -> None:
        """Stop it without a word."""
        # One that waits for a slot goes on: it starts under the next session.
        if self._task is not None:
            self.abandoned = True
            self._stop()

    def cancel(self) -> None:
        """Stop it, because nobody wants it any more."""
        self.unwanted = True
        self._stop()

    @contextmanager
    def stoppable(self) -> Generator[None]:
        """Let the attempt be stopped inside the block; what follows is written in peace."""
        self._task = asyncio.current_task()
        try:
            yield
        finally:
            if self._task is not None and self._stopped:
                # What stopped it is dealt with: the task goes on and writes the end.
                self._task.uncancel()
            self._task = None

    def _stop(self) -> None:
        if self._task is not None and not self._stopped:
            self._stopped = True
            self._task.cancel()
