"""Where the forward proxy is, as the operator writes it."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote, urlsplit

SOCKS: Final = "socks5"
_SCHEMES: Final = ("http", "https", SOCKS)


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """Through whom receivers are called.

    Attributes:
        scheme: ``http``, ``https`` (TLS as far as the proxy) or ``socks5``.
    """

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``scheme://[user:password@]host:port``; escape user and password as in URLs.

        Raises:
            ValueError: It is something else; the message holds no password.
        """
        try:
            url = urlsplit(text.strip())
            host, port = url.hostname, url.port
        except ValueError:
            host = port = None
            url = urlsplit("")
        if url.scheme and url.scheme not in _SCHEMES:
            raise ValueError(f"must begin with {', '.join(f'{one}://' for one in _SCHEMES)}")
        if not host or not port or url.path not in {"", "/"} or url.query or url.fragment:
            raise ValueError("must be like http://user:password@host:3128, without a path")
        user = None if url.username is None else unquote(url.username)
        return cls(url.scheme, host, port, user, unquote(url.password or ""))
