"""The callers: submit over HTTP, try again under the same key, change their minds."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from tests.chaos.model import BUSY, PLAIN
from tests.chaos.tenants import Enrolled

_KEYED: Final = 0.5
_CANCELLED: Final = 0.06
_BUSY: Final = 0.05
_PATIENCE: Final = aiohttp.ClientTimeout(total=6)
_RETRY_SECONDS: Final = (0.1, 0.5)
_SERVER_FAULT: Final = 500
_UNAVAILABLE: Final = 503
_REFUSED: Final = 400


@dataclass(slots=True)
class Order:
    """One job that a caller wanted, and what it knows of it.

    Attributes:
        number: In the job's metadata, as ``n``.
        key: The idempotency key under which it is submitted until it is accepted.
        job: Its id, when it was accepted.
        cancelled: A cancel was answered with a job that is cancelled.
        given_up: The caller does not know whether there is such a job.
    """

    number: int
    tenant: Enrolled
    body: bytes
    key: str | None
    job: str | None = None
    cancelled: bool = False
    given_up: bool = False


class Load:
    """Makes callers at an even rate until told to stop."""

    def __init__(
        self, url: str, hook: str, tenants: Sequence[Enrolled], *, seed: int, rate: float
    ) -> None:
        self.orders: list[Order] = []
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self._url = f"{url}/v1/jobs"
        self._hook = hook
        self._tenants = tenants
        self._rate = rate
        self._dice = random.Random(seed)
        self._callers: set[asyncio.Task[None]] = set()
        self._rated: dict[int, float] = {}

    async def run(self, seconds: float) -> None:
        """Submit for so long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        connector = aiohttp.TCPConnector(limit=256)
        async with aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session:
            for number in range(int(self._rate * seconds)):
                await asyncio.sleep(
                    began + number / self._rate - loop.time()
                )  # sleeps: an even rate
                order = self._order(number, loop.time() - began)
                if order is None:
                    continue
                self.orders.append(order)
                caller = loop.create_task(self._call(session, order))
                self._callers.add(caller)
                caller.add_done_callback(self._callers.discard)
            while self._callers:
                await asyncio.wait(set(self._callers))

    def _order(self, number: int, elapsed: float) -> Order | None:
        dice = self._dice
        (tenant,) = dice.choices(self._tenants, [t.plan.share for t in self._tenants])
        if not self._may_ask(tenant, elapsed):
            return None
        body: dict[str, Any] = {
            "kind": "image",
            "model": BUSY if dice.random() < _BUSY else PLAIN,
            "input": {"prompt": f"a kite, number {number}"},
            "lane": dice.choice(tenant.plan.lanes).value,
            "priority": dice.choice((5, 5, 5, 0, 9)),
            "metadata": {"n": str(number)},
            "webhook": {"url": self._hook},
        }
        if dice.random() < 0.3:
            body["end_user"] = f"user-{dice.randrange(4)}"
        if dice.random() < 0.1:
            body["run_at"] = round(dice.uniform(0.2, 3.0), 3)
        if dice.random() < 0.1:
            body["deadline"] = 3600
        key = f"order-{number}" if dice.random() < _KEYED else None
        return Order(number, tenant, orjson.dumps(body), key)

    def _may_ask(self, tenant: Enrolled, elapsed: float) -> bool:
        """Keep a rate-limited tenant's backlog short, or nothing would ever drain."""
        rate = tenant.plan.per_minute
        if rate is None:
            return True
        asked = self._rated.get(tenant.id, 0.0)
        if asked > rate + elapsed * rate / 60 + 10:
            return False
        self._rated[tenant.id] = asked + 1
        return True

    async def _call(self, session: aiohttp.ClientSession, order: Order) -> None:
        job: Mapping[str, Any] | None = None
        while job is None and not order.given_up:
            job = await self._submit(session, order)
            if job is None:
                order.given_up = order.key is None
                await asyncio.sleep(
                    self._dice.uniform(*_RETRY_SECONDS)
                )  # sleeps: a caller's back-off
        if job is None:
            return
        order.job = job["id"]
        if job["urls"]["cancel"] and self._dice.random() < _CANCELLED:
            await asyncio.sleep(self._dice.uniform(0, 1.5))  # sleeps: changes its mind
            await self._cancel(session, order, job["urls"]["cancel"])

    async def _submit(
        self, session: aiohttp.ClientSession, order: Order
    ) -> Mapping[str, Any] | None:
        headers = {
            "authorization": f"Bearer {order.tenant.key}",
            "content-type": "application/json",
        }
        if order.key:
            headers["idempotency-key"] = order.key
        try:
            async with session.post(self._url, data=order.body, headers=headers) as response:
                answer = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            self.answers[type(error).__name__] += 1
            return None
        self.answers[str(status)] += 1
        if status < _REFUSED:
            return orjson.loads(answer)
        if status != _UNAVAILABLE:
            self.faults.append(f"a submit was answered {status}: {answer[:300].decode()}")
        if status < _SERVER_FAULT:
            # Nobody will take it: the fault is told once, and not for ever.
            order.given_up = True
        return None

    async def _cancel(self, session: aiohttp.ClientSession, order: Order, url: str) -> None:
        headers = {"authorization": f"Bearer {order.tenant.key}"}
        try:
            async with session.post(url, headers=headers) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError):
            self.answers["cancel lost"] += 1
            return
        self.answers[f"cancel {response.status}"] += 1
        if response.status < _REFUSED:
            order.cancelled = orjson.loads(answer)["status"] == "cancelled"
        elif response.status == _SERVER_FAULT:
            self.faults.append(f"a cancel was answered 500: {answer[:300].decode()}")
