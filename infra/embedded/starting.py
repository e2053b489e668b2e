"""Starts an installation: servers side by side, then what needs them and was loaded ahead."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from infra.embedded import plan
from infra.embedded.database import Access, ensure_access, ensure_own_database, superuser_engine
from infra.embedded.installation import Installation
from infra.embedded.launch import Launch
from infra.embedded.log_files import rotate
from infra.embedded.postgres import open_cluster
from infra.embedded.probes import takes_commands, takes_statements
from infra.embedded.spawning import run_to_end
from infra.embedded.supervisor import Supervisor
from infra.embedded.valkey import launch_valkey
from infra.postgres.engine import create_engine, transaction
from schemas.errors import GenqError

_START_SECONDS: Final = 30.0
# After a crash it first replays its log.
_POSTGRES_SECONDS: Final = 60.0
# A new release may have to rebuild an index over everything that was kept.
_MIGRATION_SECONDS: Final = 600.0


async def start_all(installation: Installation, supervisor: Supervisor) -> Access:
    """Start every process and wait until all are ready.

    Returns:
        The tenant of `genq up`, and the key to it.

    Raises:
        InternalError: A process did not become ready; its log is quoted.
        SettingsError: A process refused its settings.
        DatabaseUnavailableError: PostgreSQL died meanwhile.
    """
    engine = create_engine(installation.told.settings, process="up")
    services = plan.serve(installation.told, engine)
    try:
        # They import for seconds, in which PostgreSQL starts and gets its tables.
        for launch in services:
            supervisor.load(launch)
        servers = [
            _start_database(installation, supervisor),
            _start_valkey(installation, supervisor),
        ]
        if installation.simulator_port:
            simulator = plan.simulate(installation.told, installation.simulator_port)
            servers.append(_start(simulator, supervisor))
        await _together(*servers)
        async with transaction(engine) as connection:
            access = await ensure_access(
                connection,
                installation.told.settings,
                installation.credentials,
                installation.folder.credentials_file,
            )
        await _together(*(_start(launch, supervisor) for launch in services))
    finally:
        await engine.dispose()
    return access


async def _start_database(installation: Installation, supervisor: Supervisor) -> None:
    """Start PostgreSQL, and bring the tables up to date."""
    log_file = installation.folder.logs / "migrations.log"
    rotate(log_file)
    await run_to_end(
        plan.migrate(installation.told),
        log_file,
        _MIGRATION_SECONDS,
        after=lambda: _start_postgres(installation, supervisor),
    )


async def _start_postgres(installation: Installation, supervisor: Supervisor) -> None:
    logs = installation.folder.logs
    rotate(logs / "initdb.log")
    cluster = await open_cluster(installation.folder.postgres, logs / "initdb.log")
    superuser = superuser_engine(installation.told.settings, cluster.folder)
    try:
        launch = cluster.launch(takes_statements(superuser))
        await supervisor.start(launch, _POSTGRES_SECONDS)
        await ensure_own_database(superuser)
    finally:
        await superuser.dispose()


async def _start_valkey(installation: Installation, supervisor: Supervisor) -> None:
    ready = takes_commands(installation.told.settings.doorbell_url())
    launch = launch_valkey(
        installation.folder.valkey,
        port=installation.valkey_port,
        password=installation.credentials.valkey_password,
        ready=ready,
    )
    await supervisor.start(launch, _START_SECONDS)


async def _start(launch: Launch, supervisor: Supervisor) -> None:
    await supervisor.start(launch, _START_SECONDS)


async def _together(*starts: Coroutine[Any, Any, None]) -> None:
    """Wait for all; the first failure is raised, and ends the waiting for the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                group.create_task(start)
    except* (GenqError, OSError) as failures:
        raise failures.exceptions[0] from None
