"""A response's way as OpenAI's events, numbered so that whoever comes back goes on from there.

0 created, 1 queued, 2 in_progress; then the output, item by item, and the end. A delta of text
has the number of its last character: a place in the text has the same number however the text
was cut. So no event is stored: all of them follow from the job.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from producer.openai.responses_items import (
    FUNCTION_CALL,
    MESSAGE,
    OUTPUT_TEXT,
    REFUSAL,
    Item,
    text_part,
)
from schemas.response import COMPLETED, IN_PROGRESS, INCOMPLETE, QUEUED

Event = dict[str, Any]

BEFORE_ALL: Final = -1
"""The number before the first event's."""
_FIRST_ITEM: Final = 3
_AT_ONCE: Final = 256

_BEGINNING: Final = (("created", QUEUED), ("queued", QUEUED), ("in_progress", IN_PROGRESS))
# A cancelled response has no event of its own in OpenAI's streams: its status tells.
_LAST: Final[Mapping[str, str]] = MappingProxyType(
    {COMPLETED: "completed", INCOMPLETE: "incomplete"}
)
# Of a content part: the name of its events, and of its text.
_PARTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {OUTPUT_TEXT: ("output_text", "text"), REFUSAL: ("refusal", "refusal")}
)


class Story:
    """Events in their order, without those that were heard.

    Args:
        after: The last number that was heard.

    Attributes:
        events: What is new.
        number: The next one's.
    """

    def __init__(self, after: int = BEFORE_ALL) -> None:
        self.events: list[Event] = []
        self.number = 0
        self._after = after

    def begin(self, view: Mapping[str, Any], *, started: bool) -> None:
        """Tell that it was created and queued, and that an attempt began, if one did."""
        early: Event = {
            **view,
            "output": [],
            "error": None,
            "incomplete_details": None,
            "usage": None,
            "completed_at": None,
        }
        for name, status in _BEGINNING if started else _BEGINNING[:-1]:
            self._tell(name, response={**early, "status": status})
        self.number = _FIRST_ITEM

    def write(self, item_id: str, text: str) -> None:
        """Tell of a message that is being written, the first item, as far as it is there."""
        item: Item = {"id": item_id, "type": MESSAGE, "role": "assistant", "content": []}
        self._tell("output_item.added", output_index=0, item={**item, "status": IN_PROGRESS})
        place = {"item_id": item_id, "output_index": 0, "content_index": 0}
        self._tell("content_part.added", **place, part=text_part(""))
        # It arrives by and by: what is new is one piece.
        self._deltas("output_text", place, text, at_once=len(text) or 1)

    def end(self, view: Mapping[str, Any]) -> None:
        """Tell of all the output, and how it ended."""
        for index, item in enumerate(view["output"]):
            self._item(item, index)
        self._tell(_LAST.get(view["status"], "failed"), response=dict(view))

    def _item(self, item: Item, index: int) -> None:
        blank: Item = {**item, "status": IN_PROGRESS}
        place = {"item_id": item["id"], "output_index": index}
        if item["type"] == MESSAGE:
            self._tell("output_item.added", output_index=index, item={**blank, "content": []})
            for at, part in enumerate(item["content"]):
                self._part(part, {**place, "content_index": at})
        elif item["type"] == FUNCTION_CALL:
            self._tell("output_item.added", output_index=index, item={**blank, "arguments": ""})
            told = item["arguments"]
            self._tell("function_call_arguments.delta", **place, delta=told)
            named = {"name": item["name"], "arguments": told}
            self._tell("function_call_arguments.done", **place, **named)
        else:
            self._tell("output_item.added", output_index=index, item={**blank, "result": None})
            for step in ("in_progress", "generating", "completed"):
                self._tell(f"image_generation_call.{step}", **place)
        self._tell("output_item.done", output_index=index, item=item)

    def _part(self, part: Mapping[str, Any], place: Mapping[str, Any]) -> None:
        name, text = _PARTS[part["type"]]
        blank: Event = {**part, text: ""} | (
            {"logprobs": []} if part["type"] == OUTPUT_TEXT else {}
        )
        self._tell("content_part.added", **place, part=blank)
        self._deltas(name, place, part[text], at_once=_AT_ONCE)
        more = {"logprobs": part["logprobs"]} if part["type"] == OUTPUT_TEXT else {}
        self._tell(f"{name}.done", **place, **{text: part[text]}, **more)
        self._tell("content_part.done", **place, part=dict(part))

    def _deltas(self, name: str, place: Mapping[str, Any], text: str, *, at_once: int) -> None:
        before = self.number - 1
        more: dict[str, Any] = {"logprobs": []} if name == OUTPUT_TEXT else {}
        heard = min(max(0, self._after - before), len(text))
        while heard < len(text):
            piece = text[heard : heard + at_once]
            heard += len(piece)
            self.number = before + heard
            self._tell(f"{name}.delta", **place, delta=piece, **more)
        self.number = before + len(text) + 1

    def _tell(self, event: str, /, **facts: Any) -> None:
        if self.number > self._after:
            told = {"type": f"response.{event}", "sequence_number": self.number}
            self.events.append(told | facts)
        self.number += 1
