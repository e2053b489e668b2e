"""What a log line holds, and what it never holds, whoever wrote it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

import pytest

START: Final = """
import logging, sys, structlog, warnings
from infra.settings import Settings
from infra.telemetry.logging import configure_logging

settings = Settings(
    _env_file=None, database_url="postgresql://x", broker_url="redis://x",
    object_store="file:///unused", key_pepper="only-for-tests-0123456789",
    **dict(pair.split("=") for pair in sys.argv[1:]),
)
configure_logging(settings, process="worker")
log = structlog.get_logger()
library = logging.getLogger("celery.worker.consumer")
"""
SECRETS: Final = (
    "gq_q1w2e3r4t5y6u7i8o9p0", "sk-proj-abcdefghijkl", "whsec_c2VjcmV0IG9mIGEgdGVuYW50",
    "hunter2hunter2", "abc.def.ghi", "0f1e2d3c4b5a", "whsk_c2VlZCBvZiBhIHRlbmFudA",
    "gqp_AaH_TCZqdXGFhesEwBYwRQ",
    "MC4CAQAwBQYDK2VwBCIEIP",
)  # fmt: skip
SAY_SECRETS: Final = """
log.info("key_used", api_key="gq_q1w2e3r4t5y6u7i8o9p0", pepper="hunter2hunter2")
log.info("odd places gq_q1w2e3r4t5y6u7i8o9p0", note="is sk-proj-abcdefghijkl and so on")
log.info("nested", request={"headers": {"Authorization": "Bearer abc.def.ghi", "a": [
    {"webhook-secret": "whsec_c2VjcmV0IG9mIGEgdGVuYW50"}]}}, cookies=["abc.def.ghi"])
log.info("url", url="postgresql://genq:hunter2hunter2@db/genq")
log.info("signed", url="https://s3/x?X-Amz-Expires=9&X-Amz-Signature=0f1e2d3c4b5a&a=1")
library.warning("Authorization: Bearer %s", "abc.def.ghi")
library.warning("key %s", {"x": "whsec_c2VjcmV0IG9mIGEgdGVuYW50"})
log.info("odd key whsk_c2VlZCBvZiBhIHRlbmFudA=")
log.info("a link /portal/webhooks/whe_1#gqp_AaH_TCZqdXGFhesEwBYwRQ")
dashes = 5 * "-"
note = f"{dashes}BEGIN PRIVATE KEY{dashes}\\nMC4CAQAwBQYDK2VwBCIEIP\\n{dashes}END PRIVATE KEY"
log.info("pem", note=note)
try:
    password = "hunter2hunter2"
    raise ValueError("cannot use sk-proj-abcdefghijkl")
except ValueError:
    log.exception("failed")
    library.exception("failed too")
"""
PROMPT: Final = "a fox in the snow"
SAY_PROMPTS: Final = """
log.info("asked", prompt="a fox in the snow", input={"messages": ["a fox in the snow"]})
log.info("nested", job={"kind": "image", "input": {"prompt": "a fox in the snow"}})
from pydantic import BaseModel
class Size(BaseModel):
    size: int
try:
    Size(size="a fox in the snow")
except ValueError:
    log.exception("refused")
"""


def run(program: str, *settings: str) -> str:
    command = [sys.executable, "-W", "error", "-c", START + program, *settings]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()


def lines(program: str, *settings: str) -> list[dict[str, Any]]:
    """Run ``program``; every line that it logs must be JSON."""
    return [json.loads(line) for line in run(program, *settings).splitlines()]


def without_quotes(output: str, words: Sequence[str]) -> list[str]:
    """Return the words found in ``output``, but not in source lines quoted by tracebacks."""
    said = "\n".join(
        part for part in output.replace("\\n", "\n").splitlines() if not part.startswith("    ")
    )
    return [word for word in words if word in said]


def test_a_line_says_what_when_where_and_for_whom() -> None:
    (line,) = lines(
        "structlog.contextvars.bind_contextvars(job_id='job_1', attempt=2)\n"
        "log.bind(lane='fast').info('attempt_succeeded', run_ms=12.5)"
    )

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "attempt_succeeded",
        "level": "info",
        "logger": "__main__",
        "process": "worker",
        "job_id": "job_1",
        "attempt": 2,
        "lane": "fast",
        "run_ms": 12.5,
    }


def test_libraries_take_the_same_road() -> None:
    found = lines(
        "structlog.contextvars.bind_contextvars(job_id='job_1')\n"
        "library.warning('lost %d of %s', 3, 'them')\n"
        "logging.getLogger('uvicorn.error').info('started')\n"
        "warnings.simplefilter('always'); warnings.warn('old')\n"
    )

    assert [line["logger"] for line in found] == [
        "celery.worker.consumer",
        "uvicorn.error",
        "py.warnings",
    ]
    assert found[0]["event"] == "lost 3 of them"
    assert found[0]["level"] == "warning"
    assert all(line["process"] == "worker" and line["job_id"] == "job_1" for line in found)


def test_an_exception_is_one_line_with_its_traceback() -> None:
    (line,) = lines("try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('failed')")

    assert line["event"] == "failed"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_written(form: str) -> None:
    output = run(SAY_SECRETS, f"log_format={form}", "log_prompts=true")

    assert without_quotes(output, SECRETS) == []
    assert output.count("[redacted]") >= 12
    assert "X-Amz-Expires=9" in output
    assert "postgresql://genq:[redacted]@db/genq" in output


def test_lines_with_secrets_stay_json() -> None:
    assert len(lines(SAY_SECRETS)) == 12


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_prompt_is_written(form: str) -> None:
    output = run(SAY_PROMPTS, f"log_format={form}")

    assert without_quotes(output, [PROMPT]) == []
    assert f"[redacted, {len(PROMPT)} characters]" in output


def test_prompts_are_written_to_whoever_wants_them() -> None:
    asked, nested, _ = lines(SAY_PROMPTS, "log_prompts=true")

    assert asked["prompt"] == PROMPT
    assert nested["job"]["input"]["prompt"] == PROMPT


def test_libraries_that_print_whole_requests_stay_above_debug() -> None:
    found = lines(
        "logging.getLogger('openai._base_client').debug('options: %s', {'prompt': 'a fox'})\n"
        "logging.getLogger('botocore.auth').debug('credentials')\n"
        "log.debug('seen')",
        "log_level=debug",
    )

    assert [line["event"] for line in found] == ["seen"]


def test_lines_below_the_level_are_not_written() -> None:
    found = lines("log.info('no'); library.info('no'); log.warning('yes')", "log_level=warning")

    assert [line["event"] for line in found] == ["yes"]


def test_odd_values_cost_no_line() -> None:
    found = lines(
        "class Odd:\n"
        "    def __str__(self): raise ValueError\n"
        "circle = {}; circle['self'] = circle\n"
        "log.info('odd', half='\\ud800', big=2**70, odd=Odd(), circle=circle, raw=b'\\xff')\n"
        "log.info('keys', fields={1: 2, None: 3}, nothing=None, many={1, 2})\n"
        "log.info('percent %s')\n"
        "library.warning('surrogate \\ud800')\n"
        "library.warning('too few %s %s', 1)\n"
        "log.info('end')\n"
    )

    assert [line["event"] for line in found][:3] == ["odd", "keys", "percent %s"]
    assert found[0]["big"] == 2**70
    assert found[0]["odd"] == "<Odd>"
    assert found[1]["fields"] == {"1": 2, "None": 3}
    assert found[-1]["event"] == "end"


def test_a_reader_who_left_does_not_end_the_process() -> None:
    program = START + "import os\nos.close(1)\nlog.info('lost')\nlibrary.warning('lost')\n"
    program += "sys.stderr.write('alive'); sys.stderr.flush(); os._exit(0)"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )

    assert done.stderr == b"alive"


def test_a_terminal_gets_lines_for_people() -> None:
    ours, theirs = pty.openpty()
    program = START + "log.info('attempt_succeeded', run_ms=12)"
    subprocess.run([sys.executable, "-c", program], stdout=theirs, check=True, timeout=60)
    os.close(theirs)
    line = os.read(ours, 10_000).decode()
    os.close(ours)

    assert "attempt_succeeded" in line
    assert "\x1b[" in line
    assert not line.startswith("{")
