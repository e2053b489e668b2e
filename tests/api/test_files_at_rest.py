"""What files hold lies sealed in the object store, and is given as it came, by parts too."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest

from infra.file_sealing import CHUNK_BYTES
from infra.objectstore.directory import DirectoryStore
from infra.settings import Settings
from producer.api.services import Services
from tests.api.kept_lines import Kept
from tests.api.people import carry_out, erase, sql
from tests.api.served import Served, run
from tests.api.uploading import objects_of, openai_client

MARK: Final = b"marzipan lighthouse\n"
CONTENT: Final = MARK * 20_000
AWAY: Final[dict[str, Any]] = {"purpose": "user_data"}


def unsealed(settings: Settings) -> Settings:
    """Return the settings of an installation that does not seal what is new."""
    return settings.model_copy(update={"encrypt_content": False})


async def uploaded(api: Served, content: bytes = CONTENT) -> str:
    async with openai_client(api) as client:
        return (await client.files.create(file=("a.bin", content), **AWAY)).id


async def part(api: Served, file: str, wanted: str) -> bytes:
    answer = await api.http.get(f"/v1/files/{file}/content", headers={"range": wanted})
    assert answer.status_code == 206, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.content


def test_a_file_lies_sealed_and_every_part_of_it_is_given_as_it_came(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        file = await uploaded(api)
        (path,) = objects_of(api)
        stored, edge = path.read_bytes(), CHUNK_BYTES
        assert MARK[:8] not in stored
        assert len(CONTENT) < len(stored) < len(CONTENT) + 200
        whole = await api.http.get(f"/v1/files/{file}/content")
        assert whole.content == CONTENT
        for start, end in ((0, 0), (edge - 1, edge), (edge, 3 * edge), (5, len(CONTENT) - 2)):
            assert await part(api, file, f"bytes={start}-{end}") == CONTENT[start : end + 1]
        assert await part(api, file, "bytes=-7") == CONTENT[-7:]
        assert await part(api, file, f"bytes={4 * edge}-") == CONTENT[4 * edge :]

        # What somebody changed in the store is not given: the answer breaks off before it.
        path.write_bytes(stored[:70_000] + b"!" + stored[70_001:])
        assert await part(api, file, "bytes=0-99") == CONTENT[:100]
        with pytest.raises(httpx2.RemoteProtocolError):
            await api.http.get(f"/v1/files/{file}/content")

    run(settings, scenario)


def test_the_same_file_twice_is_not_the_same_in_the_store_and_has_a_key_of_its_own(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        files = [await uploaded(api) for _ in range(2)]
        one, other = (path.read_bytes() for path in objects_of(api))
        assert one[:1_000] != other[:1_000]
        await sql(api, "UPDATE file f SET key = (SELECT key FROM file o WHERE o.id <> f.id)")
        for file in files:
            answer = await api.http.get(f"/v1/files/{file}/content")
            assert answer.json()["code"] == "content_unreadable"

    run(settings, scenario)


def test_files_that_were_stored_open_are_read_and_lie_sealed_once_they_are_written_anew(
    settings: Settings,
) -> None:
    lines = (b'{"body":{"user":"ada"}}\n', CONTENT)

    async def before(api: Served) -> None:
        await Kept(api).upload(*lines)
        assert objects_of(api)[0].read_bytes() == b"".join(lines)

    async def later(api: Served) -> None:
        kept = Kept(api)
        file = (await api.http.get("/v1/files")).json()["data"][0]["id"]
        assert await kept.content(file) == b"".join(lines)
        await erase(api)
        await carry_out(api)
        left = b'{"genq":"erased"}'.ljust(len(lines[0]) - 1)
        assert await kept.content(file) == left + b"\n" + CONTENT
        await kept.sweep()
        assert MARK not in kept.stored()

    run(unsealed(settings), before)
    run(settings, later)


class Signing(DirectoryStore):
    """A store that has bytes, and URLs as well."""

    async def presign(self, key: str, *, filename: str, content_type: str) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - a folder itself has none
        return f"https://store.example/{key}?name={filename}&type={content_type}"


def test_a_sealed_file_is_given_by_genq_however_many_urls_its_store_has(
    settings: Settings,
) -> None:
    def signing(services: Services) -> Services:
        folder = Path(urlsplit(services.settings.object_store).path)
        return replace(services, store=Signing(folder))

    async def scenario(api: Served) -> None:
        file = await uploaded(api)
        answer = await api.http.get(f"/v1/files/{file}/content", follow_redirects=False)
        assert (answer.status_code, answer.content) == (200, CONTENT)
        assert "location" not in answer.headers

    run(settings, scenario, signing)
