"""Keeps genq from being turned against somebody: few requests at once to any one address.

Receivers are chosen by tenants. A thousand endpoints whose names all lead to one machine would
make every event a volley against it, whoever owns it. So the number of requests in flight and
of new connections is bounded per destination address, over all tenants and endpoints.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, Self

from yarl import URL

from infra.http.names import Names

MOST_IN_FLIGHT: Final = 32
"""Requests at once to one address."""
MOST_OF_ONE: Final = 24
"""Of these, for one tenant: the rest is left to others who send to the same address."""
MOST_DIALS: Final = 200
"""New connections to one address in any second."""
PATIENCE: Final = 3.0
"""Seconds that a request waits for a place."""
_SECOND: Final = 1.0
_SWEEP_AT: Final = 4096


class NoPlaceError(OSError):
    """The destination is as busy with our requests as it may be. Nothing was sent."""

    def __init__(self) -> None:
        # The same for every address: aiohttp then keeps this error when it tried several.
        super().__init__(None, "too many requests to this address at once")


class Destinations:
    """What is under way to each destination address.

    This holds for one process: with several delivery processes, an address may meet as many
    times these numbers. A receiver's lane belongs to one process at a time, so its own limits
    hold over all of them.

    Args:
        names: The memory of the session that sends. ``None`` behind a forward proxy, which
            looks names up by itself: names are then counted in the place of addresses, and
            connections not at all.
        exempt: Addresses for which nothing is counted, such as the operator's own.
        most: Requests in flight to one address.
        most_of_one: Of these, of one tenant.
        dials: New connections to one address in any second.
        patience: Seconds that a request waits for a place.
    """

    def __init__(
        self,
        names: Names | None,
        *,
        exempt: Callable[[str], bool],
        most: int = MOST_IN_FLIGHT,
        most_of_one: int = MOST_OF_ONE,
        dials: int = MOST_DIALS,
        patience: float = PATIENCE,
    ) -> None:
        self._names = names
        self._exempt = exempt
        self._most = most
        self._most_of_one = most_of_one
        self._dials = dials
        self._patience = patience
        self._addresses: dict[str, _Address] = {}
        self._sweep_at = _SWEEP_AT

    def place(self, url: str | URL, *, tenant: int) -> "Place":
        """Return a place among the requests to where ``url`` leads; enter it to send one.

        Entering waits for a place, for at most ``patience`` seconds; begin the request's own
        timeout inside. A request inside goes to the address that it was let in for, or ends
        in an error one of whose causes is ``NoPlaceError``: when the name was not known yet,
        or when its connection leads elsewhere.

        Args:
            url: As it will be requested, by the session to which ``names`` belongs.
            tenant: On whose behalf.

        Raises:
            NoPlaceError: From entering: there was no place in time.
        """
        return Place(self, (URL(url) if isinstance(url, str) else url).raw_host or "", tenant)

    def likely(self, host: str) -> "_Address | None":
        """Return where a request to ``host`` will go, as far as that is known by now."""
        if self._names is None:
            return self.at(host)
        known = self._names.known(host)
        if known:
            return self.at(known[0])
        # A literal address is in no memory of names; other names show when they are dialled.
        return self.at(host) if ":" in host or host[-1:].isdigit() else None

    def at(self, address: str) -> "_Address":
        """Return the count of one address."""
        found = self._addresses.get(address)
        if found is None:
            if len(self._addresses) >= self._sweep_at:
                self._sweep()
            exempt = self._exempt(address)
            found = _Address(exempt, self._most, self._most_of_one, self._dials)
            self._addresses[address] = found
        return found

    @property
    def patience(self) -> float:
        """Seconds that a request waits for a place."""
        return self._patience

    def prefer(self, host: str, address: str) -> None:
        """Remember which of a name's addresses is in use."""
        if self._names is not None:
            self._names.prefer(host, address)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        self._addresses = {
            name: one for name, one in self._addresses.items() if not one.is_idle(now)
        }
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._addresses))


class Place:
    """One request's place; ``Destinations.place`` makes it.

    Attributes:
        address: Where the request went, once it is connected. Behind a proxy: ``None``.
    """

    __slots__ = ("_all", "_dial", "_held", "_host", "_tenant", "address")

    def __init__(self, destinations: Destinations, host: str, tenant: int) -> None:
        self.address: str | None = None
        self._all = destinations
        self._host = host
        self._tenant = tenant
        self._held: _Address | None = None
        # An address at which a connection for this request is already counted.
        self._dial: _Address | None = None

    async def __aenter__(self) -> Self:
        address = self._all.likely(self._host)
        if address is not None and not address.exempt:
            if not address.take(self._tenant):
                await address.wait(self._tenant, self._all.patience)
            self._held = address
            if address.next_dial() > 0:
                try:
                    await self._wait_to_dial(address)
                except BaseException:
                    self._leave()
                    raise
        _PLACE.set(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        _PLACE.set(None)
        self._leave()

    def connected(self, address: str) -> None:
        """Move to the address to which the request's connection leads, if it is another.

        Raises:
            NoPlaceError: That one is busy.
        """
        found = self._all.at(address)
        if found is not self._held:
            if not found.exempt and not found.take(self._tenant):
                raise NoPlaceError
            self._leave()
            self._held = None if found.exempt else found
            self._all.prefer(self._host, address)
        self.address = address

    def dial(self, address: str) -> None:
        """Count a new connection.

        Raises:
            NoPlaceError: There were too many within a second.
        """
        found = self._all.at(address)
        if found is self._dial:
            self._dial = None
        elif not found.exempt and found.next_dial() > 0:
            raise NoPlaceError
        else:
            found.count_dial()

    async def _wait_to_dial(self, address: "_Address") -> None:
        wait = address.next_dial()
        if wait > self._all.patience:
            raise NoPlaceError
        address.count_dial()
        self._dial = address
        await asyncio.sleep(wait)

    def _leave(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.leave(self._tenant)


class _Address:
    """Requests in flight to one address, and the latest connections to it."""

    __slots__ = ("_dials", "_in_flight", "_most", "_most_of_one", "_of", "_waiting", "exempt")

    def __init__(self, exempt: bool, most: int, most_of_one: int, dials: int) -> None:
        self.exempt = exempt
        self._most = most
        self._most_of_one = most_of_one
        self._in_flight = 0
        self._of: dict[int, int] = {}
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        # When each of the last so many connections began, or may begin.
        self._dials: deque[float] = deque(maxlen=dials)

    def take(self, tenant: int) -> bool:
        """Count a request if there is a place for it."""
        of_tenant = self._of.get(tenant, 0)
        if self._in_flight >= self._most or of_tenant >= self._most_of_one:
            return False
        self._in_flight += 1
        self._of[tenant] = of_tenant + 1
        return True

    def leave(self, tenant: int) -> None:
        """Give a place back, to the one who has waited longest and may have it."""
        self._in_flight -= 1
        left = self._of[tenant] - 1
        if left:
            self._of[tenant] = left
        else:
            del self._of[tenant]
        for entry in self._waiting:
            waiter, place = entry
            if not place.done() and self.take(waiter):
                place.set_result(None)
                self._waiting.remove(entry)
                return

    async def wait(self, tenant: int, patience: float) -> None:
        """Wait for a place and take it.

        Raises:
            NoPlaceError: There was none within ``patience`` seconds.
        """
        entry = (tenant, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(patience):
                await entry[1]
        except TimeoutError:
            self._give_up(entry)
            raise NoPlaceError from None
        except asyncio.CancelledError:
            self._give_up(entry)
            raise

    def _give_up(self, entry: tuple[int, asyncio.Future[None]]) -> None:
        tenant, place = entry
        if entry in self._waiting:
            self._waiting.remove(entry)
        elif not place.cancelled():
            # It was given at the very moment of giving up.
            self.leave(tenant)

    def next_dial(self) -> float:
        """Return in how many seconds another connection may begin; 0: now."""
        dials = self._dials
        if len(dials) < (dials.maxlen or 0):
            return 0.0
        return max(0.0, dials[0] + _SECOND - asyncio.get_running_loop().time())

    def count_dial(self) -> None:
        """Count a connection that begins as soon as it may."""
        now = asyncio.get_running_loop().time()
        self._dials.append(now + self.next_dial())

    def is_idle(self, now: float) -> bool:
        """Return whether nothing would be lost by forgetting this address."""
        quiet = not self._dials or self._dials[-1] + _SECOND <= now
        return quiet and not self._in_flight and not self._waiting


_PLACE: ContextVar[Place | None] = ContextVar("place", default=None)


def place_of_request() -> Place | None:
    """Return the place inside which this code runs."""
    return _PLACE.get()
