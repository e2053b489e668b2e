"""A complete genq in a fresh folder, as users start it, with its sink and load generator."""

import contextlib
import shutil
import tempfile
import tomllib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from infra.embedded.data_folder import DataFolder
from infra.embedded.plan import SERVICES
from infra.embedded.run_state import RunState
from tests.bench.cpu import CpuMeter
from tests.bench.lines import Child, running
from tests.bench.loop_lag import free_ports
from tests.bench.orders import PROMPTS, SEED, SIZE, LoadRun, Order

SLOTS: Final = 1000
_START_SECONDS: Final = 90.0
_SPARE_SECONDS: Final = 120.0
# Above the slots, so that they, and no tenant's limit, are what fills up.
# The cap is for the whale, which is measured in a lane of its own.
_SETTINGS: Final = {
    "GENQ_LOG_LEVEL": "warning",
    "GENQ_TENANT_MAX_INFLIGHT": "4000",
    "GENQ_LANE_CAPS": '{"relax": 0.1}',
}


@dataclass
class Stack:
    """What is measured, and what measures it.

    Attributes:
        folder: The data folder of this genq.
        facts: What ``genq up --json`` said.
        settings: The ``GENQ_`` variables of its processes.
        secret: Signs the webhooks.
        hook: Where they go.
        follow: The port on which the sink tells of them.
        metrics_port: Of the first process that has one.
        http: For what is asked beside the load.
    """

    folder: DataFolder
    facts: dict[str, Any]
    settings: dict[str, str]
    secret: str
    hook: str
    follow: int
    metrics_port: int
    http: aiohttp.ClientSession
    sink: Child
    load: Child
    meter: CpuMeter = field(init=False)

    def __post_init__(self) -> None:
        ours = {"sink": self.sink.pid, "load generator": self.load.pid}
        self.meter = CpuMeter({**self.facts["pids"], **ours})

    @property
    def database_url(self) -> str:
        """Where the ledger is."""
        return self.settings["GENQ_DATABASE_URL"]

    @property
    def model_url(self) -> str:
        """Where the simulator answers, without ``/v1``."""
        servers = orjson.loads(self.settings["GENQ_MODEL_SERVERS"])
        return str(servers[0]["base_url"]).removesuffix("/v1")

    async def run(self, order: Order) -> LoadRun:
        """Have an order carried out."""
        seconds = order.seconds + order.patience + _SPARE_SECONDS
        return LoadRun.decode(await self.load.ask(order.encode(), seconds))

    async def model(self, latency: float, *, jitter: float = 0.0) -> None:
        """Let every model call take this many seconds, and forget earlier calls."""
        await self._ask("DELETE", f"{self.model_url}/control")
        script = {"latency": latency, "latency_jitter": jitter}
        await self._ask("PUT", f"{self.model_url}/control", script)

    async def hurry_model(self) -> None:
        """Let further model calls take no time; what runs goes on, and nothing is forgotten."""
        await self._ask("PUT", f"{self.model_url}/control", {"latency": 0.0})

    async def model_state(self) -> dict[str, Any]:
        """Return the simulator's counters."""
        return await self._ask("GET", f"{self.model_url}/control")

    async def model_calls(self) -> list[dict[str, Any]]:
        """Return the calls since ``model``, at most 5,000."""
        return (await self._ask("GET", f"{self.model_url}/control/calls"))["calls"]

    async def artifact(self, job: str) -> bytes:
        """Return the first picture of a job, through the API."""
        key = {"authorization": f"Bearer {self.facts['api_key']}"}
        url = f"{self.facts['url']}/v1/jobs/{job}/artifacts/0"
        async with self.http.get(url, headers=key) as response:
            response.raise_for_status()
            return await response.read()

    def warnings(self) -> list[str]:
        """Return how many lines genq's own processes logged; each is a warning, or worse."""
        logs = [self.folder.logs / f"{name}.log" for name in SERVICES]
        counts = {path.stem: len(path.read_text().splitlines()) for path in logs}
        return [f"{name}: {lines}" for name, lines in counts.items() if lines]

    async def draw_pictures(self) -> None:
        """Let the simulator draw what will be asked for; later it serves its cache."""
        for prompt in PROMPTS:
            body = {"model": "sim-image-1", "prompt": prompt, "size": SIZE, "seed": SEED}
            await self._ask("POST", f"{self.model_url}/v1/images/generations", body)

    async def _ask(self, method: str, url: str, body: Any = None) -> Any:
        async with self.http.request(method, url, json=body) as response:
            response.raise_for_status()
            return orjson.loads(await response.read())


@contextlib.asynccontextmanager
async def running_stack() -> AsyncGenerator[Stack]:
    """Start everything; leave no process and no file behind."""
    folder = Path(tempfile.mkdtemp(prefix="genq-bench-"))
    try:
        async with contextlib.AsyncExitStack() as closing:
            yield await _start(folder, closing)
    finally:
        # At once: a second Ctrl-C must not leave it.
        shutil.rmtree(folder, ignore_errors=True)


async def start_genq(
    folder: Path, closing: contextlib.AsyncExitStack, metrics_port: int
) -> tuple[dict[str, Any], str]:
    """Start `genq up`; return what it says when it is ready, and the webhook secret."""
    profile = folder / "profile.toml"
    errors = folder / "up.err"
    up = await closing.enter_async_context(
        running(
            "genq up",
            (
                *("-m", "infra.embedded", "up", "--json", "--port", "0"),
                *("--slots", str(SLOTS), "--data-dir", str(folder / "data")),
                *("--profile-file", str(profile)),
            ),
            environment={**_SETTINGS, "GENQ_METRICS_PORT": str(metrics_port)},
            errors=errors,
        )
    )
    try:
        facts = await up.hear(_START_SECONDS)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{errors.read_text()}") from None
    facts["pids"]["up"] = up.pid
    return facts, str(tomllib.loads(profile.read_text())["webhook_secret"])


async def _start(folder: Path, closing: contextlib.AsyncExitStack) -> Stack:
    metrics_port = free_ports()
    facts, secret = await start_genq(folder, closing, metrics_port)
    sink = await closing.enter_async_context(
        running("sink", ("-m", "tests.bench.sink", "--secret", secret))
    )
    places = await sink.hear(_START_SECONDS)
    http = await closing.enter_async_context(aiohttp.ClientSession())
    load = await start_load(
        closing,
        url=facts["url"],
        key=facts["api_key"],
        hook=places["hook"],
        follow=places["follow"],
    )
    data = DataFolder(folder / "data")
    state = RunState.read(data.state_file)
    if state is None:
        raise RuntimeError("genq up has not written its state")
    return Stack(
        folder=data,
        facts=facts,
        settings=dict(state.environment),
        secret=secret,
        hook=places["hook"],
        follow=places["follow"],
        metrics_port=metrics_port,
        http=http,
        sink=sink,
        load=load,
    )


async def start_load(
    closing: contextlib.AsyncExitStack, *, url: str, key: str, hook: str, follow: int
) -> Child:
    """Start a load generator that ends with ``closing``.

    Args:
        closing: Ends it.
        url: Where jobs are submitted, without ``/v1``.
        key: The API key.
        hook: Where the jobs' webhooks go.
        follow: The port on which the sink tells of them.
    """
    command = (
        *("-m", "tests.bench.load", "--url", url, "--key", key),
        *("--hook", hook, "--follow", str(follow)),
    )
    return await closing.enter_async_context(running("load generator", command))
