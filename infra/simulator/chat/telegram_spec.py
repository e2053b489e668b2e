"""Checks calls of Telegram's Bot API by its published description: names, types, lengths.

The description is github.com/PaulSonOfLars/telegram-bot-api-spec (MIT), of Bot API 10.1, cut
to what a bot of pictures uses; lengths and lists of values stand in its prose and are read from
there. What it does not say and the servers refuse is checked here besides: entities within
their text, ``attach://`` names with their files, one action a button.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

SPEC: Final = Path(__file__).parent / "specs" / "telegram-bot-api-10.1-subset.json"

_LENGTH: Final = re.compile(r"\b(\d+)-(\d+) (characters|bytes)\b")
_QUOTED: Final = re.compile(r'"([a-z_]+)"')
_ATTACHED: Final = "attach://"
_PLAIN: Final = {"Integer": int, "String": str, "Boolean": bool, "True": bool}
_BUTTON_LOOKS: Final = frozenset({"text", "icon_custom_emoji_id", "style"})
_ENTITY_NEEDS: Final = {
    "text_link": "url",
    "text_mention": "user",
    "date_time": "unix_time",
    "custom_emoji": "custom_emoji_id",
}
_ACTIONS: Final = (
    "typing|upload_photo|record_video|upload_video|record_voice|upload_voice|upload_document|"
    "choose_sticker|find_location|record_video_note|upload_video_note"
)
_FILES: Final = frozenset({"media", "photo", "document", "thumbnail", "certificate"})
_WORDS: Final = {
    ("BotCommand", "command"): re.compile(r"[a-z0-9_]{1,32}"),
    ("setWebhook", "secret_token"): re.compile(r"[A-Za-z0-9_-]{1,256}"),
    ("setWebhook", "url"): re.compile(r"(https://\S+)?"),
    ("sendChatAction", "action"): re.compile(_ACTIONS),
    ("InlineKeyboardButton", "style"): re.compile("danger|success|primary"),
    ("InlineKeyboardButton", "url"): re.compile(r"(https?|tg)://\S+"),
}
_TEXTS: Final = (("text", "entities"), ("caption", "caption_entities"))


# Stands for the bytes of a part.
_FILE: Final = object()


def units(text: str) -> int:
    """Return the length of a text in UTF-16 code units, by which Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class TelegramSpec:
    """What calls may hold.

    Args:
        told: The description, parsed.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._methods: Final[Mapping[str, Any]] = told["methods"]
        self._types: Final[Mapping[str, Any]] = told["types"]

    @property
    def methods(self) -> Collection[str]:
        """Return the names of the methods that are known."""
        return self._methods.keys()

    def faults(
        self, method: str, values: Mapping[str, Any], files: Collection[str] = ()
    ) -> list[str]:
        """Return what is wrong with a call; nothing: it is as documented.

        Args:
            method: Its name.
            values: Its parameters, of JSON's types: ``read_form`` makes them of a form.
            files: Names of the parts of a multipart body that are files: fields of the method,
                or named by ``attach://``.
        """
        if method not in self._methods:
            return [f"{method}: no such method"]
        fields = self._fields_of(method)
        direct = {one["name"] for one in fields if "InputFile" in one["types"]} & set(files)
        given = {**values, **dict.fromkeys(direct, _FILE)}
        found = list(self._object(method, self._methods[method], given, method))
        found += _whole(method, values)
        return found + list(_attachments(values, set(files) - direct))

    def read_form(self, method: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of a form: what is no text in it is JSON."""
        fields = {one["name"]: one["types"] for one in self._fields_of(method)}
        return {name: _unpacked(text, fields.get(name, ())) for name, text in form.items()}

    def _fields_of(self, method: str) -> list[Any]:
        return self._methods.get(method, {}).get("fields", [])

    def _object(
        self, name: str, told: Mapping[str, Any], value: object, where: str
    ) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{where}: no object"
            return
        given = cast("Mapping[str, Any]", value)
        fields = {field["name"]: field for field in told.get("fields", [])}
        for unknown in given.keys() - fields.keys():
            yield f"{where}.{unknown}: {name} has no such field"
        for key, field in fields.items():
            if key in given:
                yield from self._field(name, field, given[key], f"{where}.{key}")
            elif field["required"]:
                yield f"{where}.{key}: required"
        yield from _pairs(given, where)
        if name == "InlineKeyboardButton" and len(given.keys() - _BUTTON_LOOKS) != 1:
            yield f"{where}: a button has exactly one action"
        if name == "MessageEntity":
            yield from _entity(given, fields["type"]["description"], where)

    def _field(
        self, name: str, field: Mapping[str, Any], value: object, where: str
    ) -> Iterator[str]:
        tries = [list(self._value(kind, value, where)) for kind in field["types"]]
        if all(tries):
            yield from min(tries, key=len)
            return
        if isinstance(value, str):
            yield from _length(field["description"], value, where)
            pattern = _WORDS.get((name, field["name"]))
            if pattern is not None and not pattern.fullmatch(value):
                yield f"{where}: not a value it may have"

    def _value(self, kind: str, value: object, where: str) -> Iterator[str]:
        if kind.startswith("Array of "):
            if not isinstance(value, list):
                yield f"{where}: no list"
                return
            for n, one in enumerate(cast("list[object]", value)):
                yield from self._value(kind.removeprefix("Array of "), one, f"{where}[{n}]")
        elif kind in _PLAIN:
            if type(value) is not _PLAIN[kind]:
                yield f"{where}: no {kind}"
        elif kind == "InputFile":
            if value is not _FILE:
                yield f"{where}: no file"
        elif kind in self._types:
            yield from self._typed(kind, value, where)

    def _typed(self, kind: str, value: object, where: str) -> Iterator[str]:
        told = self._types[kind]
        known = [one for one in told.get("subtypes", ()) if one in self._types]
        if not known:
            yield from self._object(kind, told, value, where)
            return
        tries = [list(self._typed(one, value, where)) for one in known if _is(one, value)]
        if not tries:
            yield f"{where}: none of {', '.join(known)}"
        elif all(tries):
            yield from min(tries, key=len)


@cache
def telegram_spec() -> TelegramSpec:
    """Return the description that is shipped."""
    return TelegramSpec(json.loads(SPEC.read_text("utf-8")))


def _is(kind: str, value: object) -> bool:
    """Return whether an object says that it is of this kind, where kinds say so."""
    if not kind.startswith("InputMedia") or not isinstance(value, Mapping):
        return True
    said = str(cast("Mapping[str, Any]", value).get("type", "")).replace("_", "")
    return kind.removeprefix("InputMedia").lower() == said


def _unpacked(text: str, kinds: Collection[str]) -> Any:
    if "Integer" in kinds and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    if "String" in kinds or not kinds:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _length(description: str, value: str, where: str) -> Iterator[str]:
    found = _LENGTH.search(description)
    if found is None:
        return
    least, most, unit = int(found[1]), int(found[2]), found[3]
    length = units(value) if unit == "characters" else len(value.encode("utf-8"))
    if not least <= length <= most:
        yield f"{where}: {length} {unit}, {least} to {most} are allowed"


def _pairs(given: Mapping[str, Any], where: str) -> Iterator[str]:
    """Entities lie within their text, in whole characters, and the text is not blank."""
    for text_name, entities_name in _TEXTS:
        text = given.get(text_name, "")
        if not isinstance(text, str):
            continue
        packed = text.encode("utf-16-le", "surrogatepass")
        entities = given.get(entities_name)
        for n, one in enumerate(cast("list[Any]", entities) if entities else ()):
            start, length = one.get("offset", 0), one.get("length", 0)
            if start < 0 or length < 1 or 2 * (start + length) > len(packed):
                yield f"{where}.{entities_name}[{n}]: beyond its text"
                continue
            try:
                packed[2 * start : 2 * (start + length)].decode("utf-16-le")
            except UnicodeDecodeError:
                yield f"{where}.{entities_name}[{n}]: cuts a character"


def _entity(given: Mapping[str, Any], description: str, where: str) -> Iterator[str]:
    kind = given.get("type")
    if kind not in _QUOTED.findall(description):
        yield f"{where}.type: no entity is a {kind}"
    needed = _ENTITY_NEEDS.get(str(kind))
    if needed is not None and needed not in given:
        yield f"{where}.{needed}: required for {kind}"


def _whole(method: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Return what the prose says of fields together."""
    if method.startswith("editMessage") and "inline_message_id" not in values:
        for name in ("chat_id", "message_id"):
            if name not in values:
                yield f"{method}.{name}: required"
    if method == "editMessageText" and not ({"text", "rich_message"} & values.keys()):
        yield f"{method}.text: required"
    if method == "sendMessage" and not str(values.get("text", "")).strip():
        yield f"{method}.text: message text is empty"
    if values.get("draft_id", 1) == 0:
        yield f"{method}.draft_id: must be non-zero"


def _attachments(values: Mapping[str, Any], files: Collection[str]) -> Iterator[str]:
    named = set(_attached(values))
    for name in sorted(named - set(files)):
        yield f"{_ATTACHED}{name}: there is no such file"
    for name in sorted(set(files) - named):
        yield f"{name}: a file that nothing refers to"


def _attached(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if name in _FILES and value.startswith(_ATTACHED):
            yield value.removeprefix(_ATTACHED)
    elif isinstance(value, Mapping):
        for key, one in cast("Mapping[str, object]", value).items():
            yield from _attached(one, key)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _attached(one, name)
