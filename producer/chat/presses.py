"""Buttons that are pressed: authorised here, whatever their ids say, and carried out.

An id may be stale or forged: it leads only to a job of the tenant that is bound where it was
pressed, by a message of that place, or of that person.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from infra.chat.message_links import message_link
from infra.postgres.chat_messages import KeptMessage, message_of_job
from infra.postgres.chat_presses import PressKey, pressed_of
from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from infra.postgres.retry_jobs import ended_jobs
from producer.api.bodies import check
from producer.chat.asked import Asked, ChatMeans, Opened, Outcome, tell
from producer.chat.jobs import Wanted, make_job
from producer.chat.queue_commands import cancel_job
from producer.picture_actions import PictureActions
from producer.retry import request_of
from schemas.chat import ChatAction, ChatUser, Verb
from schemas.chat_buttons import Pressed
from schemas.chat_errors import ChatPressedError
from schemas.chat_inbound import Press
from schemas.chat_job import Card, job_view_of
from schemas.chat_view import Button, Notice, Tell, Tone, View
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.picture_action import PictureActionRequest

APPEALED: Final = "asked for by a button in a chat"

_GRID: Final = 4
_STALE: Final = "This button is of no use any more."
_ACTIONS: Final[Mapping[Verb, str]] = MappingProxyType(
    {Verb.UPSCALE: "upscale", Verb.VARY: "vary", Verb.REROLL: "reroll"}
)
_TITLES: Final[Mapping[Verb, str]] = MappingProxyType(
    {Verb.UPSCALE: "Image #{}", Verb.VARY: "Variations of #{}", Verb.REROLL: ""}
)


@dataclass(frozen=True, slots=True)
class _Pressing:
    """A press that may be: what, of which job, under which message."""

    action: ChatAction
    job: JobRecord
    message: KeptMessage
    used: frozenset[Pressed]


async def press(means: ChatMeans, asked: Asked[Press]) -> Outcome:
    """Do what a button does, if whoever pressed it may."""
    action = asked.heard.action
    if action is None:
        return _stale()
    if action.verb is Verb.CANCEL:
        return await _cancel(means, asked, action)
    found = await _find(means, asked, action)
    if isinstance(found, Tell):
        return found
    try:
        return await _DO[action.verb](means, asked, found)
    except ChatPressedError as error:
        return await _pressed_before(means, asked, error)


async def _find(
    means: ChatMeans, asked: Asked[Press], action: ChatAction
) -> "_Pressing | Tell":
    heard = asked.heard
    async with transaction(means.engine) as connection:
        message = await message_of_job(connection, asked.tenant.id, action.job_id)
        if message is None or not _belongs(message, heard):
            return _stale()
        job = await get_job(connection, asked.tenant.id, action.job_id)
        used = await pressed_of(connection, action.job_id)
    if job is None:
        return _stale()
    owner = message.user_id == heard.user.id
    by = asked.rules.press_by or means.settings.chat_press_by
    if not owner and (action.verb is Verb.APPEAL or by == "owner"):
        return tell("Not allowed", "Only who asked for it can press this button.", Tone.WARNING)
    return _Pressing(action, job, message, used)


def _belongs(message: KeptMessage, heard: Press) -> bool:
    """Return whether a message is one of the place, or of the person in private."""
    if message.platform is not heard.platform:
        return False
    if message.place_id and message.place_id == heard.place.id:
        return True
    return message.user_id == heard.user.id


async def _cancel(means: ChatMeans, asked: Asked[Press], action: ChatAction) -> Tell:
    async with transaction(means.engine) as connection:
        message = await message_of_job(connection, asked.tenant.id, action.job_id)
    if message is None or not _belongs(message, asked.heard):
        return _stale()
    return await cancel_job(means, asked, action.job_id)


async def _derive(means: ChatMeans, asked: Asked[Press], pressing: _Pressing) -> Outcome:
    """Make the job of U, V or 🔄; what failed is asked for again as it was."""
    action, job = pressing.action, pressing.job
    if action.verb is Verb.REROLL and job.state in {JobState.FAILED, JobState.DEAD}:
        return await _again(means, asked, pressing)
    made = len(job.artifacts)
    if action.verb is not Verb.REROLL and made and not 1 <= action.index <= made:
        return _stale()
    name = _ACTIONS[action.verb]
    told: dict[str, Any] = {"action": name}
    if action.verb is not Verb.REROLL:
        told["index"] = max(0, action.index - 1)
    if action.verb is Verb.VARY and job.input.get("n") is None:
        told["n"] = _GRID
    if (model := asked.model(name)) is not None:
        told["model"] = model
    wanted = check(PictureActionRequest, told)
    following = await PictureActions(means.engine, means.settings).next_job(job, wanted)
    return await _make(means, asked, pressing, following.request, lineage=following.lineage)


async def _again(means: ChatMeans, asked: Asked[Press], pressing: _Pressing) -> Outcome:
    async with transaction(means.engine) as connection:
        ended = await ended_jobs(connection, asked.tenant.id, [pressing.job.id])
    if not ended or ended[0].erased:
        return _stale()
    request = request_of(ended[0]).model_dump(mode="json", exclude_unset=True)
    return await _make(means, asked, pressing, request)


async def _make(
    means: ChatMeans,
    asked: Asked[Press],
    pressing: _Pressing,
    request: Mapping[str, Any],
    **lineage: Any,
) -> Opened:
    action, message = pressing.action, pressing.message
    wanted = Wanted(
        {**request, **_lane(asked, request)},
        message.command,
        title=_TITLES[action.verb].format(action.index),
        press=PressKey(action.job_id, action.verb, action.index),
        marked=_marked(means, pressing),
        **lineage,
    )
    return await make_job(means, asked, wanted)


def _lane(asked: Asked[Press], request: Mapping[str, Any]) -> Mapping[str, Lane | None]:
    """Return the lane of the pressed job's own, if the presser may have that."""
    lane = request.get("lane")
    return {"lane": Lane(lane) if lane is not None and Lane(lane) in asked.lanes else None}


def _marked(means: ChatMeans, pressing: _Pressing) -> View:
    action, message = pressing.action, pressing.message
    used = pressing.used | {(action.verb, action.index)}
    card = Card(message.command, ChatUser(message.user_id), message.title, used)
    return job_view_of(pressing.job, card, now=means.clock.now())


async def _appeal(means: ChatMeans, asked: Asked[Press], pressing: _Pressing) -> Outcome:
    """Ask a person to look at what was refused.

    Raises:
        NotAppealableError: It was not blocked, or too long ago.
    """
    made, new = await means.appeals.add(asked.tenant, pressing.job, APPEALED)
    named = format_id("apl", made.id)
    if not new:
        return tell("Appeal", f"A person was asked to look at it before: {named}.")
    told = f"A person looks at it: {named}. If they allow it, it is made, and shown here."
    return tell("Appeal", told)


async def _pressed_before(
    means: ChatMeans, asked: Asked[Press], error: ChatPressedError
) -> Tell:
    """Tell that it is under way, or done, with a link to it where there is one."""
    async with transaction(means.engine) as connection:
        message = await message_of_job(connection, asked.tenant.id, error.next_job_id)
    link = None
    if message is not None:
        link = message_link(message.platform, message.place_id, message.ref)
    what = _TITLES[error.verb].format(error.index) or "Another try"
    told = "is there already" if error.finished else "is on its way already"
    named = "" if link is not None else f" ({format_id('job', error.next_job_id)})"
    buttons = () if link is None else (Button("Show it", url=link),)
    shown = f"{what} {told}{named}." + ("" if link is None else f"\n{link}")
    return Tell(Notice("Under way already", shown, Tone.INFO, buttons))


def _stale() -> Tell:
    return tell("Too late", _STALE, Tone.WARNING)


_Doing = Callable[[ChatMeans, Asked[Press], _Pressing], Awaitable[Outcome]]
_DO: Final[Mapping[Verb, _Doing]] = MappingProxyType(
    {
        Verb.UPSCALE: _derive,
        Verb.VARY: _derive,
        Verb.REROLL: _derive,
        Verb.APPEAL: _appeal,
    }
)
