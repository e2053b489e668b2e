"""A folder as an object store: whole files or none, and complaints that a person can act on."""

import asyncio
import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.objectstore.directory import DirectoryStore, explain
from infra.objectstore.opening import open_store
from infra.settings import Settings
from schemas.errors import ObjectStoreError, SettingsError


def files_below(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def put(root: Path, key: str, data: bytes) -> None:
    async def scenario() -> None:
        store = DirectoryStore(root)
        try:
            await store.put(key, data, "image/png")
        finally:
            await store.close()

    asyncio.run(scenario())


def settings_for(place: str) -> Settings:
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": "postgresql://unused",
        "broker_url": "redis://unused",
        "key_pepper": "only-for-tests-0123456789",
        "object_store": place,
    }
    return Settings(**values)


def test_a_put_leaves_the_object_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "t1/2026/a.png", b"first")
    put(tmp_path, "t1/2026/a.png", b"second")

    assert files_below(tmp_path) == ["t1/2026/a.png"]
    assert (tmp_path / "t1/2026/a.png").read_bytes() == b"second"


def test_a_put_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "t1").write_bytes(b"a file where a folder should be")

    with pytest.raises(ObjectStoreError, match="GENQ_OBJECT_STORE"):
        put(tmp_path, "t1/a.png", b"x")

    assert files_below(tmp_path) == ["t1"]


def test_a_put_that_does_not_fit_leaves_nothing_and_names_the_cause(tmp_path: Path) -> None:
    # A limit on file sizes stands in for a full disk: the write fails half-way either way.
    program = (
        "import asyncio, pathlib, resource, sys\n"
        "from infra.objectstore.directory import DirectoryStore\n"
        "from schemas.errors import ObjectStoreError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "store = DirectoryStore(pathlib.Path(sys.argv[1]))\n"
        "try:\n"
        "    asyncio.run(store.put('t1/a.png', b'x' * 100_000, 'image/png'))\n"
        "except ObjectStoreError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True
    )

    assert "the disk is full; free space on it, or move GENQ_OBJECT_STORE" in done.stdout
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "give its user write permission"),
        (errno.EROFS, "give its user write permission"),
        (errno.EIO, "a healthy disk"),
    ],
)
def test_a_fault_of_the_disk_comes_with_advice(number: int, advice: str) -> None:
    error = explain(OSError(number, "as the system calls it"), Path("/var/lib/genq"))

    assert advice in error.message
    assert "/var/lib/genq: as the system calls it" in error.message
    assert error.retryable


def test_a_folder_has_no_urls(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = DirectoryStore(tmp_path)
        assert await store.presign("t1/a.png", filename="a", content_type="image/png") is None
        await store.close()

    asyncio.run(scenario())


def test_the_folder_of_the_settings_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "with space"

    store = open_store(settings_for(folder.as_uri()))

    assert isinstance(store, DirectoryStore)
    assert folder.is_dir()
    asyncio.run(store.close())


@pytest.mark.parametrize(
    "place", ["file:///", "s3://", "s3:///prefix/../up", "s3://bucket/../x"]
)
def test_a_setting_that_names_no_place_is_refused(place: str) -> None:
    with pytest.raises(SettingsError, match="GENQ_OBJECT_STORE"):
        open_store(settings_for(place))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="GENQ_OBJECT_STORE=file:///"):
        open_store(settings_for((tmp_path / "file").as_uri()))


def test_a_file_that_was_left_half_way_goes_with_its_key(tmp_path: Path) -> None:
    root, source = tmp_path / "objects", tmp_path / "source"
    source.write_bytes(b"x" * 5_000_000)
    program = (
        "import asyncio, os, pathlib, sys\n"
        "from infra.objectstore.directory import DirectoryStore\n"
        "store = DirectoryStore(pathlib.Path(sys.argv[1]))\n"
        "class Dies:\n"
        "    def seek(self, place): pass\n"
        "    def read(self, size): return b'half'\n"
        "    def close(self): pass\n"
        "source, dies = Dies(), iter([b'half'])\n"
        "source.read = lambda size: next(dies, None) or os.kill(os.getpid(), 9)\n"
        "asyncio.run(store.put_file('files/a.png', source, 'image/png'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, root], check=False)
    assert done.returncode == -9
    (left,) = files_below(root)
    assert left.startswith(".partial/")

    async def scenario() -> None:
        store = DirectoryStore(root)
        await store.put_file("files/b.png", source, "image/png")
        await store.delete("files/b.png")
        assert files_below(root) == [left]
        await store.delete("files/a.png")
        assert files_below(root) == []
        with pytest.raises(ObjectStoreError):
            await store.put_file("files/c.png", tmp_path, "image/png")
        await store.close()

    asyncio.run(scenario())
    assert files_below(root) == []
