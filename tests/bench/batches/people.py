"""A tenant who waits for answers, while another one's batch runs."""

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx2

from tests.bench.ledger import created_and_started
from tests.fixtures.until import wait_until
from tests.fixtures.up import UpProcess

_BODY: Final = {
    "kind": "chat",
    "input": {"messages": [{"role": "user", "content": "how far is the moon?"}]},
}
_END_SECONDS: Final = 60.0


class People:
    """A tenant of its own, who submits a job now and then.

    Args:
        up: The genq that they use.
        per_second: How many jobs they submit.
    """

    def __init__(self, up: UpProcess, per_second: float) -> None:
        self._url = str(up.facts["url"])
        self._database = up.state().environment["GENQ_DATABASE_URL"]
        self._pause = 1 / per_second
        owner = {"authorization": f"Bearer {up.facts['api_key']}"}
        _post(f"{self._url}/v1/admin/tenants", owner, {"name": "people"})
        key = _post(f"{self._url}/v1/admin/tenants/people/keys", owner, {"name": "people"})
        self._headers = {"authorization": f"Bearer {key['key']}"}
        # Never set: a person thinks between two jobs.
        self._thinking = threading.Event()

    def waits(self, seconds: float) -> list[float]:
        """Submit for so long; return the seconds from each job's row to its start."""
        jobs: list[str] = []
        with httpx2.Client(headers=self._headers, timeout=30) as client:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                answer = client.post(f"{self._url}/v1/jobs", json=_BODY)
                answer.raise_for_status()
                jobs.append(answer.json()["id"])
                self._thinking.wait(self._pause)
            wait_until(
                lambda: _ended(client, self._url, jobs[-1]), "no end", seconds=_END_SECONDS
            )
        times = created_and_started(self._database, jobs)
        return sorted(started - created for created, started in times.values())


class Beside:
    """People who go on until they are told to stop; their waits are then known."""

    def __init__(self, people: People, slice_seconds: float = 5.0) -> None:
        self._people = people
        self._slice = slice_seconds
        self._over = threading.Event()
        self._waits: list[float] = []
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def stop(self) -> list[float]:
        """Return the seconds that their jobs waited, the shortest first."""
        self._over.set()
        self._thread.join()
        return sorted(self._waits)

    def _go_on(self) -> None:
        while not self._over.is_set():
            self._waits += self._people.waits(self._slice)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return a percentile of ``ordered``, in milliseconds."""
    place = min(len(ordered) - 1, len(ordered) * percent // 100)
    return 1000 * ordered[place]


def _post(url: str, headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    answer = httpx2.post(url, headers=headers, json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _ended(client: httpx2.Client, url: str, job: str) -> bool:
    return client.get(f"{url}/v1/jobs/{job}").json()["status"] == "succeeded"
