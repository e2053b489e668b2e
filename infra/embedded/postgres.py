"""PostgreSQL 18 as our own child: one cluster, reached through a socket inside its folder.

The folder belongs to the server's user alone (0700), so nobody else can reach the socket, and
trusting whoever does is safe. The server is started inside its folder and names it by
``/proc/self/cwd``: neither a long path nor one that its user cannot walk is in the way.
"""

import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

from infra.embedded.footprints import end, footprint_of, works_in
from infra.embedded.launch import Launch, Probe, RunAs, always_ready
from infra.embedded.postgres_program import VERSION, find_postgres, run_as_of, runnable
from infra.embedded.spawning import run_to_end
from schemas.errors import SettingsError

SUPERUSER: Final = "postgres"
NAME: Final = "genq"
_HERE: Final = Path("/proc/self/cwd")
_INITDB_SECONDS: Final = 60.0
_SOCKET: Final = ".s.PGSQL.5432"
# A Unix socket's address has 108 bytes on Linux, 104 on macOS.
_LONGEST_ADDRESS: Final = 100
_LONGEST_LINK: Final = _LONGEST_ADDRESS - len(_SOCKET) - 1

# For a machine of a few cores that runs everything else of genq too.
_TUNING: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "192MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "jit": "off",
    "random_page_cost": "1.1",
    # One client is served by one backend; parallel plans and I/O workers are for idle cores.
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    # Every accepted job survives a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    # Little to replay after a crash: the next start must not take long.
    "max_wal_size": "512MB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "5min",
    "wal_compression": "on",
    # Queue tables turn over quickly.
    "autovacuum_naptime": "15s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # Details of a failed statement may quote a job's prompt.
    "log_error_verbosity": "terse",
    "logging_collector": "off",
    "log_destination": "stderr",
    "cluster_name": "genq",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL data folder, and what runs it."""

    folder: Path
    programs: Path
    run_as: RunAs | None

    def launch(self, ready: Probe) -> Launch:
        """Return how the server is started."""
        tuning = [word for pair in _TUNING.items() for word in ("-c", "=".join(pair))]
        return Launch(
            name="postgres",
            command=(
                str(self.programs / "bin" / "postgres"),
                *("-D", _place(self.folder)),
                *("-k", "."),
                *tuning,
            ),
            environment=_environment(),
            ready=ready,
            folder=self.folder,
            run_as=self.run_as,
            stop_signal=signal.SIGINT,  # fast shutdown: ends clients, writes a checkpoint
            last_signal=signal.SIGQUIT,  # at once; replays its log at the next start
            orphan_signal=signal.SIGINT,
            prepare=self.clear_the_way,
        )

    async def clear_the_way(self) -> None:
        """End a server that outlived its supervisor; forget a pid that is a stranger's."""
        pid_file = self.folder / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split(maxsplit=1)[0])
        except (OSError, ValueError, IndexError):
            return
        left_over = footprint_of(pid)
        if left_over is None:
            return
        if works_in(pid, "postgres", self.folder):
            steps = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 2.0))
            await end(left_over, steps)
        else:
            # PostgreSQL would take the stranger for its own kind and refuse to start.
            pid_file.unlink(missing_ok=True)


def url_of_cluster(folder: Path, *, user: str = NAME, database: str = NAME) -> str:
    """Return the URL of a database of the cluster in ``folder``, for this machine.

    Raises:
        SettingsError: The path is long, and somebody else sits where a short one would be.
    """
    return f"postgresql://{user}@/{database}?host={quote(str(_short(folder)))}"


def forget_url_of_cluster(folder: Path) -> None:
    """Remove what ``url_of_cluster`` made outside of ``folder``."""
    _link_to(folder).unlink(missing_ok=True)


async def open_cluster(folder: Path, log_file: Path) -> Cluster:
    """Return the cluster in ``folder``, made if there is none.

    Raises:
        SettingsError: It is of another PostgreSQL, or no user can run it.
        InternalError: It could not be made.
    """
    run_as = run_as_of(folder)
    programs = runnable(find_postgres(), run_as)
    if not _is_made(folder):
        await _make(folder, programs, run_as, log_file)
    return Cluster(folder, programs, run_as)


def _is_made(folder: Path) -> bool:
    if not folder.exists():
        return False
    try:
        version = (folder / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise SettingsError(f"{folder} is no PostgreSQL data folder; restore it") from None
    except PermissionError:
        raise SettingsError(f"{folder} is another user's; start genq as that one") from None
    if version != str(VERSION):
        raise SettingsError(f"{folder} is of PostgreSQL {version}, genq brings {VERSION}")
    return True


async def _make(folder: Path, programs: Path, run_as: RunAs | None, log_file: Path) -> None:
    """Initialise beside the place and rename: no death half-way leaves half a cluster."""
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if run_as is not None:
        os.chown(draft, run_as.uid, run_as.gid)
    launch = Launch(
        name="initdb",
        command=(
            str(programs / "bin" / "initdb"),
            *("-D", _place(draft), "-U", SUPERUSER),
            *("--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C"),
            # Sorts alike on every machine and after every upgrade of the C library.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
        ),
        environment=_environment(),
        ready=always_ready,
        folder=draft,
        run_as=run_as,
    )
    await run_to_end(launch, log_file, _INITDB_SECONDS)
    draft.rename(folder)


def _place(folder: Path) -> str:
    return str(_HERE if _HERE.exists() else folder)


def _environment() -> Mapping[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _short(folder: Path) -> Path:
    """Return a path to ``folder`` that leaves room for the socket's name.

    A long one is reached through a symbolic link in a folder that is private to this user; the
    link only has to be right while the server is started, and is made again at each start.
    """
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST_ADDRESS:
        return folder
    private = _link_to(folder).parent
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SettingsError(f"{private} must be a folder of this user alone (0700); remove it")
    link = _link_to(folder)
    draft = link.with_name(f".{link.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(folder)
    draft.replace(link)
    return link


def _link_to(folder: Path) -> Path:
    name = sha256(os.fsencode(folder)).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"genq-{os.getuid()}" / name
    if len(os.fsencode(place)) > _LONGEST_LINK:
        # Some systems give each user, and some tests each run, a long temporary folder.
        place = Path("/tmp") / f"genq-{os.getuid()}" / name  # noqa: S108 - 0700 and checked, like the other
    return place
