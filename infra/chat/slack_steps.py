"""One step of showing a view on Slack: makes the call, and tells what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from infra.chat.adapter import ChatHttp, Fate, SendResult
from infra.chat.slack_calls import SlackCalls
from infra.chat.slack_errors import INVALID_BLOCKS, TOO_LONG, Meaning, Said
from infra.chat.slack_moves import DIRECT, RESPONSE, Move, fallen, next_move
from infra.chat.slack_text import mention
from infra.chat.slack_upload import Upload
from infra.chat.slack_view import LIMITS, SHORT, WHOLE, message_of, waiting_form
from schemas.chat import MessageRef
from schemas.chat_view import View

_UNSHOWN: Final = "The picture could not be shown here; /gallery has it."
# One message a second into a channel.
_POST_PAUSE: Final = 1.0
# Until then an upload may be one that Slack still looks at: the result is worth more than it.
_UPLOAD_SECONDS: Final = 120
_URL_TRIES: Final = 3
# While Slack looks at an upload, nothing is wrong with anything.
_UNREADY_PAUSE: Final = 2.0
_WITHOUT: Final = frozenset({"missing_scope", "not_allowed_token_type"})

_FATES: Final[Mapping[Meaning, Fate]] = {
    Meaning.LIMITED: Fate.LIMITED,
    Meaning.AGAIN: Fate.AGAIN,
    Meaning.UNREADY: Fate.AGAIN,
    Meaning.GONE: Fate.GONE,
    Meaning.STOPPED: Fate.STOPPED,
    Meaning.ELSEWHERE: Fate.HOPELESS,
    Meaning.REFUSED: Fate.HOPELESS,
}


@dataclass(frozen=True, slots=True)
class SlackStep:
    """One step for one message, at one moment."""

    calls: SlackCalls
    http: ChatHttp
    ref: MessageRef
    view: View
    now: datetime

    async def take(self) -> SendResult:
        """Make the next call, if there is one to make."""
        match next_move(self.ref, self.view, self.now):
            case Move.REST:
                return SendResult(Fate.TAKEN, self.ref)
            case Move.FALL:
                return self._fall("response_url is used up")
            case Move.POST:
                return await self._post()
            case Move.UPLOAD:
                return await self._upload()
            case Move.EDIT:
                return await self._edit()

    async def _post(self) -> SendResult:
        final = self.view.status.final
        shown = waiting_form(self.view) if final else self.view
        after = Fate.NEXT if final else Fate.TAKEN
        if self.ref.rung == RESPONSE:
            ref, said = await self._respond(shown, replace_original=False)
            if said.meaning is Meaning.DONE:
                return SendResult(after, ref, status=said.status)
            return self._failed(said, ref)
        channel = self.ref.channel
        if self.ref.rung == DIRECT:
            if mention(self.view.owner.id) is None:
                return SendResult(Fate.HOPELESS, self.ref, detail="nobody to write to")
            channel = self.view.owner.id
        said = await self.calls.post(self.http, self.ref, rendered(shown), channel)
        if said.error in TOO_LONG:
            short = rendered(shown, most=SHORT)
            said = await self.calls.post(self.http, self.ref, short, channel)
        if said.meaning is not Meaning.DONE:
            return self._failed(said)
        ts, where = said.told.get("ts"), said.told.get("channel")
        if not isinstance(ts, str) or not isinstance(where, str):
            return SendResult(Fate.HOPELESS, self.ref, status=said.status, detail="no ts")
        ref = replace(self.ref, message=ts, channel=where)
        return SendResult(after, ref, pause=_POST_PAUSE, status=said.status)

    async def _upload(self) -> SendResult:
        pictures = [one for one in self.view.pictures if one.media_type in LIMITS.picture_types]
        said = await self.calls.upload(self.http, pictures)
        waits = said.meaning in {Meaning.LIMITED, Meaning.AGAIN}
        if waits or (said.meaning is Meaning.STOPPED and said.error not in _WITHOUT):
            return self._failed(said, of_bot=True)
        ids = tuple(said.told["ids"]) if said.meaning is Meaning.DONE else ()
        return self._uploaded(said, ids, self.ref)

    async def _edit(self) -> SendResult:
        upload = Upload.of(self.ref, self.view)
        ids = () if upload is None else upload.ids
        if self.ref.rung == RESPONSE:
            ref, said = await self._respond(self.view, ids, replace_original=True)
        else:
            ref, said = self.ref, await self._update(ids)
        if said.meaning is Meaning.DONE:
            return SendResult(Fate.TAKEN, ref, status=said.status)
        if upload is not None and ids and self._gives_up(said, upload, ref):
            return self._uploaded(said, (), ref)
        return self._failed(said, ref, of_bot=self.ref.rung != RESPONSE)

    def _gives_up(self, said: Said, upload: Upload, ref: MessageRef) -> bool:
        """Return whether the message is to go without its pictures."""
        if said.meaning is Meaning.UNREADY:
            late = self.now.timestamp() - upload.at >= _UPLOAD_SECONDS
            return late or (ref.rung == RESPONSE and ref.uses >= _URL_TRIES)
        return said.error == INVALID_BLOCKS

    def _uploaded(self, said: Said, ids: tuple[str, ...], ref: MessageRef) -> SendResult:
        ref = replace(ref, upload=str(Upload.made(self.view, self.now, ids)))
        return SendResult(Fate.NEXT, ref, status=said.status, detail=said.detail)

    async def _update(self, ids: tuple[str, ...]) -> Said:
        said = await self.calls.update(self.http, self.ref, rendered(self.view, ids))
        if said.error not in TOO_LONG:
            return said
        short = rendered(self.view, ids, most=SHORT)
        return await self.calls.update(self.http, self.ref, short)

    async def _respond(
        self, view: View, ids: tuple[str, ...] = (), *, replace_original: bool
    ) -> tuple[MessageRef, Said]:
        said, uses = Said(Meaning.REFUSED), self.ref.uses
        for most in (WHOLE, SHORT):
            body = {
                "response_type": "in_channel",
                "replace_original": replace_original,
                **rendered(view, ids, most=most),
            }
            said = await self.calls.respond(self.http, self.ref.token or "", body)
            # Slack may have taken one whose answer was lost; it took none that it put off.
            uses += said.meaning is not Meaning.LIMITED
            if said.error not in TOO_LONG:
                break
        return replace(self.ref, uses=uses), said

    def _failed(
        self, said: Said, ref: MessageRef | None = None, *, of_bot: bool = False
    ) -> SendResult:
        ref = ref or self.ref
        if said.meaning is Meaning.ELSEWHERE:
            return self._fall(said.detail, said.status)
        fate = _FATES[said.meaning]
        limited = fate is Fate.LIMITED
        return SendResult(
            fate,
            ref,
            pause=_UNREADY_PAUSE if said.meaning is Meaning.UNREADY else said.pause,
            of_bot=of_bot and limited,
            status=said.status,
            detail=said.detail,
        )

    def _fall(self, why: str | None, status: int | None = None) -> SendResult:
        ref = fallen(self.ref)
        if ref is None:
            return SendResult(Fate.HOPELESS, self.ref, status=status, detail=why)
        return SendResult(Fate.NEXT, ref, status=status, detail=why)


def rendered(view: View, ids: tuple[str, ...] = (), *, most: int = WHOLE) -> dict[str, Any]:
    """Return the message; of pictures that cannot be shown it says so."""
    if view.status.final and view.pictures and not ids:
        notice = f"{view.notice}\n{_UNSHOWN}" if view.notice else _UNSHOWN
        return message_of(replace(view, notice=notice), most=most)
    return message_of(view, ids, most=most)


def result_of(said: Said, ref: MessageRef) -> SendResult:
    """Return what came of a call that is no step: of words for one person."""
    done = said.meaning is Meaning.DONE
    fate = Fate.TAKEN if done else _FATES[said.meaning]
    return SendResult(fate, ref, pause=said.pause, status=said.status, detail=said.detail)
