"""What came of sending a chat message, as a delivery's attempt came to it. Pure."""

from datetime import timedelta
from typing import Final

from infra.chat.adapter import Fate, SendResult
from schemas.events import OutboxKind
from worker.delivery.answer import storable
from worker.delivery.result import Outcome, Result

UNTIL_ANOTHER_TOKEN: Final = timedelta(minutes=1)
"""So often it is looked whether a bot that was stopped may speak again."""
_UNSAID_PAUSE: Final = 1.0
_CROWDED: Final = timedelta(seconds=1)
_NOTHING: Final = timedelta()

OVERTAKEN: Final = Result(
    Outcome.DEFERRED, _NOTHING, detail="it covered the last form", rest=_NOTHING, again=_CROWDED
)
"""An older form arrived after the last one, which is to be sent again."""


def result_of(sent: SendResult) -> Result:
    """Return what the attempt came to whose last step came to ``sent``.

    A step that is done and wants a pause before the next one counts as a rate limit: the rest
    follows when the pause is over.
    """
    match sent.fate:
        case Fate.TAKEN:
            return _result(sent, Outcome.SUCCESS, rest=_pause(sent))
        case Fate.NEXT | Fate.LIMITED:
            pause = timedelta(seconds=sent.pause or _UNSAID_PAUSE)
            return _result(sent, Outcome.RATE_LIMITED, rest=pause)
        case Fate.AGAIN if sent.pause:
            # The platform does not know the message yet: nothing is wrong with its channel.
            return _result(sent, Outcome.DEFERRED, rest=_NOTHING, again=_pause(sent))
        case Fate.AGAIN:
            heard = Outcome.DISCONNECTED if sent.status is None else Outcome.HTTP_ERROR
            return _result(sent, heard)
        case Fate.STOPPED:
            wait = UNTIL_ANOTHER_TOKEN
            return _result(sent, Outcome.DEFERRED, rest=wait, again=wait)
        case _:
            hopeless = sent.fate is Fate.HOPELESS
            return _result(sent, Outcome.REFUSED if hopeless else Outcome.DISCARDED)


def nothing_sent(detail: str) -> Result:
    """Return that the message shows already what there is to show."""
    return Result(Outcome.SUCCESS, _NOTHING, detail=detail)


def over(detail: str) -> Result:
    """Return that nothing is ever to be sent."""
    return Result(Outcome.DISCARDED, _NOTHING, detail=detail)


def resting(seconds: float) -> Result:
    """Return that a pause has to be waited for; no request was made."""
    pause = timedelta(seconds=seconds)
    return Result(Outcome.RATE_LIMITED, _NOTHING, detail="the bot pauses", rest=pause)


def crowded() -> Result:
    """Return that others hold all the memory for pictures; no request was made."""
    return Result(
        Outcome.DEFERRED, _NOTHING, detail="others send pictures", rest=_NOTHING, again=_CROWDED
    )


def stopped(reason: str | None) -> Result:
    """Return that the bot may not speak; what is owed waits."""
    why = storable(reason or "its token was refused")
    return Result(
        Outcome.DEFERRED,
        _NOTHING,
        detail=f"the bot is stopped: {why}",
        rest=UNTIL_ANOTHER_TOKEN,
        again=UNTIL_ANOTHER_TOKEN,
    )


def is_for_progress(kind: OutboxKind) -> bool:
    """Return whether an event is of no use later."""
    return kind is OutboxKind.PROGRESS


def _pause(sent: SendResult) -> timedelta | None:
    return timedelta(seconds=sent.pause) if sent.pause > 0 else None


def _result(
    sent: SendResult,
    outcome: Outcome,
    *,
    rest: timedelta | None = None,
    again: timedelta | None = None,
) -> Result:
    detail = None if sent.detail is None else storable(sent.detail)
    return Result(outcome, _NOTHING, status=sent.status, detail=detail, rest=rest, again=again)
