"""Deliveries verify in Node, by what npm calls standardwebhooks and svix."""

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from schemas.signature import format_private_key, format_secret
from schemas.webhooks import Signatures
from tests.fixtures.receiver import Received, Receiver
from tests.fixtures.sending import SECRET, a_receiver, open_sender, owed_to
from tests.fixtures.verifying import know

ROOT: Final = Path(__file__).parents[2]
LIBRARIES: Final = ROOT / ".venv" / "verifiers"
FORMER: Final = format_secret(b"a former secret of 24 by")
PRIVATE_KEY: Final = format_private_key(b"k" * 32)


@pytest.fixture(scope="module")
def libraries() -> Path:
    """Return the folder of the npm packages; installing them takes seconds, once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node and npm here")
    made = subprocess.run(
        ["make", "--silent", ".venv/verifiers/.ready"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"npm could not bring the libraries: {made.stderr.strip()[-200:]}")
    return LIBRARIES


def test_deliveries_verify_in_node_and_changed_ones_do_not(libraries: Path) -> None:
    know(FORMER, PRIVATE_KEY)
    deliveries = asyncio.run(deliver())
    right = [as_json(one, secret) for one, secrets in deliveries for secret in secrets]
    changed = [{**one, "body": base64.b64encode(b'{"n":2}').decode()} for one in right]
    late = [as_json(deliveries[0][0], SECRET, **{"webhook-timestamp": "1614265330"})]
    verdicts = verify(libraries, [*right, *changed, *late])
    assert len(right) == 4
    for verdict in verdicts[: len(right)]:
        assert verdict == {"standardwebhooks": "accepted", "svix": "accepted"}
    for verdict in verdicts[len(right) :]:
        assert all(said.startswith("refused") for said in verdict.values()), verdict


async def deliver() -> list[tuple[Received, Sequence[str]]]:
    """Return what came, and with which secrets it must verify."""
    both = Signatures.V1 | Signatures.V1A
    receivers = (
        a_receiver(),
        a_receiver(secrets=(SECRET, FORMER)),
        a_receiver(signatures=both, private_keys=(PRIVATE_KEY,)),
    )
    async with Receiver() as receiver, open_sender() as sender:
        for one in receivers:
            await sender.send(owed_to(receiver.url), one)
    pairs = zip(receiver.requests, receivers, strict=True)
    return [(request, one.secrets) for request, one in pairs]


def as_json(request: Received, secret: str, **headers: str) -> dict[str, Any]:
    body = base64.b64encode(request.body).decode()
    return {"secret": secret, "headers": {**request.headers, **headers}, "body": body}


def verify(libraries: Path, deliveries: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    script = ROOT / "tests" / "fixtures" / "verify.cjs"
    done = subprocess.run(
        ["node", str(script), str(libraries)],
        input=json.dumps(deliveries),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return json.loads(done.stdout)
