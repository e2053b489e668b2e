"""The calls of Telegram's Bot API that a bot of pictures makes. Pure: they are only made up.

Their URLs hold the bot's token. Files go as multipart: ``attach://`` names their part.
https://core.telegram.org/bots/api#sending-files
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from infra.chat.adapter import ChatCall, FilePart
from infra.chat.telegram_view import Form
from schemas.chat import MessageRef
from schemas.chat_view import ViewPicture

_ATTACHED: Final = "picture"
_SENT: Final = "photo"
_NO_PREVIEW: Final = {"link_preview_options": {"is_disabled": True}}


class TelegramCalls:
    """Makes up the calls of one bot.

    Args:
        url: Of the Bot API's server.
        token: The bot's.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url: Final = url.rstrip("/")
        self._token: Final = quote(token, safe=":")

    def send_message(self, ref: MessageRef, form: Form) -> ChatCall:
        """Make a new message, as a reply where it answers one."""
        return self.method("sendMessage", message_parameters(ref, form))

    def send_photo(self, ref: MessageRef, form: Form, picture: ViewPicture) -> ChatCall:
        """Make a new message with a picture."""
        told = {**_target(ref), **form.words("caption", "caption_entities"), **form.markup}
        return self._upload("sendPhoto", told, picture, _SENT)

    def edit_text(self, ref: MessageRef, form: Form) -> ChatCall:
        """Edit a message that has no picture."""
        words = {**form.words("text", "entities"), **_NO_PREVIEW}
        return self.method("editMessageText", {**_message(ref), **words, **form.markup})

    def edit_caption(self, ref: MessageRef, form: Form) -> ChatCall:
        """Edit the words under a picture."""
        words = form.words("caption", "caption_entities")
        return self.method("editMessageCaption", {**_message(ref), **words, **form.markup})

    def edit_media(self, ref: MessageRef, form: Form, picture: ViewPicture) -> ChatCall:
        """Put a picture into a message: in place of its text, or of another picture."""
        media = {
            "type": "photo",
            "media": f"attach://{_ATTACHED}",
            **form.words("caption", "caption_entities"),
        }
        told = {**_message(ref), "media": media, **form.markup}
        return self._upload("editMessageMedia", told, picture, _ATTACHED)

    def delete(self, ref: MessageRef) -> ChatCall:
        """Take a message away."""
        return self.method("deleteMessage", _message(ref))

    def draft(self, ref: MessageRef, form: Form) -> ChatCall:
        """Show a text as it is being written, for 30 seconds; in private chats only.

        Its number is that of the message whose text it will be.
        """
        told = {"chat_id": int(ref.channel), "draft_id": int(ref.message or 1), **_thread(ref)}
        return self.method("sendMessageDraft", {**told, **form.words("text", "entities")})

    def uploading(self, ref: MessageRef) -> ChatCall:
        """Say for some seconds that a picture is on its way."""
        told = {"chat_id": int(ref.channel), "action": "upload_photo", **_thread(ref)}
        return self.method("sendChatAction", told)

    def answer_press(self, callback_id: str, text: str, *, alert: bool) -> ChatCall:
        """Answer a press."""
        told = press_parameters(callback_id, text, alert=alert)
        return self.method("answerCallbackQuery", told)

    def get_file(self, file_id: str) -> ChatCall:
        """Ask where a file is."""
        return self.method("getFile", {"file_id": file_id})

    def download(self, path: str, most: int) -> ChatCall:
        """Fetch a file from where ``getFile`` said it is."""
        url = f"{self._url}/file/bot{self._token}/{quote(path)}"
        return ChatCall("GET", url, "file", most=most)

    def method(self, name: str, told: Mapping[str, Any]) -> ChatCall:
        """Call a method without files."""
        return ChatCall("POST", f"{self._url}/bot{self._token}/{name}", name, body=told)

    def _upload(
        self, name: str, told: Mapping[str, Any], picture: ViewPicture, part: str
    ) -> ChatCall:
        url = f"{self._url}/bot{self._token}/{name}"
        file = FilePart(part, picture.name, picture.media_type, picture.data)
        return ChatCall("POST", url, name, form=_form(told), files=(file,))


def message_parameters(ref: MessageRef, form: Form) -> dict[str, Any]:
    """Return the parameters of ``sendMessage``: of a call, or of a webhook's answer."""
    words = {**form.words("text", "entities"), **_NO_PREVIEW}
    return {**_target(ref), **words, **form.markup}


def press_parameters(callback_id: str, text: str, *, alert: bool) -> dict[str, Any]:
    """Return the parameters of ``answerCallbackQuery``; without text, the button only rests."""
    told: dict[str, Any] = {"callback_query_id": callback_id}
    return {**told, "text": text, "show_alert": alert} if text else told


def _target(ref: MessageRef) -> dict[str, Any]:
    told: dict[str, Any] = {"chat_id": int(ref.channel), **_thread(ref)}
    if ref.reply_to is not None:
        # What is answered may be deleted by now.
        answered = {"message_id": int(ref.reply_to), "allow_sending_without_reply": True}
        told["reply_parameters"] = answered
    return told


def _thread(ref: MessageRef) -> dict[str, Any]:
    return {"message_thread_id": int(ref.thread)} if ref.thread is not None else {}


def _message(ref: MessageRef) -> dict[str, Any]:
    return {"chat_id": int(ref.channel), "message_id": int(ref.message or 0)}


def _form(told: Mapping[str, Any]) -> dict[str, str]:
    """Return the plain parts of a multipart body: what is no text is JSON."""
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in told.items()
    }
