"""An instance of a JSON schema, for answers whose shape the caller demanded."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

_MAX_DEPTH: Final = 12
_MAX_ITEMS: Final = 100
# Schemas that refer to themselves would grow beyond all bounds.
_MAX_VALUES: Final = 5_000

Schema = Mapping[str, JsonValue]


def example_of(schema: Schema, text: str) -> JsonValue:
    """Return a value that fits ``schema``; strings in it are taken from ``text``.

    Objects get all of their properties, arrays their least number of items but at least one.
    Patterns and formats of strings are not followed, and very large schemas not to their end.
    """
    return _Examples(schema, text).of(schema, 0)


class _Examples:
    """Makes values until there are enough of them."""

    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text
        self._left = _MAX_VALUES

    def of(self, schema: JsonValue | Schema, depth: int) -> JsonValue:
        """Return a value that fits ``schema``, which may be anything that JSON can say."""
        self._left -= 1
        schema = self._resolved(schema)
        if depth > _MAX_DEPTH or self._left < 0:
            return None
        for fixed in ("const", "default"):
            if fixed in schema:
                return schema[fixed]
        for choice in ("anyOf", "oneOf", "allOf"):
            options = schema.get(choice)
            if isinstance(options, list) and options:
                return self.of(options[0], depth + 1)
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return options[0]
        kind = schema.get("type")
        return self._of_kind(
            kind[0] if isinstance(kind, list) and kind else kind, schema, depth
        )

    def _of_kind(self, kind: JsonValue, schema: Schema, depth: int) -> JsonValue:
        properties, items = schema.get("properties"), schema.get("items")
        if isinstance(properties, dict):
            return {name: self.of(part, depth + 1) for name, part in properties.items()}
        if kind == "array":
            count = 0 if items is None or schema.get("maxItems") == 0 else _least(schema)
            return [self.of(items, depth + 1) for _ in range(count)]
        if kind == "object":
            return {}
        return self._scalar(kind, schema)

    def _resolved(self, schema: JsonValue | Schema) -> Schema:
        """Return ``schema``, or what it refers to within the root."""
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        found: JsonValue = dict(self._root)
        for part in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(part) if isinstance(found, dict) and part else found
        return found if isinstance(found, dict) and "$ref" not in found else {}

    def _scalar(self, kind: JsonValue, schema: Schema) -> JsonValue:
        if kind in ("integer", "number"):
            least = schema.get("minimum")
            return least if isinstance(least, int | float) else 1
        if kind == "boolean":
            return True
        if kind == "null":
            return None
        most = schema.get("maxLength")
        return self._text[: max(0, most)] if isinstance(most, int) else self._text


def _least(schema: Schema) -> int:
    least = schema.get("minItems")
    return max(1, min(least, _MAX_ITEMS)) if isinstance(least, int) else 1
