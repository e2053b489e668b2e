"""The committed OpenAPI document: ``python -P -m tests.architecture.openapi`` writes it.

It is the document of an installation with the default address and this release's version.
"""

import asyncio
from typing import Any, Final

import orjson

from infra.settings import Settings
from producer.api.app import create_app
from producer.api.services import open_services
from tests.architecture.source import ROOT

FILE: Final = ROOT / "producer/api/openapi.json"
# Nothing is connected to: services make their connections when first used.
_NOWHERE: Final[dict[str, Any]] = {
    "_env_file": None,
    "database_url": "postgresql://nobody@127.0.0.1:1/nothing",
    "broker_url": "redis://127.0.0.1:1/0",
    "object_store": "file:///nonexistent",
    "key_pepper": "not-a-secret-not-a-secret",
}


def openapi() -> bytes:
    """The document as the code tells it now."""

    async def make() -> dict[str, Any]:
        async with open_services(Settings(**_NOWHERE)) as services:
            return create_app(services).openapi()

    told = asyncio.run(make())
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    FILE.write_bytes(openapi())
