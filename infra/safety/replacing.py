"""Texts of an input in another form: what a model is to see instead of what came."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from infra.safety.parts import Place
from schemas.safety import Redaction


def redacted(text: str, redactions: Sequence[Redaction]) -> str:
    """Return a text with its redacted parts replaced; parts that overlap are one."""
    pieces: list[str] = []
    done = -1
    for redaction in sorted(redactions, key=lambda one: (one.span.start, -one.span.end)):
        span = redaction.span
        if span.start >= done:
            pieces += [text[max(done, 0) : span.start], redaction.replacement]
        done = max(done, span.end)
    return "".join([*pieces, text[max(done, 0) :]])


def replaced(parameters: Mapping[str, Any], texts: Mapping[Place, str]) -> dict[str, Any]:
    """Return a copy of an input in which these texts stand at these places."""
    return cast("dict[str, Any]", _replaced(parameters, texts, ()))


def _replaced(value: object, texts: Mapping[Place, str], place: Place) -> object:
    if place in texts:
        return texts[place]
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value).items()
        return {name: _replaced(member, texts, (*place, name)) for name, member in members}
    if isinstance(value, list):
        items = enumerate(cast("list[object]", value))
        return [_replaced(item, texts, (*place, n)) for n, item in items]
    return value
