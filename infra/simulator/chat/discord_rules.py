"""What Discord asks of a message beyond its schema, in the strictest reading.

Lengths count UTF-16 units; NUL is refused; an edit with files must list its attachments.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.simulator.chat.discord_errors import (
    BAD_JSON,
    TOO_LARGE,
    Where,
    invalid_form,
    refused,
)
from infra.simulator.chat.discord_schema import schema_faults
from infra.simulator.chat.wire import (
    Part,
    Request,
    UnreadableError,
    listed,
    nested,
    parts_of,
    read_json,
)

EPHEMERAL: Final = 64
_COMPONENTS_V2: Final = 1 << 15
_ROW, _BUTTON, _LINK, _PREMIUM = 1, 2, 5, 6
_MOST_ROWS: Final = 5
_CONTENT: Final = 2000
_LABEL: Final = 80
_CUSTOM_ID: Final = 100
_EMBEDS: Final = 6000
_FILE: Final = re.compile(r"files\[([0-9])\]")

Fault = tuple[Where, str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """A body that keeps the schema, and the files with it by their number."""

    told: dict[str, Any]
    files: Mapping[str, Part]


def read_written(request: Request, method: str, template: str) -> Written:
    """Return what a request writes.

    Raises:
        RefusedError: It is unreadable, or does not keep the schema.
    """
    try:
        told, files = _read(request)
    except UnreadableError as error:
        raise refused(BAD_JSON, str(error)) from None
    faults = schema_faults(method, template, told)
    if faults:
        raise invalid_form(
            *((fault.instance_path, "SCHEMA", fault.message[:300]) for fault in faults)
        )
    return Written(told, files)


def _read(request: Request) -> tuple[Any, dict[str, Part]]:
    if request.media_type == "application/json":
        return read_json(request.body), {}
    if request.media_type != "multipart/form-data":
        raise UnreadableError(f"its type is {request.media_type or 'missing'}")
    told: Any = None
    files: dict[str, Part] = {}
    for part in parts_of(request):
        number = _FILE.fullmatch(part.name)
        if part.name == "payload_json" and part.filename is None and told is None:
            told = read_json(part.data)
        elif number and part.filename and number[1] not in files:
            files[number[1]] = part
        else:
            raise UnreadableError(f"the part {part.name!r} is none of payload_json, files[n]")
    if told is None:
        raise UnreadableError("there is no payload_json")
    return told, files


def check_message(
    written: Written, *, limit: int, kept: Collection[str] = (), editing: bool = False
) -> None:
    """Refuse a message that Discord would not take.

    Args:
        written: What keeps the schema.
        limit: Bytes that a file may have.
        kept: Ids of the attachments that are there already.
        editing: It changes a message.

    Raises:
        RefusedError: Why.
    """
    if any(len(part.data) > limit for part in written.files.values()):
        raise refused(TOO_LARGE)
    told = written.told
    faults = [
        *_words(told),
        *_attachments(told, written.files, kept, editing=editing),
        *_components(told),
        *_mentions(told),
    ]
    if faults:
        raise invalid_form(*faults)


def units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _too_long(where: Where, text: object, most: int) -> Iterator[Fault]:
    if isinstance(text, str) and units(text) > most:
        yield where, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length."


def _words(told: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _too_long(["content"], told.get("content"), _CONTENT)
    yield from _nul(["content"], told.get("content"))
    total = 0
    for number, embed in enumerate(listed(told, "embeds")):
        texts: list[str | None] = [embed.get("title"), embed.get("description")]
        texts += [nested(embed, "footer").get("text"), nested(embed, "author").get("name")]
        texts += [text for f in listed(embed, "fields") for text in (f["name"], f["value"])]
        total += sum(units(text) for text in texts if text)
        for text in texts:
            yield from _nul(["embeds", number], text)
    if total > _EMBEDS:
        message = f"Embed size exceeds maximum size of {_EMBEDS}"
        yield ["embeds"], "MAX_EMBED_SIZE_EXCEEDED", message


def _nul(where: Where, text: object) -> Iterator[Fault]:
    if isinstance(text, str) and "\0" in text:
        yield where, "NUL", "There is a NUL in it."


def _attachments(
    told: Mapping[str, Any],
    files: Mapping[str, Part],
    kept: Collection[str],
    *,
    editing: bool,
) -> Iterator[Fault]:
    attachments = listed(told, "attachments")
    if told.get("attachments") is None:
        if files and editing:
            yield ["attachments"], "UNLISTED", "An edit lists every attachment that stays."
        return
    ids: list[str] = [one["id"] for one in attachments]
    if len(set(ids)) != len(ids):
        yield ["attachments"], "TWICE", "An id is listed twice."
    for number, one in enumerate(ids):
        if one not in files and one not in kept:
            where = ["attachments", number, "id"]
            yield where, "UNKNOWN", f"There is no file {one!r}, and no such attachment."
    for number in files.keys() - set(ids):
        yield ["attachments"], "UNLISTED", f"files[{number}] is not listed."
    for number, one in enumerate(attachments):
        part = files.get(one["id"])
        name = one.get("filename")
        if part is not None and name is not None and name != part.filename:
            yield ["attachments", number, "filename"], "NAME", "It is not the file's name."


def _components(told: Mapping[str, Any]) -> Iterator[Fault]:
    rows = listed(told, "components")
    if (told.get("flags") or 0) & _COMPONENTS_V2:
        yield ["flags"], "V2", "Components V2 cannot be undone: this bot keeps to rows."
    if len(rows) > _MOST_ROWS:
        message = f"Must be {_MOST_ROWS} or fewer in length."
        yield ["components"], "BASE_TYPE_BAD_LENGTH", message
    seen: set[str] = set()
    for r, row in enumerate(rows):
        if row["type"] != _ROW:
            yield ["components", r], "UNION_TYPE_CHOICES", "Without the V2 flag, a row."
            continue
        for b, element in enumerate(row["components"]):
            if element["type"] == _BUTTON:
                yield from _button(["components", r, "components", b], element, seen)


def _button(
    where: Sequence[str | int], button: dict[str, Any], seen: set[str]
) -> Iterator[Fault]:
    custom_id, url, style = button.get("custom_id"), button.get("url"), button["style"]
    if style == _LINK:
        if custom_id is not None or not url:
            yield where, "BUTTON_COMPONENT_URL", "A link has a url, and no custom_id."
    elif style != _PREMIUM and not custom_id:
        message = "This field is required"
        yield [*where, "custom_id"], "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", message
    elif url:
        yield [*where, "url"], "BUTTON_COMPONENT_INVALID_STYLE", "Only links have a url."
    if not button.get("label") and not button.get("emoji"):
        yield where, "BUTTON_COMPONENT_EMPTY", "A label or an emoji."
    if custom_id in seen:
        message = "Component custom id cannot be duplicated"
        yield [*where, "custom_id"], "COMPONENT_CUSTOM_ID_DUPLICATED", message
    if custom_id:
        seen.add(custom_id)
    yield from _too_long([*where, "label"], button.get("label"), _LABEL)
    yield from _too_long([*where, "custom_id"], custom_id, _CUSTOM_ID)


def _mentions(told: Mapping[str, Any]) -> Iterator[Fault]:
    allowed = nested(told, "allowed_mentions")
    parse = listed(allowed, "parse")
    for kind in ("users", "roles"):
        if kind in parse and allowed.get(kind):
            message = f"parse:[{kind!r}] and {kind}: [ids...] are mutually exclusive."
            yield ["allowed_mentions"], "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message


_MENTION: Final = re.compile(r"<@!?([0-9]+)>|<@&([0-9]+)>|@(everyone|here)")


def pings_of(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whom a content calls: ids of users, ``&`` and the id of a role, ``everyone``."""
    allowed = nested(told, "allowed_mentions")
    parse = listed(allowed, "parse")
    if told.get("allowed_mentions") is None:
        parse = ["users", "roles", "everyone"]
    users, roles = listed(allowed, "users"), listed(allowed, "roles")
    found: list[str] = []
    for user, role, all_of in _MENTION.findall(told.get("content") or ""):
        if user and ("users" in parse or user in users):
            found.append(user)
        elif role and ("roles" in parse or role in roles):
            found.append(f"&{role}")
        elif all_of and "everyone" in parse:
            found.append("everyone")
    return tuple(dict.fromkeys(found))
