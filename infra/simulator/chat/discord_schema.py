"""Discord's own schema of requests, made strict: no field that it does not name.

The specification lets unknown fields pass; a bot that misspells one is to hear of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, cast

import orjson

SPECS: Final = Path(__file__).parent / "specs"
_SPEC: Final = SPECS / "discord-openapi-v10.json"
_HOW: Final = "pip install 'genq[bot]'"


class SchemaFault(Protocol):
    """One thing that is wrong."""

    @property
    def message(self) -> str:
        """In words."""
        ...

    @property
    def instance_path(self) -> Sequence[str | int]:
        """Where."""
        ...


class _Validator(Protocol):
    def iter_errors(self, instance: Any) -> Iterator[SchemaFault]: ...


class MissingLibraryError(RuntimeError):
    """What judges requests is not installed."""


@cache
def discord_spec() -> Mapping[str, Any]:
    """Return the specification as it is shipped."""
    return orjson.loads(_SPEC.read_bytes())


def schema_faults(method: str, template: str, told: Any) -> list[SchemaFault]:
    """Return what is wrong with a body.

    Args:
        method: ``POST``.
        template: A path as the specification writes it: ``/channels/{channel_id}/messages``.
        told: The JSON, or the ``payload_json`` of a multipart body.

    Raises:
        MissingLibraryError: The library that checks is not installed.
    """
    return list(_validator(method.lower(), template).iter_errors(told))


@cache
def _validator(method: str, template: str) -> _Validator:
    try:
        import jsonschema_rs  # noqa: PLC0415 - only those who play platforms need it
    except ImportError:
        raise MissingLibraryError(f"jsonschema_rs is not installed: {_HOW}") from None
    operation = discord_spec()["paths"][template][method]
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    schema = {**asked, "components": _strict_components()}
    return cast("_Validator", jsonschema_rs.Draft202012Validator(_strict(schema)))


@cache
def _strict_components() -> dict[str, Any]:
    return {"schemas": _strict(discord_spec()["components"]["schemas"])}


def _strict(node: Any) -> Any:
    """Return the schema with ``additionalProperties`` false on every object that lists some."""
    if isinstance(node, list):
        return [_strict(one) for one in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = {name: _strict(value) for name, value in cast("dict[str, Any]", node).items()}
    lists = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if lists and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    return schema
