"""Which buttons stand under a message: for who posts it, and for who edits it. Pure."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from schemas.chat import ChatAction, Verb
from schemas.chat_view import Button

Pressed = tuple[Verb, int]
"""A button that was pressed: what it does, to which picture from 1 (0: to none)."""

MOST_SHOWN: Final = 4
"""Pictures of a grid; more get no buttons of their own."""
CANCEL: Final = "Cancel"
APPEAL: Final = "Appeal"
AGAIN: Final = "🔄"


def cancel_button(job_id: UUID, label: str = CANCEL, row: int = 0) -> Button:
    """Return the button that cancels a job which has not ended."""
    return Button(label, row=row, action=ChatAction(Verb.CANCEL, 0, job_id), danger=True)


def picture_buttons(
    job_id: UUID,
    pictures: int,
    *,
    upscalable: bool = True,
    used: Collection[Pressed] = (),
) -> tuple[Button, ...]:
    """Return the buttons under pictures: ``U1`` to ``U4`` and 🔄, below them ``V1`` to ``V4``.

    Args:
        job_id: Which made them.
        pictures: How many there are.
        upscalable: ``False``: what is shown cannot be enlarged any further.
        used: What was pressed before.
    """
    shown = range(1, min(pictures, MOST_SHOWN) + 1)
    ups = [_button(f"U{n}", 0, job_id, (Verb.UPSCALE, n), used) for n in shown if upscalable]
    again = _button(AGAIN, 0, job_id, (Verb.REROLL, 0), used)
    varied = [_button(f"V{n}", 1, job_id, (Verb.VARY, n), used) for n in shown]
    return (*ups, again, *varied)


def failed_buttons(job_id: UUID, *, used: Collection[Pressed] = ()) -> tuple[Button, ...]:
    """Return the button that tries it again."""
    return (_button(AGAIN, 0, job_id, (Verb.REROLL, 0), used),)


def blocked_buttons(job_id: UUID) -> tuple[Button, ...]:
    """Return the button that asks a person to look at what safety refused."""
    return (Button(APPEAL, action=ChatAction(Verb.APPEAL, 0, job_id)),)


def _button(
    label: str, row: int, job_id: UUID, what: Pressed, used: Collection[Pressed]
) -> Button:
    action = ChatAction(what[0], what[1], job_id)
    return Button(label, row=row, action=action, used=what in used)
