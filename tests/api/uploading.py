"""Uploads of files: OpenAI's client, forms by hand, and what is left of them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from openai import AsyncOpenAI
from sqlalchemy import text

from infra.postgres.engine import transaction
from tests.api.served import Served

FORM: Final = {"content-type": "multipart/form-data; boundary=b"}
MEGABYTE: Final = 1 << 20


def part(name: str, content: str, more: str = "") -> str:
    """Return one part of a form with the boundary ``b``."""
    head = f'Content-Disposition: form-data; name="{name}"{more}'
    return f"--b\r\n{head}\r\n\r\n{content}\r\n"


PURPOSE: Final = part("purpose", "batch")
FILE: Final = part("file", "{}", '; filename="a.jsonl"')


@asynccontextmanager
async def openai_client(api: Served) -> AsyncGenerator[AsyncOpenAI]:
    """Give OpenAI's own client, which tries everything once."""
    async with AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        yield client


def objects_of(api: Served) -> list[Path]:
    """Return every file that lies in the folder of objects."""
    folder = Path(urlsplit(api.services.settings.object_store).path)
    return [path for path in folder.rglob("*") if path.is_file()]


async def rows_of(api: Served, statement: str = "SELECT * FROM file") -> list[Any]:
    """Return what a statement finds."""
    async with transaction(api.services.engine) as connection:
        return list((await connection.execute(text(statement))).all())


async def change(api: Served, statement: str, **values: Any) -> None:
    """Change the database behind the API's back."""
    async with transaction(api.services.engine) as connection:
        await connection.execute(text(statement), values)
