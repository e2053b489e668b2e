"""`genq up` from beginning to end: claim the folder, start, announce, watch, stop."""

import asyncio
import json
import resource
import signal
from collections.abc import Mapping
from typing import Final

import structlog

from infra.clock import Clock
from infra.embedded import plan
from infra.embedded.data_folder import DataFolder, hold, open_folder, write_private
from infra.embedded.database import Access
from infra.embedded.footprints import end, own_footprint
from infra.embedded.installation import Installation, UpOptions, prepare_installation
from infra.embedded.log_files import open_log, rotate, trim
from infra.embedded.postgres import forget_url_of_cluster, url_of_cluster
from infra.embedded.run_state import RunState
from infra.embedded.screen import Screen, Warnings
from infra.embedded.starting import start_all
from infra.embedded.supervisor import Supervisor
from infra.telemetry.logging import configure_logging
from schemas.errors import GenqError, SettingsError

_LOOK_SECONDS: Final = 0.5
_HOUSEKEEPING_SECONDS: Final = 60.0
_OPEN_FILES: Final = 65_536
_LEFT_OVER_STEPS: Final = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0))
_POSTGRES_STEPS: Final = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 2.0))


async def up(options: UpOptions, inherited: Mapping[str, str], clock: Clock) -> None:
    """Run everything until SIGTERM, SIGHUP or Ctrl-C.

    Args:
        options: The command line.
        inherited: The environment of this process.
        clock: Measures lives and starts.

    Raises:
        SettingsError: The folder, a port or a setting cannot be used.
        InternalError: A child did not become ready.
        OSError: The disk is full, or the machine lacks something else.
    """
    folder = open_folder(options.data_dir)
    with hold(folder):
        await _end_left_overs(folder)
        installation = prepare_installation(options, inherited, folder)
        _allow_many_files()
        rotate(folder.logs / "up.log")
        with open_log(folder.logs / "up.log") as log:
            configure_logging(installation.told.settings, process="up", stream=log)
            await _Life(options, installation, clock).until_stopped()


async def _end_left_overs(folder: DataFolder) -> None:
    """End what a supervisor that was killed could not take with it."""
    state = RunState.read(folder.state_file)
    if state is None:
        return
    if state.supervisor.alive():
        raise SettingsError(
            f"{folder.root} is in use by pid {state.supervisor.pid}, though its lock file was "
            "removed; stop that one first"
        )
    await asyncio.gather(
        *(
            end(mark, _POSTGRES_STEPS if name == "postgres" else _LEFT_OVER_STEPS)
            for name, mark in state.children.items()
        )
    )


def _allow_many_files() -> None:
    """Let the children have as many connections as the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Life:
    """One life of the supervisor on a prepared installation."""

    def __init__(self, options: UpOptions, installation: Installation, clock: Clock) -> None:
        self._options = options
        self._installation = installation
        self._folder = installation.folder
        self._clock = clock
        self._screen = Screen(as_json=options.as_json)
        self._log = structlog.get_logger()
        self._stop = asyncio.Event()
        self._supervisor = Supervisor(self._folder.logs, clock, self._log, self._remember)

    async def until_stopped(self) -> None:
        """Start everything, keep it alive, and stop it when asked to."""
        self._take_signals()
        work = asyncio.create_task(self._start_and_watch())
        asked = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, asked):
                task.cancel()
            await asyncio.gather(work, asked, return_exceptions=True)
            await self._stop_all()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Under nohup, a closed terminal is no reason to stop.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._ask_to_stop)

    def _ask_to_stop(self) -> None:
        if self._stop.is_set():
            self._supervisor.hurry()
        self._stop.set()

    async def _start_and_watch(self) -> None:
        told = self._installation.told
        self._screen.note(f"genq up: starting, data in {self._folder.root}")
        for name in told.ignored:
            self._screen.note(f"genq up: {name} is not used, genq up brings its own server")
        began = self._clock.monotonic()
        access = await start_all(self._installation, self._supervisor)
        self._screen.note(f"genq up: ready after {self._clock.monotonic() - began:.1f} s")
        self._write_profile(access)
        self._screen.announce(
            told,
            url=self._installation.url,
            api_key=access.credentials.api_key,
            data_dir=self._folder.root,
            pids={name: mark.pid for name, mark in self._supervisor.footprints().items()},
        )
        await self._watch()

    async def _watch(self) -> None:
        warnings = Warnings(plan.log_names(self._folder.logs), self._clock)
        swept = self._clock.monotonic()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._options.as_json:
                for line in warnings.new():
                    self._screen.note(line)
            if self._clock.monotonic() - swept >= _HOUSEKEEPING_SECONDS:
                swept = self._clock.monotonic()
                self._keep_house()

    def _keep_house(self) -> None:
        try:
            for path in self._folder.logs.glob("*.log"):
                trim(path)
            # A sweeper of old temporary files may have taken the way to the socket.
            url_of_cluster(self._folder.postgres)
        except (OSError, GenqError) as error:
            self._log.warning("housekeeping_failed", reason=str(error))

    async def _stop_all(self) -> None:
        self._screen.note("genq up: stopping")
        drain = self._installation.told.settings.drain_grace.total_seconds()
        await self._supervisor.stop(plan.stop_order(drain))
        self._folder.state_file.unlink(missing_ok=True)
        forget_url_of_cluster(self._folder.postgres)
        self._screen.note(f"genq up: stopped; the data stays in {self._folder.root}")

    def _remember(self) -> None:
        state = RunState(
            own_footprint(),
            self._installation.url,
            self._installation.told.own_variables(),
            self._supervisor.footprints(),
        )
        try:
            state.write(self._folder.state_file)
        except OSError as error:
            # A full disk must not end what still works.
            self._log.warning("state_not_written", reason=str(error))

    def _write_profile(self, access: Access) -> None:
        path = self._options.profile_file
        if path is None:
            return
        facts = {
            "url": self._installation.url,
            "api_key": access.credentials.api_key,
            "webhook_secret": access.tenant.webhook_secret,
            "data_dir": str(self._folder.root),
        }
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A JSON string is a TOML string too.
        lines = (
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
            for name, value in facts.items()
        )
        write_private(path, "".join(lines))
