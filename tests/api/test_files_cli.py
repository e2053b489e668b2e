"""`genq files` and ``AsyncGenq().files`` against the real API."""

import asyncio
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from genq import AsyncGenq, InvalidRequestError, NotFoundError
from genq.cli.app import run as run_command
from genq.cli.exit_codes import ExitCode
from infra.settings import Settings
from tests.api.served import Served, run

Capture = pytest.CaptureFixture[str]
LINES: Final = b'{"custom_id": "a"}\n' * 30_000


@dataclass(frozen=True)
class Shell:
    """Runs `genq files` against an API that logs into the same terminal."""

    api: Served
    capsys: Capture

    async def genq(self, *words: str) -> tuple[int, str, str]:
        """Return the exit code, and what was printed and told."""
        line = ["files", *words, "--url", self.api.url, "--api-key", self.api.key]
        self.capsys.readouterr()
        code = await asyncio.to_thread(run_command, line)
        printed, told = self.capsys.readouterr()
        lines = printed.splitlines(keepends=True)
        return code, "".join(line for line in lines if "http_request" not in line), told


def test_files_are_put_and_fetched(settings: Settings, tmp_path: Path, capsys: Capture) -> None:
    source, folder = tmp_path / "lines.jsonl", tmp_path / "fetched"
    source.write_bytes(LINES)
    folder.mkdir()

    async def scenario(api: Served) -> None:
        genq = Shell(api, capsys).genq
        code, printed, told = await genq("put", str(source), "--expires-after", "2h")
        file_id = printed.strip()
        assert (code, file_id[:5]) == (0, "file-")
        assert f"lines.jsonl: {len(LINES)} bytes, kept until" in told
        code, printed, _ = await genq("get", file_id, "-o", str(folder))
        assert (code, printed) == (0, f"{folder / source.name}\n")
        assert [path.name for path in folder.iterdir()] == [source.name]
        assert (folder / source.name).read_bytes() == LINES
        assert (await genq("get", file_id, "-o", "-"))[1] == LINES.decode()

    run(settings, scenario)


def test_files_are_listed_shown_and_removed(
    settings: Settings, tmp_path: Path, capsys: Capture
) -> None:
    source = tmp_path / "lines.jsonl"
    source.write_bytes(b"{}")

    async def scenario(api: Served) -> None:
        genq = Shell(api, capsys).genq
        file_id = json.loads((await genq("put", str(source), "--json"))[1])["id"]
        (row,) = (await genq("ls", "--json"))[1].splitlines()
        found = json.loads(row)
        assert (found["id"], found["purpose"]) == (file_id, "batch")
        heading, row = (await genq("ls"))[1].splitlines()
        assert heading.split() == ["id", "purpose", "bytes", "created", "expires", "filename"]
        assert row.split()[:3] == [file_id, "batch", "2"]
        assert f"filename  {source.name}" in (await genq("get", file_id))[1]

        code, _, told = await genq("rm", file_id)
        assert (code, "--yes" in told) == (ExitCode.USAGE, True)
        assert (await genq("rm", file_id, "--yes"))[0] == 0
        code, _, told = await genq("get", file_id)
        assert (code, "expired or been deleted" in told) == (ExitCode.NOT_FOUND, True)
        assert "genq files put" in (await genq("ls"))[2]

    run(settings, scenario)


def test_the_sdk_uploads_and_downloads(settings: Settings, tmp_path: Path) -> None:
    async def scenario(api: Served) -> None:
        client = AsyncGenq(api.key, api.url)
        picture = io.BytesIO(b"\x89PNG")
        made = await client.files.create(picture, purpose="vision", filename="a.png")
        assert await client.files.get(made.id) == made
        assert [one.id async for one in await client.files.list(limit=1)] == [made.id]
        path = await client.files.download(made.id, tmp_path / "b.png")
        assert path.read_bytes() == b"\x89PNG"
        answer = await api.http.get(f"/v1/files/{made.id}/content")
        assert answer.headers["content-type"] == "image/png"
        with pytest.raises(InvalidRequestError, match="purpose"):
            await client.files.create(picture, purpose="fine-tune")
        await client.files.delete(made.id)
        with pytest.raises(NotFoundError):
            await client.files.download(made.id, tmp_path / "c.png")
        assert not (tmp_path / "c.png").exists()
        await client.close()

    run(settings, scenario)
