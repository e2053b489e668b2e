"""Which hosts that callers chose may be called: the public internet, or a listed network.

It knows URLs and addresses alone: who only checks what callers give need not load a client.
"""

import errno
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from yarl import URL

from infra.http.special_addresses import inner_address, is_public
from infra.settings import Settings
from schemas.errors import OutboundRefusedError

_MAX_URL: Final = 2048
_MAX_HOST: Final = 253
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# "http://2130706433", "127.1", "0x7f.0.0.1": what a system's own parser takes for an address.
_NUMERIC: Final = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")
_METADATA_NAMES: Final = ("metadata.google.internal", "instance-data")
_WEB_PORTS: Final = (80, 443)
_FIRST_FREE_PORT: Final = 1024
# Servers that act on a line of an HTTP request as if it were theirs, and control planes.
_REFUSED_PORTS: Final = frozenset(
    {
        1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5671, 5672, 5900,
        5984, 6379, 6380, 6443, 7000, 7001, 9042, 9092, 9200, 9300, 10250, 11211, 15672, 25672,
        27017,
    }
)  # fmt: skip


class RefusedAddressError(OutboundRefusedError, OSError):
    """The guard did not dial. An ``OSError``, because that is what aiohttp expects of a socket.

    aiohttp raises ``ClientConnectorError`` with this as its ``__cause__``.

    Attributes:
        address: What was not dialled. Not in the message, which a tenant may read: it could
            describe the inside of our network.
    """

    def __init__(self, address: str) -> None:
        super().__init__(_NOT_PUBLIC)
        self.address = address
        self.errno = errno.EACCES
        # The same for every address: aiohttp then keeps this error when it tried several.
        self.strerror = _NOT_PUBLIC


_NOT_PUBLIC: Final = (
    "the URL leads to an address that is not public; use a public one, or have the operator "
    "list its network in GENQ_OUTBOUND_ALLOW"
)


class OutboundPolicy:
    """Which addresses may be called: public unicast, the networks and the names listed.

    Args:
        allow: Networks that are allowed although they are not public.
        names: Hosts that may be called wherever their names lead, exactly as URLs write them.
    """

    def __init__(
        self, allow: Sequence[IPv4Network | IPv6Network] = (), *, names: Sequence[str] = ()
    ) -> None:
        self._allow = tuple(allow)
        self._names = frozenset(name.rstrip(".").lower() for name in names)

    def vouches_for(self, host: str) -> bool:
        """Return whether the operator listed ``host`` by its name."""
        return host.rstrip(".").lower() in self._names

    def permits(self, address: str) -> bool:
        """Return whether ``address`` may be dialled.

        Args:
            address: As a resolver gives it. Anything but the plain form of an IPv4 or IPv6
                address is refused, and so is a zone (``fe80::1%eth0``). An IPv6 address that
                carries an IPv4 address needs permission for that as well.
        """
        try:
            judged = ip_address(address)
        except ValueError:
            return False
        if isinstance(judged, IPv6Address):
            if judged.scope_id is not None:
                return False
            judged = judged.ipv4_mapped or judged
        listed = self._lists(judged)
        inner = inner_address(judged) if isinstance(judged, IPv6Address) else None
        if inner is not None:
            return listed and self.permits(str(inner))
        return listed or is_public(judged)

    def lists(self, address: str) -> bool:
        """Return whether ``address`` is in one of the networks that the operator listed."""
        if not self._allow:
            return False
        try:
            judged = ip_address(address)
        except ValueError:
            return False
        if isinstance(judged, IPv6Address):
            judged = judged.ipv4_mapped or judged
        return self._lists(judged)

    def _lists(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._allow)

    def check_url(self, url: str, *, https_only: bool = False) -> None:
        """Refuse early what can be seen in the URL; names are judged when they are dialled.

        Args:
            url: As somebody gave it.
            https_only: Whether ``http://`` is refused.

        Raises:
            OutboundRefusedError: The scheme is not http or https, there is a user or password,
                a port of something other than a web server, a malformed host, or an address
                that is not permitted.
        """
        if len(url) > _MAX_URL or _CONTROL.search(url):
            raise OutboundRefusedError(
                f"the URL is longer than {_MAX_URL} characters, or has spaces or control "
                "characters; escape them"
            )
        try:
            # aiohttp's own parser: what is judged is what would be dialled.
            parsed = URL(url)
        except ValueError:
            raise OutboundRefusedError(
                "the URL is malformed; write https://host/path"
            ) from None
        if parsed.scheme not in {"http", "https"}:
            raise OutboundRefusedError("the URL must begin with https:// or http://")
        if https_only and parsed.scheme != "https":
            raise OutboundRefusedError("the URL must begin with https://")
        if "@" in parsed.raw_authority:
            raise OutboundRefusedError("the URL holds a user or password; leave them out")
        self._check_port(parsed.port or 0)
        self._check_host((parsed.raw_host or "").rstrip(".").lower())

    def _check_port(self, port: int) -> None:
        web = port in _WEB_PORTS or port >= _FIRST_FREE_PORT
        if not web or port in _REFUSED_PORTS:
            raise OutboundRefusedError(
                f"port {port} is not one of a web server; use 443, 80, or one from "
                f"{_FIRST_FREE_PORT} that no other known service has"
            )

    def _check_host(self, host: str) -> None:
        if ":" in host or _NUMERIC.fullmatch(host):
            if not self.permits(host):
                raise RefusedAddressError(host)
        elif host in self._names:
            return
        elif host == "localhost" or host.endswith(".localhost"):
            if not (self.permits("127.0.0.1") or self.permits("::1")):
                raise RefusedAddressError(host)
        elif host in _METADATA_NAMES:
            raise RefusedAddressError(host)
        elif len(host) > _MAX_HOST or _NAME.fullmatch(host) is None:
            raise OutboundRefusedError("the URL has no host, or one that is not a valid name")


def policy_of(settings: Settings) -> OutboundPolicy:
    """Return what an installation lets its tenants have called."""
    return OutboundPolicy(settings.outbound_allow, names=settings.outbound_allow_names)
