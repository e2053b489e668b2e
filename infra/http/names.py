"""Looks names up beside the event loop, by c-ares, for whoever dials and whoever counts.

aiohttp's own fall-back asks in threads: a handful of names whose servers are silent would then
stop every other look-up of the process. Here each look-up ends within its budget.
"""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

BUDGET: Final = 2.0
"""Seconds in which a name is found, or is not."""
REMEMBERED: Final = 5.0
"""Seconds for which an answer is good. What it says is judged again whenever it is dialled."""
MOST_ADDRESSES: Final = 8
"""Of one answer: a hostile one may list hundreds, and each would be tried."""
_MOST_NAMES: Final = 4096
# A name server gets this long, then the next one, then the round begins again.
_TRY_SECONDS: Final = 0.8
_TRIES: Final = 2
_ARES_ECONNREFUSED: Final = 11


class NoNameServerError(OSError):
    """None of our own name servers could be reached: no receiver is to blame."""


class VouchedAddress(str):
    """The address of a host that the operator listed by name: it may be dialled whatever it is.

    A resolver alone knows names, and who dials sees addresses alone.
    """

    __slots__ = ()


@dataclass(slots=True)
class _Answer:
    addresses: list[str]
    good_until: float


class Names(AbstractResolver):
    """A resolver for aiohttp, with a small memory that can be asked without waiting.

    Call it on one event loop, and close it there.

    Args:
        permits: Whether an address may be dialled. An answer's other addresses are left out;
            if none remains, all are kept, for the one who dials to refuse.
        vouches_for: Whether a host may be called wherever its name leads.
        servers: ``host`` or ``host:port`` of name servers; the system's if not given.
        budget: Seconds in which a look-up ends.
        remembered: Seconds for which an answer is good, whatever its own time to live.
    """

    def __init__(
        self,
        permits: Callable[[str], bool],
        *,
        vouches_for: Callable[[str], bool] = lambda _: False,
        servers: Sequence[str] | None = None,
        budget: float = BUDGET,
        remembered: float = REMEMBERED,
    ) -> None:
        self._permits = permits
        self._vouches_for = vouches_for
        self._servers = servers
        self._budget = budget
        self._remembered = remembered
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Answer]] = {}
        self._channel: aiodns.DNSResolver | None = None

    def known(self, host: str) -> Sequence[str]:
        """Return what is remembered of ``host``, the likeliest address first; or nothing."""
        answer = self._remember(host)
        return () if answer is None else answer.addresses

    def prefer(self, host: str, address: str) -> None:
        """Have ``address``, which worked, tried first as long as the name leads there."""
        answer = self._answers.get(host)
        if answer and answer.addresses[0] != address and address in answer.addresses:
            place = answer.addresses.index(address)
            answer.addresses.insert(0, answer.addresses.pop(place))

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``, at most ``MOST_ADDRESSES``.

        Raises:
            OSError: There is none, or nobody said so in time.
            NoNameServerError: Our name servers cannot be reached.
        """
        answer = self._remember(host) or await self._ask(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer.addresses
            if family in {socket.AF_UNSPEC, kind := _family_of(address)}
        ]

    async def close(self) -> None:
        """Give up the look-ups under way."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _remember(self, host: str) -> _Answer | None:
        answer = self._answers.get(host)
        if answer is None or answer.good_until <= asyncio.get_running_loop().time():
            return None
        return answer

    async def _ask(self, host: str) -> _Answer:
        task = self._asking.get(host)
        if task is None:
            task = asyncio.create_task(self._look_up(host))
            self._asking[host] = task
            task.add_done_callback(lambda done: self._asked(host, done))
        # Whoever gives up waiting does not end the look-up for the others.
        return await asyncio.shield(task)

    def _asked(self, host: str, task: asyncio.Task[_Answer]) -> None:
        del self._asking[host]
        if not task.cancelled():
            # Nobody may be left to hear of it.
            task.exception()

    async def _look_up(self, host: str) -> _Answer:
        found = await self._addresses(host)
        if self._vouches_for(host):
            permitted: list[str] = [VouchedAddress(address) for address in found]
        else:
            permitted = [address for address in found if self._permits(address)]
        addresses = (permitted or found)[:MOST_ADDRESSES]
        before = self._answers.pop(host, None)
        answer = _Answer(addresses, asyncio.get_running_loop().time() + self._remembered)
        self._answers[host] = answer
        if before is not None:
            # Answers come in a new order each time; open connections lead to the old one's.
            self.prefer(host, before.addresses[0])
        if len(self._answers) > _MOST_NAMES:
            self._answers.popitem(last=False)
        return answer

    async def _addresses(self, host: str) -> list[str]:
        if self._channel is None:
            self._channel = aiodns.DNSResolver(
                self._servers, timeout=_TRY_SECONDS, tries=_TRIES
            )
        try:
            async with asyncio.timeout(self._budget):
                found = await self._channel.getaddrinfo(
                    host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM
                )
                nodes: list[Any] = found.nodes
        except TimeoutError:
            said = f"no name server answered within {self._budget:g} s"
            raise OSError(None, said) from None
        except aiodns.error.DNSError as error:
            number, text = error.args
            unreachable = number == _ARES_ECONNREFUSED
            kind = NoNameServerError if unreachable else OSError
            raise kind(None, str(text)) from None
        addresses = [str(node.addr[0].decode()) for node in nodes]
        if not addresses:
            raise OSError(None, "the name has no address")
        return addresses


def _family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
