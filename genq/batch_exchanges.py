"""What the calls about batches say to the server and make of its answers, without any I/O."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from inspect import isawaitable
from typing import Final, TypedDict

from genq.batch_models import (
    FINAL_BATCH_STATUSES,
    Batch,
    BatchResult,
    read_batch,
    read_batches,
    read_result,
)
from genq.byte_streams import opening
from genq.calls import Answer, Call, Exchange, Pending, found_in, place, query_of, sending
from genq.errors import (
    RateLimitedError,
    ServerUnreachableError,
    UnavailableError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from genq.exchanges import new_key
from genq.pages import Found
from genq.retries import pause_before

_PATH: Final = "/v1/batches"
DEFAULT_WINDOW: Final = "24h"
FIRST_LOOK: Final = 0.5
"""Seconds between two looks at a batch at first; they double."""
LONGEST_PAUSE: Final = 5.0
# A server that was there may be away for so long: it is restarted, or moved.
AWAY: Final = 120.0
# A stream of results that breaks so often at once is given up.
BREAKS_BORNE: Final = 5
_PASSING: Final = (ServerUnreachableError, UnavailableError, RateLimitedError)

OnBatch = Callable[[Batch], object]


class BatchOptions(TypedDict, total=False):
    """What may be said of a batch besides its file.

    Attributes:
        completion_window: ``<n>h`` or ``<n>d``, from 1h to 7d; 24h if not given.
        metadata: Up to 16 pairs of your own.
        lane: Where its lines queue; ``batch`` if not given.
        priority: 0 to 9, 0 first.
        max_parallel: The most lines that are in the queue or running at once.
        ordered_output: Whether the output file has the order of the input file.
        webhook: Told of the batch's end: a URL, or ``{"url", "events"}``.
        output_expires_after: Seconds that the output and error files are kept.
    """

    completion_window: str
    metadata: Mapping[str, str]
    lane: str
    priority: int
    max_parallel: int
    ordered_output: bool
    webhook: str | Mapping[str, object]
    output_expires_after: int


_OWN: Final = ("lane", "priority", "max_parallel", "ordered_output")


def create_batch(
    input_file_id: str, endpoint: str, options: BatchOptions, idempotency_key: str | None
) -> Exchange[Batch]:
    """Make a batch, under an idempotency key in any case."""
    own: dict[str, object] = {n: value for n, value in options.items() if n in _OWN}
    webhook = options.get("webhook")
    if webhook is not None:
        own["webhook"] = {"url": webhook} if isinstance(webhook, str) else webhook
    seconds = options.get("output_expires_after")
    body = {
        "input_file_id": input_file_id,
        "endpoint": endpoint,
        "completion_window": options.get("completion_window", DEFAULT_WINDOW),
        "metadata": options.get("metadata"),
        "output_expires_after": None
        if seconds is None
        else {"anchor": "created_at", "seconds": seconds},
        "genq": own or None,
    }
    call = sending("POST", _PATH, body, "the batch", key=idempotency_key or new_key())
    return read_batch(found_in((yield call)))


def get_batch(batch_id: str) -> Exchange[Batch]:
    """Read one batch."""
    return read_batch(found_in((yield Call("GET", batch_path(batch_id)))))


def list_batches(query: Mapping[str, object]) -> Exchange[Found[Batch]]:
    """Read one page of batches, newest first."""
    return read_batches(found_in((yield Call("GET", _PATH, query=query_of(query)))))


def cancel_batch(batch_id: str) -> Exchange[Batch]:
    """Cancel a batch; doing it twice is doing it once."""
    call = Call("POST", f"{batch_path(batch_id)}/cancel", repeatable=True)
    return read_batch(found_in((yield call)))


def retry_batch(
    batch_id: str, completion_window: str | None, idempotency_key: str | None
) -> Exchange[Batch]:
    """Make a batch of the lines that did not succeed, under an idempotency key in any case."""
    body = {"completion_window": completion_window}
    key = idempotency_key or new_key()
    call = sending("POST", f"{batch_path(batch_id)}/retry", body, "the retry", key=key)
    return read_batch(found_in((yield call)))


def wait_for_batch(
    batch_id: str,
    *,
    timeout: float | None,
    on_change: OnBatch | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Exchange[Batch]:
    """Return the batch when it has ended, looked at every few seconds.

    Args:
        batch_id: The batch.
        timeout: Seconds; without end if not given.
        on_change: Hears of every look at it.
        clock: Seconds that only grow.

    Raises:
        WaitTimeoutError: ``timeout`` seconds have passed; the batch goes on.
        ServerUnreachableError: The server was away for two minutes.
    """
    until = math.inf if timeout is None else clock() + timeout
    call, pause = Call("GET", batch_path(batch_id)), FIRST_LOOK
    seen, batch = clock(), None
    while True:
        try:
            batch = read_batch(found_in((yield call)))
        except _PASSING:
            if batch is None or clock() - seen > AWAY:
                raise
        else:
            seen = clock()
            told = on_change(batch) if on_change is not None else None
            if isawaitable(told):
                yield Pending(told)
            if batch.done:
                return batch
        left = until - clock()
        if left <= 0:
            raise WaitTimeoutError(batch_id, batch.status, timeout or 0.0)
        call = replace(call, after=min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE)


class ResultsWalk:
    """Where a reader of results stands, through every break; it does no I/O.

    Args:
        batch_id: The batch.
        after: The ``seq`` of the last line that is known.
        include: ``all``, ``output`` or ``errors``.
        follow: Whether to go on until the batch has ended.
    """

    def __init__(self, batch_id: str, *, after: int, include: str, follow: bool) -> None:
        self._path = f"{batch_path(batch_id)}/results"
        self._after = after
        self._include = include
        self._follow = follow
        self._rest = b""
        self._breaks = 0
        self._idle = 0
        self._ended = False
        self._next = after
        self.over = False
        self.pause = 0.0

    def call(self) -> Call:
        """Return the next request."""
        self._rest = b""
        query = {"after": self._after, "include": self._include}
        return replace(opening(self._path, query), after=self.pause)

    def begin(self, answer: Answer) -> None:
        """Heed the beginning of an answer."""
        self._ended = answer.headers.get("x-genq-batch-status", "") in FINAL_BATCH_STATUSES
        self._next = _number(answer.headers.get("x-genq-next-after", ""))

    def take(self, piece: bytes) -> Iterator[BatchResult]:
        """Yield the lines that a piece completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            try:
                result = read_result(json.loads(line))
            except ValueError:
                raise UnexpectedAnswerError("a line of the results is not JSON") from None
            self._after = result.seq
            self._breaks = self._idle = 0
            yield result

    def end(self) -> None:
        """Heed that an answer is complete."""
        self._after = max(self._after, self._next)
        self._idle += 1
        self.over = self._ended or not self._follow
        self.pause = min(FIRST_LOOK * 2.0 ** min(self._idle, 8), LONGEST_PAUSE)

    def broke(self) -> bool:
        """Heed that an answer broke off; return whether there is use in going on."""
        self._breaks += 1
        self.pause = pause_before(self._breaks)
        return self._breaks <= BREAKS_BORNE


def batch_path(batch_id: str) -> str:
    """Return the path of a batch.

    Raises:
        ConfigurationError: It is no id.
    """
    return place("batch_", batch_id, _PATH)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
