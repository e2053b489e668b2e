"""The embedded PostgreSQL and Valkey: in any folder, after any death, for nobody else."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from infra.clock import SystemClock
from infra.embedded.addresses import claim_port
from infra.embedded.footprints import Footprint, footprint_of
from infra.embedded.launch import RunAs
from infra.embedded.postgres import (
    SUPERUSER,
    Cluster,
    forget_url_of_cluster,
    open_cluster,
    url_of_cluster,
)
from infra.embedded.postgres_program import find_postgres, run_as_of, runnable
from infra.embedded.probes import takes_commands
from infra.embedded.supervisor import Supervisor
from infra.embedded.valkey import launch_valkey, valkey_url
from schemas.errors import SettingsError
from tests.fixtures.until import until

NEVER = Retry(NoBackoff(), 0)

root_only = pytest.mark.skipif(
    os.geteuid() != 0, reason="another user runs PostgreSQL for root"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder that is long, has spaces and is closed to PostgreSQL's own user."""
    found = tmp_path / "a data folder" / ("long " * 20).strip() / "data"
    found.mkdir(parents=True, mode=0o700)
    found.parent.chmod(0o700)
    yield found
    forget_url_of_cluster(found / "postgres")


def url_of(cluster: Cluster) -> str:
    return url_of_cluster(cluster.folder, user=SUPERUSER, database=SUPERUSER)


def answers(cluster: Cluster) -> bool:
    try:
        with psycopg.connect(url_of(cluster)) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


async def is_up(cluster: Cluster, seconds: float = 20) -> None:
    await until(lambda: answers(cluster), "PostgreSQL does not answer", seconds)


def launched(cluster: Cluster) -> Any:
    async def look(pid: int) -> str:
        return "" if answers(cluster) else "no answer"

    return cluster.launch(look)


def supervisor_in(folder: Path) -> Supervisor:
    return Supervisor(folder, SystemClock(), structlog.get_logger(), lambda: None)


def start_unwatched(cluster: Cluster) -> "subprocess.Popen[bytes]":
    launch = launched(cluster)
    return subprocess.Popen(
        launch.command,
        cwd=launch.folder,
        env=launch.environment,
        user=launch.run_as.uid if launch.run_as else None,
        group=launch.run_as.gid if launch.run_as else None,
        extra_groups=[] if launch.run_as else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_postgres_works_in_a_hard_folder_and_keeps_what_was_committed(folder: Path) -> None:
    async def scenario() -> None:
        cluster = await open_cluster(folder / "postgres", folder / "initdb.log")
        supervisor = supervisor_in(folder)
        await supervisor.start(launched(cluster), 30)
        with psycopg.connect(url_of(cluster)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT uuidv7() AS id")
        first = supervisor.footprints()["postgres"]

        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: not first.alive(), "it lives")
        await is_up(cluster)

        assert supervisor.footprints()["postgres"] != first
        with psycopg.connect(url_of(cluster)) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        await supervisor.stop([])

    asyncio.run(scenario())


def test_nobody_else_can_reach_the_socket(folder: Path) -> None:
    async def scenario() -> None:
        cluster = await open_cluster(folder / "postgres", folder / "initdb.log")
        supervisor = supervisor_in(folder)
        await supervisor.start(launched(cluster), 30)
        owner = cluster.folder.stat()
        sockets = list(cluster.folder.glob(".s.PGSQL.*"))
        with psycopg.connect(url_of(cluster)) as connection:
            listens = connection.execute("SHOW listen_addresses").fetchone()
        await supervisor.stop([])

        assert stat.S_IMODE(owner.st_mode) == 0o700
        assert owner.st_uid == (cluster.run_as.uid if cluster.run_as else os.getuid())
        assert owner.st_uid != 0
        assert sockets
        assert listens == ("",)

    asyncio.run(scenario())


def test_a_server_that_outlived_its_supervisor_is_replaced(folder: Path) -> None:
    async def scenario() -> None:
        cluster = await open_cluster(folder / "postgres", folder / "initdb.log")
        with start_unwatched(cluster) as orphan:
            await is_up(cluster)
            left_over = footprint_of(orphan.pid)
            assert left_over is not None
            supervisor = supervisor_in(folder)
            await supervisor.start(launched(cluster), 30)

            assert not left_over.alive()
            assert orphan.wait(5) == 0, "it was not stopped cleanly"
        await supervisor.stop([])

    asyncio.run(scenario())


def test_a_pid_file_that_names_a_stranger_is_no_obstacle_and_no_sentence(folder: Path) -> None:
    async def scenario() -> None:
        cluster = await open_cluster(folder / "postgres", folder / "initdb.log")
        with start_unwatched(cluster) as server:
            await is_up(cluster)
            pid_file = cluster.folder / "postmaster.pid"
            content = pid_file.read_text()
            server.kill()
        stranger = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", "read line"),
            stdin=asyncio.subprocess.PIPE,
            user=cluster.run_as.uid if cluster.run_as else None,
        )
        pid_file.write_text(content.replace(str(server.pid), str(stranger.pid), 1))
        supervisor = supervisor_in(folder)
        await supervisor.start(launched(cluster), 30)
        await supervisor.stop([])

        assert stranger.returncode is None
        stranger.kill()
        await stranger.communicate()

    asyncio.run(scenario())


def test_a_first_start_that_died_half_way_is_begun_again(folder: Path) -> None:
    draft = folder / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")

    cluster = asyncio.run(open_cluster(folder / "postgres", folder / "initdb.log"))

    assert (cluster.folder / "global" / "pg_control").exists()
    assert not draft.exists()


def test_a_folder_of_another_postgres_is_refused(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("16\n")

    with pytest.raises(SettingsError, match="is of PostgreSQL 16, genq brings 18"):
        asyncio.run(open_cluster(folder / "postgres", folder / "initdb.log"))


@pytest.fixture
def open_cache() -> Iterator[Path]:
    cache = Path(tempfile.mkdtemp(prefix="genq-cache-", dir="/tmp"))
    cache.chmod(0o755)
    yield cache
    shutil.rmtree(cache)


@root_only
def test_a_program_that_its_user_cannot_reach_is_copied_once(
    tmp_path: Path, open_cache: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o700)
    installed = closed / "pg"
    shutil.copytree(find_postgres(), installed, symlinks=True)
    # As a careful root's umask would have left it.
    for path in installed.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    run_as = run_as_of(tmp_path / "new")
    assert run_as is not None

    copy = runnable(installed, run_as, open_cache)

    assert copy.parent == open_cache
    assert runnable(installed, run_as, open_cache) == copy
    assert len(list(open_cache.iterdir())) == 1
    assert runnable(find_postgres(), None, open_cache) == find_postgres()


@root_only
def test_root_runs_a_cluster_as_whoever_owns_it(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)

    assert run_as_of(tmp_path) == RunAs(12345, 12346)


def test_valkey_wants_its_password_and_comes_back_on_the_same_port(tmp_path: Path) -> None:
    port = claim_port("127.0.0.1", 0)
    url = valkey_url(port, "secret")
    seen: list[Footprint] = []

    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        launch = launch_valkey(
            tmp_path, port=port, password="secret", ready=takes_commands(url)
        )
        await supervisor.start(launch, 20)
        assert "secret" not in " ".join(launch.command)
        with (
            redis.Redis(port=port, retry=NEVER) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        seen.append(supervisor.footprints()["valkey"])
        os.kill(seen[0].pid, signal.SIGKILL)
        await until(lambda: not seen[0].alive(), "it lives")
        await until(lambda: _pings(url), "it did not come back")
        with redis.Redis.from_url(url, retry=NEVER, decode_responses=True) as client:
            policy = client.config_get("maxmemory-policy")
            saving = client.config_get("save")
        await supervisor.stop([])

        assert policy == {"maxmemory-policy": "noeviction"}
        assert saving == {"save": ""}
        assert stat.S_IMODE((tmp_path / "valkey.conf").stat().st_mode) == 0o600

    asyncio.run(scenario())


def _pings(url: str) -> bool:
    with redis.Redis.from_url(url, retry=NEVER, decode_responses=True) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
