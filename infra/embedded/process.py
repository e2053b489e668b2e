"""``python -P -m infra.embedded up|env``: everything on this machine, and how to reach it.

Exit codes: 0 stopped as asked, 1 something did not start, 8 folder, port or settings are wrong.
"""

import argparse
import asyncio
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.clock import SystemClock
from infra.embedded.data_folder import DataFolder
from infra.embedded.installation import UpOptions
from infra.embedded.run_state import RunState
from infra.embedded.up import up
from schemas.errors import GenqError, SettingsError

_FAILED: Final = 1
_BAD_SETTINGS: Final = 8
_INTERRUPTED: Final = 130
_LAST_PORT: Final = 65_535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    given = _parse(arguments)
    try:
        if given.command == "env":
            return _print_environment(given.data_dir)
        options = UpOptions(
            data_dir=given.data_dir,
            host=given.host,
            port=given.port,
            slots=given.slots,
            as_json=given.json,
            profile_file=given.profile_file,
        )
        asyncio.run(up(options, _inherited(), SystemClock()))
    except SettingsError as error:
        return _tell(error.message, _BAD_SETTINGS)
    except GenqError as error:
        return _tell(error.message, _FAILED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _tell(f"{place}{error.strerror or error}", _FAILED)
    except KeyboardInterrupt:
        # Before the supervisor took the signals over, so nothing was started.
        return _INTERRUPTED
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="genq", description="genq on one machine")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start everything; Ctrl-C stops it, data stays")
    starting.add_argument("--host", help="address the API listens on (GENQ_API_HOST)")
    starting.add_argument("--port", type=_port, help="its port; 0 for any (GENQ_API_PORT)")
    starting.add_argument("--slots", type=int, help="jobs at once (GENQ_SLOTS)")
    starting.add_argument("--json", action="store_true", help="one line when all is ready")
    starting.add_argument("--profile-file", type=Path, help="is told URL and key, as TOML")
    asking = commands.add_parser("env", help="print the settings of a running genq up")
    for command in (starting, asking):
        command.add_argument("--data-dir", type=Path, required=True, help="where all is kept")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{port} is not a port: 0 to {_LAST_PORT}")
    return port


def _print_environment(data_dir: Path) -> int:
    folder = DataFolder(data_dir.expanduser().absolute())
    state = RunState.read(folder.state_file)
    if state is None or not state.supervisor.alive():
        raise SettingsError(f"genq up does not run on {folder.root}; start it first")
    for name, value in sorted(state.environment.items()):
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def _inherited() -> Mapping[str, str]:
    return dict(os.environ)  # noqa: TID251 - handed on to the children, not read as settings


def _tell(message: str, code: int) -> int:
    sys.stderr.write(f"genq up: {message}\n")
    return code
