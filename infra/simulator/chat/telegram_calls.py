"""What each method of Telegram's Bot API does. Its parameters keep the description already."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.simulator.chat.ledger import Ledger
from infra.simulator.chat.messages import Message, Picture
from infra.simulator.chat.telegram_world import (
    BOT,
    BOT_NAME,
    Draft,
    TelegramChat,
    TelegramWorld,
    denied,
    path_of,
)
from infra.simulator.chat.wire import Part, nested

Call = Callable[[Mapping[str, Any], Mapping[str, Part]], Any]

PHOTO_BYTES: Final = 10 << 20
CALLBACK_SECONDS: Final = 15.0
_ATTACHED: Final = "attach://"
_SAME: Final = (
    "Bad Request: message is not modified: specified new message content and reply markup are"
    " exactly the same as a current content and reply markup of the message"
)


class TelegramCalls:
    """The methods that are played."""

    def __init__(self, world: TelegramWorld, ledger: Ledger) -> None:
        self._world: Final = world
        self._ledger: Final = ledger
        self._hook: dict[str, Any] = {"url": "", "pending_update_count": 0}
        self._methods: Final[Mapping[str, Call]] = {
            "getMe": self._me,
            "setWebhook": self._set_hook,
            "deleteWebhook": self._drop_hook,
            "getWebhookInfo": self._show_hook,
            "setMyCommands": self._commands,
            "sendMessage": self._send,
            "sendPhoto": self._send_photo,
            "sendChatAction": self._nothing,
            "sendMessageDraft": self._draft,
            "editMessageText": self._edit_text,
            "editMessageCaption": self._edit_caption,
            "editMessageMedia": self._edit_media,
            "editMessageReplyMarkup": self._edit_markup,
            "deleteMessage": self._delete,
            "answerCallbackQuery": self._answer_callback,
            "getFile": self._get_file,
        }

    def methods(self) -> Mapping[str, Call]:
        """Return them by name."""
        return self._methods

    def chat_of(self, told: Mapping[str, Any]) -> TelegramChat:
        """Return the chat that a call names.

        Raises:
            RefusedError: There is none, it has moved, or the bot may not write there.
        """
        named = str(told["chat_id"])
        number = int(named) if named.lstrip("-").isdecimal() else 0
        chat = self._world.chats.get(number)
        if chat is None:
            raise denied(400, "Bad Request: chat not found")
        if chat.moved_to is not None:
            raise denied(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                expected=True,
                parameters={"migrate_to_chat_id": chat.moved_to},
            )
        if chat.refuses is not None:
            raise denied(403, chat.refuses, expected=True)
        return chat

    def _me(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del told, files
        return {"id": BOT, "is_bot": True, "first_name": "genq", "username": BOT_NAME}

    def _set_hook(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        self._hook = {"pending_update_count": 0, **told}
        return True

    def _drop_hook(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del told, files
        self._hook = {"url": "", "pending_update_count": 0}
        return True

    def _show_hook(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del told, files
        return {name: one for name, one in self._hook.items() if name != "secret_token"}

    def _commands(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        self._world.commands = list(told["commands"])
        return True

    def _nothing(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del told, files
        return True

    def _send(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        chat = self.chat_of(told)
        self._check_reply(chat, told)
        return self._world.message_json(self._world.post(chat, told, None))

    def _send_photo(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        chat = self.chat_of(told)
        self._check_reply(chat, told)
        picture = self._picture(told.get("photo"), files, "photo")
        return self._world.message_json(self._world.post(chat, told, picture))

    def _draft(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        chat = self.chat_of(told)
        if chat.kind != "private":
            raise denied(400, "Bad Request: drafts are for private chats")
        key = (chat.id, told["draft_id"])
        draft = self._world.drafts.setdefault(key, Draft(*key))
        draft.texts.append(told.get("text") or "")
        self._world.board.wake()
        return True

    def _edit_text(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        message = self._message(told)
        if message.pictures:
            again = self._ledger.dropped > 0
            wrong = "Bad Request: there is no text in the message to edit"
            raise denied(400, wrong, expected=again)
        return self._edited(message, told, None)

    def _edit_caption(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        message = self._message(told)
        if not message.pictures:
            raise denied(400, "Bad Request: there is no caption in the message to edit")
        return self._edited(message, told, message.pictures[0])

    def _edit_media(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        message = self._message(told)
        media = nested(told, "media")
        if media.get("type") != "photo":
            raise denied(400, "Bad Request: only photos are played here")
        picture = self._picture(media.get("media"), files, "")
        shown = {"reply_markup": told.get("reply_markup")}
        return self._edited(message, {**media, **shown}, picture)

    def _edit_markup(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        message = self._message(told)
        shown = {**message.raw, "reply_markup": told.get("reply_markup")}
        return self._edited(message, shown, next(iter(message.pictures), None))

    def _edited(
        self, message: Message, told: Mapping[str, Any], picture: Picture | None
    ) -> Any:
        before, there = message.raw, next(iter(message.pictures), None)
        same = all((told.get(name) or None) == (before[name] or None) for name in before)
        if same and picture == there:
            raise denied(400, _SAME, expected=self._ledger.dropped > 0)
        return self._world.message_json(self._world.edit(message, told, picture))

    def _delete(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        self._world.board.delete(self._message(told, "delete"))
        return True

    def _answer_callback(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        found = self._world.callbacks.get(told["callback_query_id"])
        late = found is None or self._world.clock.monotonic() - found.born > CALLBACK_SECONDS
        if found is None or late or found.told is not None:
            raise denied(
                400,
                "Bad Request: query is too old and response timeout expired or query ID is"
                " invalid",
                expected=self._ledger.dropped > 0 and found is not None,
            )
        found.told = dict(told)
        self._world.board.wake()
        return True

    def _get_file(self, told: Mapping[str, Any], files: Mapping[str, Part]) -> Any:
        del files
        found = self._world.files.get(told["file_id"])
        if found is None:
            raise denied(400, "Bad Request: invalid file_id")
        return {
            "file_id": found.id,
            "file_unique_id": f"unique-{found.id}",
            "file_size": len(found.data),
            "file_path": path_of(found.id),
        }

    def _message(self, told: Mapping[str, Any], to: str = "edit") -> Message:
        chat = self.chat_of(told)
        key = (str(chat.id), str(told.get("message_id")))
        message = self._world.board.messages.get(key)
        if message is None or message.deleted:
            missing = f"Bad Request: message to {to} not found"
            raise denied(400, missing, expected=message is not None)
        if message.author != "bot":
            raise denied(400, f"Bad Request: message can't be {to}ed")
        return message

    def _check_reply(self, chat: TelegramChat, told: Mapping[str, Any]) -> None:
        reply = nested(told, "reply_parameters")
        number = reply.get("message_id")
        if number is None or reply.get("allow_sending_without_reply"):
            return
        found = self._world.board.find(str(chat.id), str(number))
        if found is None:
            raise denied(400, "Bad Request: message to be replied not found")

    def _picture(self, named: object, files: Mapping[str, Part], field: str) -> Picture:
        """Return the picture that a parameter is, or names."""
        part = files.get(field)
        if isinstance(named, str) and named.startswith(_ATTACHED):
            part = files.get(named.removeprefix(_ATTACHED))
        if part is None:
            there = self._world.files.get(str(named))
            if there is None:
                raise denied(400, "Bad Request: wrong remote file identifier specified")
            return there
        if not part.data:
            raise denied(400, "Bad Request: file must be non-empty")
        if len(part.data) > PHOTO_BYTES:
            raise denied(413, "Request Entity Too Large")
        return self._world.keep(part.filename or "photo", part.media_type, part.data)
