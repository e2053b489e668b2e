"""When a request is sent again: only where twice is once, and only where it may help.

Two more tries by default, after what ``Retry-After`` says, or else after pauses that double and
are spread, so that the clients of a server that was away do not all come back at one instant.
"""

import json
import secrets
from dataclasses import replace
from http import HTTPStatus
from typing import Final, cast

from genq.calls import Answer, Call, Exchange, Result
from genq.errors import GenqError, NoAnswerError, ServerUnreachableError, seconds_of

DEFAULT_RETRIES: Final = 2
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 8.0
# A server that asks for more patience than this gets its answer shown to the caller.
LONGEST_RETRY_AFTER: Final = 60.0
# So much later than asked for, at the most, as a share.
SPREAD: Final = 0.25

_PASSING: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_dice = secrets.SystemRandom()


def persistently(exchange: Exchange[Result], retries: int) -> Exchange[Result]:
    """Run an exchange; each of its calls may be sent so many times more.

    Args:
        exchange: Whatever else it yields is passed on as it is.
        retries: 0 sends everything once.
    """
    try:
        step = next(exchange)
        while True:
            try:
                # Who listens comes back by itself, and does something else meanwhile.
                if isinstance(step, Call) and step.safe_twice and step.listen is None:
                    answer = yield from _send(step, retries)
                else:
                    answer = yield step
            except GenqError as error:
                step = exchange.throw(error)
            else:
                step = exchange.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        exchange.close()


def pause_before(attempt: int) -> float:
    """Return the seconds before try number ``attempt``; 1 is the first that repeats."""
    pause = FIRST_PAUSE * 2.0 ** min(attempt - 1, 16)
    return _spread(min(pause, LONGEST_PAUSE))


def _send(call: Call, retries: int) -> Exchange[Answer]:
    for attempt in range(1, retries + 1):
        try:
            answer = yield call
        except NoAnswerError:
            # It was sent and time ran out: sending it again would only wait as long again.
            raise
        except ServerUnreachableError:
            pause = pause_before(attempt)
        else:
            asked = _pause_asked_for(answer, attempt)
            if asked is None:
                return answer
            pause = asked
        call = replace(call, after=pause)
    return (yield call)


def _pause_asked_for(answer: Answer, attempt: int) -> float | None:
    if answer.status not in _PASSING or _is_final(answer):
        return None
    after = seconds_of(answer.headers.get("retry-after"))
    if after is None:
        return pause_before(attempt)
    return _spread(after) if 0 <= after <= LONGEST_RETRY_AFTER else None


def _is_final(answer: Answer) -> bool:
    # genq says of each problem whether it can pass; a proxy's page does not.
    try:
        found: object = json.loads(answer.body)
    except ValueError:
        return False
    return (
        isinstance(found, dict) and cast("dict[str, object]", found).get("retryable") is False
    )


def _spread(pause: float) -> float:
    return pause * (1 + SPREAD * _dice.random())
