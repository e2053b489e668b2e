"""Nothing that the OpenAPI document allows, and nothing that it forbids, surprises the API.

Schemathesis asks every operation: with the document's examples, with values at the edges of
each schema, with invented ones, and along the links from one answer to the next request.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from infra.settings import Settings
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, run

_CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
# On a busy machine; on one core that is free it takes about a minute.
_LIMIT_SECONDS: Final = 400


async def schemathesis(api: Served, key: str, folder: Path) -> tuple[int, str]:
    """Run the command against the API; return its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG)),
        *("run", f"{api.url}/openapi.json", "-H", f"Authorization: Bearer {key}"),
        "--no-color",
        # It keeps what it learns in the current folder.
        cwd=folder,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, said.decode()


@pytest.mark.timeout(_LIMIT_SECONDS + 30)
def test_no_request_is_answered_with_a_server_error_or_in_an_untold_way(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(api: Served) -> None:
        key = await new_key(api.services, "an operator", *KeyScope)
        code, said = await schemathesis(api, key, tmp_path)

        assert code == 0, said

    # Nobody ends the jobs of this test.
    held = {"facade_max_hold": timedelta(milliseconds=20)}
    run(settings.model_copy(update=held), scenario)
