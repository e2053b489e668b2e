"""One step towards a message that shows a view: which call, and what its answer means.

A message is posted as words and becomes a picture by an edit, which may be repeated: only the
first form can ever stand twice. Text that a model is writing streams as a draft, where a person
is alone with the bot; drafts stay until a new message comes, so then the end is a new message.
"""

from dataclasses import replace
from typing import Final

from infra.chat.adapter import ChatCall, ChatHttp, Fate, SendResult
from infra.chat.blank_picture import blank_picture
from infra.chat.telegram_calls import TelegramCalls
from infra.chat.telegram_errors import (
    HAS_DRAFT,
    IS_PICTURE,
    IS_TEXT,
    Said,
    read_answer,
    refused,
)
from infra.chat.telegram_inbound import is_private
from infra.chat.telegram_view import LIMITS, Form, view_form
from schemas.chat import MessageRef
from schemas.chat_errors import ChatUnreachableError
from schemas.chat_view import ChatStatus, View, ViewPicture

# From here on the upload takes long enough to say that it is under way.
_LARGE: Final = 1_000_000
_STILL_THERE: Final = "a preview of what was refused could not be taken away"
_WITHOUT_PICTURE: Final = frozenset({ChatStatus.BLOCKED, ChatStatus.HELD})


class TelegramSteps:
    """Takes steps.

    Args:
        calls: Of the bot.
    """

    def __init__(self, calls: TelegramCalls) -> None:
        self._calls: Final = calls

    async def take(self, ref: MessageRef, view: View, http: ChatHttp) -> SendResult:
        """Take one step; nothing is raised but cancellation."""
        if ref.message is None:
            return await self._post(ref, view, http)
        if _superseded(ref, view):
            return await self._delete(ref, view, http)
        if _streams(ref, view):
            return await self._draft(ref, view, http)
        return await self._edit(ref, view, http)

    async def _post(self, ref: MessageRef, view: View, http: ChatHttp) -> SendResult:
        picture = None if view.status.final else _picture(view)
        whole = not view.status.final and not _streams(ref, view)
        form = _form(ref, view if whole else _waiting_form(view), picture)
        if picture is None:
            said = await told_by(http, self._calls.send_message(ref, form))
        else:
            said = await told_by(http, self._calls.send_photo(ref, form, picture))
        if said is None or not said.ok:
            return _not_taken(said, ref)
        if said.message_id is None:
            return SendResult(Fate.AGAIN, ref, status=said.status, detail="no message id")
        rung = IS_TEXT if picture is None else IS_PICTURE
        made = replace(ref, message=said.message_id, rung=rung)
        return _taken(made, said) if whole else SendResult(Fate.NEXT, made, status=said.status)

    async def _delete(self, ref: MessageRef, view: View, http: ChatHttp) -> SendResult:
        """Take away a message whose place a new one takes; it stays if it must.

        A picture that was refused does not: a plain one takes its place.
        """
        said = await told_by(http, self._calls.delete(ref))
        result = _not_taken(said, ref) if said is None or not said.ok else None
        if result is None or result.fate is Fate.GONE:
            fresh = replace(ref, message=None, rung=IS_TEXT)
            return SendResult(Fate.NEXT, fresh, status=said.status if said else None)
        if result.fate is not Fate.HOPELESS:
            return result
        if ref.rung != IS_PICTURE:
            return await self._edit(ref, view, http)
        return await self._blanked(ref, view, http)

    async def _blanked(self, ref: MessageRef, view: View, http: ChatHttp) -> SendResult:
        """Put a plain picture in the place of a refused one, which cannot be taken away."""
        form = _form(ref, view, None)
        said = await told_by(http, self._calls.edit_media(ref, form, blank_picture()))
        if said is not None and said.ok:
            return _taken(ref, said)
        result = _not_taken(said, ref)
        if result.fate is not Fate.HOPELESS:
            return result
        result = await self._edit(ref, view, http)
        if result.fate is not Fate.TAKEN:
            return result
        return replace(result, fate=Fate.HOPELESS, detail=_STILL_THERE)

    async def _draft(self, ref: MessageRef, view: View, http: ChatHttp) -> SendResult:
        form = _form(ref, replace(view, buttons=()), None)
        said = await told_by(http, self._calls.draft(ref, form))
        if said is not None and said.ok:
            return _taken(replace(ref, rung=HAS_DRAFT), said)
        result = _not_taken(said, ref)
        if result.fate is Fate.HOPELESS:
            # An older server, or a chat that takes none: the message itself serves as well.
            return await self._edit(ref, view, http)
        return result

    async def _edit(self, ref: MessageRef, view: View, http: ChatHttp) -> SendResult:
        picture = _picture(view)
        form = _form(ref, view, picture)
        if picture is not None:
            if view.status.final and len(picture.data) > _LARGE:
                # Whatever comes of it: it is a courtesy.
                await told_by(http, self._calls.uploading(ref))
            said = await told_by(http, self._calls.edit_media(ref, form, picture))
            ref = replace(ref, rung=IS_PICTURE) if said is not None and said.ok else ref
        elif ref.rung == IS_PICTURE:
            said = await told_by(http, self._calls.edit_caption(ref, form))
        else:
            said = await told_by(http, self._calls.edit_text(ref, form))
        return _taken(ref, said) if said is not None and said.ok else _not_taken(said, ref)


async def told_by(http: ChatHttp, call: ChatCall) -> Said | None:
    """Return what Telegram said to a call; ``None``: there was no whole answer."""
    try:
        return read_answer(await http.send(call))
    except ChatUnreachableError:
        return None


def _taken(ref: MessageRef, said: Said) -> SendResult:
    return SendResult(Fate.TAKEN, ref, pause=_rest(ref), status=said.status)


def _not_taken(said: Said | None, ref: MessageRef) -> SendResult:
    if said is None:
        return SendResult(Fate.AGAIN, ref, detail="no answer")
    result = refused(said, ref)
    return replace(result, pause=_rest(ref)) if result.fate is Fate.TAKEN else result


def _rest(ref: MessageRef) -> float:
    """Return how long a chat rests between two calls."""
    return LIMITS.edit_seconds if is_private(ref.channel) else LIMITS.group_edit_seconds


def _picture(view: View) -> ViewPicture | None:
    """Return the one picture that is shown: albums have no buttons and cannot be edited."""
    return view.pictures[0] if view.pictures else None


def _form(ref: MessageRef, view: View, picture: ViewPicture | None) -> Form:
    caption = picture is not None or (ref.message is not None and ref.rung == IS_PICTURE)
    return view_form(view, private=is_private(ref.channel), caption=caption)


def _waiting_form(view: View) -> View:
    """Return what is posted before what cannot be posted twice."""
    empty = replace(view, text=None, notice=None, link=None, pictures=())
    if not view.status.final:
        return empty
    return replace(empty, status=ChatStatus.RUNNING, percent=None, buttons=())


def _streams(ref: MessageRef, view: View) -> bool:
    """Return whether a view is shown as a draft."""
    running = view.status is ChatStatus.RUNNING and not view.pictures
    return running and bool(view.text) and is_private(ref.channel) and ref.rung != IS_PICTURE


def _superseded(ref: MessageRef, view: View) -> bool:
    """Return whether a new message takes the place of the one that is there.

    Drafts stay beside an edited message. And an edit cannot take a picture away, which was a
    preview of what was refused then.
    """
    if ref.rung == HAS_DRAFT:
        return view.status.final
    return ref.rung == IS_PICTURE and not view.pictures and view.status in _WITHOUT_PICTURE
