"""An instance of a JSON schema, for answers whose shape the caller demanded."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from pydantic import JsonValue

_MAX_DEPTH: Final = 12

Schema = Mapping[str, JsonValue]


def example_of(schema: Schema, text: str) -> JsonValue:
    """Return a value that fits ``schema``; strings in it are taken from ``text``.

    Objects get all of their properties, arrays their least number of items (at least one, where
    allowed). Patterns and formats of strings are not followed.
    """
    return _example(schema, schema, text, 0)


def _example(schema: Schema, root: Schema, text: str, depth: int) -> JsonValue:
    schema = _resolved(schema, root)
    if depth > _MAX_DEPTH:
        return None
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    for choice in ("enum", "anyOf", "oneOf", "allOf"):
        options = schema.get(choice)
        if isinstance(options, list) and options:
            first = options[0]
            nested = choice != "enum" and isinstance(first, dict)
            return _example(cast("Schema", first), root, text, depth + 1) if nested else first
    kind = schema.get("type")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        kind = kind[0] if kind else None
    if kind == "object" or "properties" in schema:
        return _object(schema, root, text, depth)
    if kind == "array":
        return _array(schema, root, text, depth)
    return _scalar(kind, schema, text)


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: JsonValue = dict(root)
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(part) if isinstance(found, dict) and part else found
    return found if isinstance(found, dict) and "$ref" not in found else {}


def _object(schema: Schema, root: Schema, text: str, depth: int) -> JsonValue:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {
        name: _example(part, root, text, depth + 1) if isinstance(part, dict) else None
        for name, part in properties.items()
    }


def _array(schema: Schema, root: Schema, text: str, depth: int) -> JsonValue:
    items = schema.get("items")
    least, most = schema.get("minItems"), schema.get("maxItems")
    count = min(least, 100) if isinstance(least, int) else 1
    count = 0 if most == 0 or not isinstance(items, dict) or depth >= _MAX_DEPTH else count
    nested = items if isinstance(items, dict) else {}
    return [_example(nested, root, text, depth + 1) for _ in range(count)]


def _scalar(kind: JsonValue, schema: Schema, text: str) -> JsonValue:
    if kind in {"integer", "number"}:
        least = schema.get("minimum", 1)
        return least if isinstance(least, int | float) else 1
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    most = schema.get("maxLength")
    return text[:most] if isinstance(most, int) else text
