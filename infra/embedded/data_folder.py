"""The folder that `genq up` keeps everything in: recognised, checked, held by one process."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import SettingsError

_FORMAT: Final = 1
_MARKER: Final = "genq.json"
# What a fresh volume may already hold.
_NOTHING: Final = frozenset({"lost+found", ".DS_Store"})
_NEEDED_BYTES: Final = 192 << 20


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where things are, below one absolute path."""

    root: Path

    @property
    def lock_file(self) -> Path:
        """Held while a supervisor runs; contains its pid."""
        return self.root / "lock"

    @property
    def state_file(self) -> Path:
        """What runs: pids, URL, environment."""
        return self.root / "state.json"

    @property
    def credentials_file(self) -> Path:
        """The API key and the installation's secrets."""
        return self.root / "credentials.json"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.root / "logs"

    @property
    def objects(self) -> Path:
        """The object store."""
        return self.root / "objects"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's cluster."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's configuration."""
        return self.root / "valkey"


def open_folder(path: Path) -> DataFolder:
    """Return the data folder at ``path``, made if it is new.

    Raises:
        SettingsError: It belongs to something else, cannot be written, or its disk is full.
    """
    folder = DataFolder(path.expanduser().absolute())
    try:
        folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _recognise(folder.root)
        for part in (folder.logs, folder.objects, folder.valkey):
            part.mkdir(mode=0o700, exist_ok=True)
        free = shutil.disk_usage(folder.root).free
    except OSError as error:
        raise SettingsError(_explain(path, error)) from None
    if free < _NEEDED_BYTES:
        raise SettingsError(
            f"{path}: only {free >> 20} MB left on this disk, {_NEEDED_BYTES >> 20} MB are "
            "needed; make room, or choose another folder: --data-dir"
        )
    return folder


@contextlib.contextmanager
def hold(folder: DataFolder) -> Generator[None]:
    """Be the only supervisor of the folder. The kernel lets go when the process dies.

    Raises:
        SettingsError: Another supervisor holds it, or it is another user's.
    """
    try:
        descriptor = os.open(folder.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(_explain(folder.lock_file, error)) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(_who_holds(folder)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, content: str) -> None:
    """Replace a file at once and for good, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - no path
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _recognise(root: Path) -> None:
    marker = root / _MARKER
    if not marker.exists():
        if any(entry.name not in _NOTHING for entry in root.iterdir()):
            raise SettingsError(
                f"{root} is not empty and not a genq data folder; "
                "name an empty or new folder: --data-dir"
            )
        write_private(marker, json.dumps({"format": _FORMAT}) + "\n")
    try:
        found = int(json.loads(marker.read_text())["format"])
    except (ValueError, KeyError, TypeError):
        raise SettingsError(f"{marker} is damaged; it should read " + '{"format": 1}') from None
    if found > _FORMAT:
        raise SettingsError(f"{root} was made by a newer genq; upgrade genq to use it")


def _who_holds(folder: DataFolder) -> str:
    pid, url = "?", None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        pid = folder.lock_file.read_text().strip() or "?"
        state = json.loads(folder.state_file.read_text())
        url = state.get("url") if str(state.get("supervisor", {}).get("pid")) == pid else None
    where = f", at {url}" if url else ""
    return (
        f"{folder.root} is in use: genq up already runs on it (pid {pid}){where}. "
        "Use that one, stop it, or name another folder: --data-dir"
    )


def _explain(path: Path, error: OSError) -> str:
    place = error.filename or path
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        return f"{place} is not a folder; name another: --data-dir"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{place} cannot be written ({error.strerror}); name another: --data-dir"
    return f"{place}: {error.strerror}"
