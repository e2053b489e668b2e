"""What Slack takes as blocks: the kinds a bot uses, with the limits of ``slack-block-limits``.

A field that a block does not have is refused, as Slack does. Lengths count characters.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

import orjson

from infra.simulator.chat.discord_schema import SPECS
from infra.simulator.chat.wire import list_of, listed, nested, object_of

_SPEC: Final = SPECS / "slack-block-limits.json"
_FIELD_TEXT: Final = 2000
_PLAIN, _MRKDWN = frozenset({"plain_text"}), frozenset({"plain_text", "mrkdwn"})
_SHOWN: Final = frozenset({"text", "alt_text", "url", "value"})
_DRAWN: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")

Faults = Iterator[str]


@cache
def slack_limits() -> Mapping[str, Any]:
    """Return the limits as they are shipped."""
    return orjson.loads(_SPEC.read_bytes())


def block_faults(blocks: object, file: Callable[[str], bytes | None]) -> Faults:
    """Yield what is wrong with a message's blocks.

    Args:
        blocks: What was sent.
        file: Returns the bytes of an uploaded file by its id, if it is complete.
    """
    most = slack_limits()["blocks_per_message"]
    told = list_of(blocks)
    if told is None:
        yield "blocks: no list"
        return
    if len(told) > most:
        yield f"blocks: no more than {most} items allowed"
    ids = [(object_of(one) or {}).get("block_id") for one in told]
    named = [one for one in ids if one is not None]
    if len(set(named)) != len(named):
        yield "blocks: a block_id is there twice"
    for number, one in enumerate(told):
        yield from _block(f"/blocks/{number}", one, file)


def length_of(blocks: object) -> int:
    """Return the characters of all texts in the blocks: together they have a limit, too."""
    if isinstance(blocks, list):
        return sum(map(length_of, cast("list[object]", blocks)))
    told = object_of(blocks) or {}
    own = [one for name, one in told.items() if name in _SHOWN and isinstance(one, str)]
    return sum(map(len, own)) + sum(map(length_of, told.values()))


def _block(at: str, told: object, file: Callable[[str], bytes | None]) -> Faults:
    block = object_of(told)
    kind = None if block is None else block.get("type")
    check = _BLOCKS.get(str(kind))
    if check is None or block is None:
        yield f"{at}: unsupported type: {kind}"
        return
    yield from _text_limit(f"{at}/block_id", block.get("block_id"), "block_id")
    yield from check(at, block)
    if kind == "image":
        yield from _picture(at, block, file)


def _section(at: str, block: dict[str, Any]) -> Faults:
    yield from _known(at, block, "text", "fields", "accessory", "expand")
    if not block.get("text") and not block.get("fields"):
        yield f"{at}: must have text or fields"
    if "text" in block:
        most = slack_limits()["section.text"]
        yield from _text(f"{at}/text", block["text"], most, _MRKDWN)
    fields = listed(block, "fields")
    if len(fields) > slack_limits()["section.fields"]:
        yield f"{at}/fields: no more than {slack_limits()['section.fields']} items allowed"
    for number, one in enumerate(fields):
        yield from _text(f"{at}/fields/{number}", one, _FIELD_TEXT, _MRKDWN)
    if "accessory" in block:
        yield from _element(f"{at}/accessory", block["accessory"])


def _header(at: str, block: dict[str, Any]) -> Faults:
    yield from _known(at, block, "text")
    yield from _text(f"{at}/text", block.get("text"), slack_limits()["header.text"], _PLAIN)


def _divider(at: str, block: dict[str, Any]) -> Faults:
    yield from _known(at, block)


def _actions(at: str, block: dict[str, Any]) -> Faults:
    yield from _known(at, block, "elements")
    elements = listed(block, "elements")
    yield from _count(f"{at}/elements", elements, slack_limits()["actions.elements"])
    for number, one in enumerate(elements):
        yield from _element(f"{at}/elements/{number}", one)
    ids = [one.get("action_id") for one in elements]
    if len(set(ids)) != len(ids):
        yield f"{at}/elements: an action_id is there twice"


def _context(at: str, block: dict[str, Any]) -> Faults:
    yield from _known(at, block, "elements")
    elements = listed(block, "elements")
    yield from _count(f"{at}/elements", elements, slack_limits()["context.elements"])
    for number, one in enumerate(elements):
        where = f"{at}/elements/{number}"
        if one.get("type") == "image":
            yield from _image(where, one)
        else:
            yield from _text(where, one, slack_limits()["section.text"], _MRKDWN)


def _image(at: str, block: dict[str, Any]) -> Faults:
    yield from _known(at, block, "image_url", "slack_file", "alt_text", "title")
    if ("image_url" in block) == ("slack_file" in block):
        yield f"{at}: one of image_url and slack_file"
    yield from _text_limit(f"{at}/image_url", block.get("image_url"), "image.image_url")
    if not block.get("alt_text"):
        yield f"{at}: missing required field: alt_text"
    yield from _text_limit(f"{at}/alt_text", block.get("alt_text"), "image.alt_text")
    if "title" in block:
        yield from _text(f"{at}/title", block["title"], slack_limits()["image.title"], _PLAIN)


def _picture(at: str, block: dict[str, Any], file: Callable[[str], bytes | None]) -> Faults:
    told = nested(block, "slack_file")
    if not told:
        return
    if set(told) not in ({"id"}, {"url"}):
        yield f"{at}/slack_file: one of id and url"
    data = file(str(told.get("id")))
    if data is None:
        yield f"{at}/slack_file: invalid slack file"
    elif not data.startswith(_DRAWN):
        yield f"{at}/slack_file: only png, jpg, jpeg and gif are drawn"


def _element(at: str, element: Any) -> Faults:
    told = object_of(element)
    if told is None:
        yield f"{at}: no object"
        return
    if told.get("type") == "image":
        yield from _image(at, told)
        return
    if told.get("type") != "button":
        yield f"{at}: unsupported type: {told.get('type')}"
        return
    fields = ("text", "action_id", "value", "url", "style", "confirm", "accessibility_label")
    yield from _known(at, told, *fields)
    yield from _text(f"{at}/text", told.get("text"), slack_limits()["button.text"], _PLAIN)
    for field, limit in (("action_id", "action_id"), ("value", "button.value")):
        yield from _text_limit(f"{at}/{field}", told.get(field), limit)
    yield from _text_limit(f"{at}/url", told.get("url"), "button.url")
    if "style" in told and told["style"] not in slack_limits()["button.style"]:
        yield f"{at}/style: {told['style']!r} is none of {slack_limits()['button.style']}"


def _text(at: str, text: Any, most: int, kinds: frozenset[str]) -> Faults:
    told = object_of(text)
    if told is None:
        yield f"{at}: missing, or no text object"
        return
    kind = told.get("type")
    if kind not in kinds:
        yield f"{at}: its type is {kind}, not one of {sorted(kinds)}"
    extra = "emoji" if kind == "plain_text" else "verbatim"
    yield from _known(at, told, "text", extra, block=False)
    words = told.get("text")
    if not isinstance(words, str) or not 1 <= len(words) <= most:
        yield f"{at}/text: must be 1 to {most} characters"


def _text_limit(at: str, text: Any, limit: str) -> Faults:
    most = slack_limits()[limit]
    if text is not None and not (isinstance(text, str) and 1 <= len(text) <= most):
        yield f"{at}: must be 1 to {most} characters"


def _count(at: str, items: list[Any], most: int) -> Faults:
    if not 1 <= len(items) <= most:
        yield f"{at}: must be 1 to {most} items"


def _known(at: str, told: Mapping[str, Any], *fields: str, block: bool = True) -> Faults:
    ours = {"type", "block_id"} if block else {"type"}
    for unknown in sorted(told.keys() - set(fields) - ours):
        yield f"{at}: invalid additional property: {unknown}"


_BLOCKS: Final[Mapping[str, Callable[[str, dict[str, Any]], Faults]]] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "actions": _actions,
    "context": _context,
    "image": _image,
}
